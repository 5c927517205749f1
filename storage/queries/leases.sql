-- name: join
INSERT INTO member (id, name, ttl) VALUES (%(id)s, %(name)s, %(ttl)s);

-- name: renew
UPDATE member SET renewals = renewals + 1, renewed = now() WHERE id = %(id)s RETURNING renewals;

-- name: members
SELECT id, name, ttl, renewals FROM member ORDER BY name, id;

-- name: bury
DELETE FROM member WHERE id = %(id)s AND renewals = %(renewals)s RETURNING id;

-- name: leave
DELETE FROM member WHERE id = %(id)s;

-- name: held
SELECT line_id, token, caller FROM lease WHERE holder = %(id)s;

-- Only what is free; the foreign key refuses a holder who has been buried.
-- name: claim
INSERT INTO lease (line_id, holder, token)
SELECT id, %(id)s::uuid, 1
FROM (
    SELECT id FROM line
    WHERE id = ANY (%(lines)s) AND NOT EXISTS (SELECT FROM lease WHERE line_id = line.id AND holder IS NOT NULL)
    ORDER BY random()
    LIMIT %(most)s
) free
ORDER BY id
ON CONFLICT (line_id) DO UPDATE SET holder = excluded.holder, token = lease.token + 1, caller = NULL
WHERE lease.holder IS NULL
RETURNING line_id, token, caller;

-- name: release
UPDATE lease SET holder = NULL, caller = NULL
WHERE line_id = %(line)s AND holder = %(id)s AND token = %(token)s
RETURNING line_id;

-- name: call
UPDATE lease SET caller = %(id)s WHERE line_id = ANY (%(lines)s) AND holder <> %(id)s AND caller IS DISTINCT FROM %(id)s;

-- name: decline
UPDATE lease SET caller = NULL WHERE line_id = ANY (%(lines)s) AND holder = %(id)s;

-- For people: by the database's clock, which may be wrong.
-- name: tenures
SELECT l.id, l.name, m.name, l2.token
FROM line l
LEFT JOIN lease l2 ON l2.line_id = l.id
LEFT JOIN member m ON m.id = l2.holder AND m.renewed + m.ttl > now()
WHERE l.url <> 'push:' AND l.id IN (SELECT line_id FROM meter WHERE state = 'active')
ORDER BY l.name;
