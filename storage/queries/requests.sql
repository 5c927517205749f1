-- name: ask
INSERT INTO request (kind, meter_id, items, actor, expires)
VALUES (%(kind)s, %(meter)s, %(items)s, %(actor)s, now() + %(patience)s)
RETURNING id;

-- name: recollect
INSERT INTO request (kind, start, "end", actor, expires, state, finished, result)
VALUES ('recollect', %(start)s, %(end)s, %(actor)s, now(), 'done', now(), %(result)s)
RETURNING id;

-- name: queued
SELECT id, meter_id FROM request WHERE state = 'queued' AND expires > now() ORDER BY id LIMIT 1000;

-- name: take
UPDATE request SET state = 'running', taken_by = %(by)s
WHERE id IN (
    SELECT id FROM request WHERE id = ANY (%(ids)s) AND state = 'queued' AND expires > now()
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, meter_id, items, expires;

-- name: finish
UPDATE request SET state = %(state)s, result = %(result)s, error = %(error)s, finished = now()
WHERE id = %(id)s AND state IN ('queued', 'running');

-- The one who took it may still be waiting for a meter's time-outs.
-- name: expire
UPDATE request SET state = 'expired', finished = now()
WHERE state = 'queued' AND expires <= now() OR state = 'running' AND expires <= now() - interval '1 minute';

-- name: answer
SELECT state, result, error FROM request WHERE id = %(id)s;

-- name: last
SELECT coalesce(max(id), 0) FROM request WHERE kind = 'recollect' AND created < now() - interval '7 days';

-- name: recollected
SELECT id, start, "end" FROM request WHERE kind = 'recollect' AND id > %(after)s ORDER BY id;

-- name: now
SELECT now();
