-- name: add
INSERT INTO webhook (person, url, kinds, secret) VALUES (%(person)s, %(url)s, %(kinds)s, %(secret)s) RETURNING id;

-- name: webhooks
SELECT w.id, w.person, w.url, w.kinds, w.created, w.tries, w.next_try, w.reached, w.failure,
       (SELECT count(*) FROM webhook_delivery d WHERE d.webhook_id = w.id)
FROM webhook w
WHERE w.person = %(person)s AND (%(id)s::bigint IS NULL OR w.id = %(id)s)
ORDER BY w.id;

-- name: remove
DELETE FROM webhook WHERE id = %(id)s AND person = %(person)s;

-- name: ask_for_test
INSERT INTO webhook_delivery (webhook_id, kind, body)
SELECT id, 'test', '{}' FROM webhook WHERE id = %(id)s AND person = %(person)s RETURNING id;

-- One that has something to tell and that no daemon is at, for `terms`: then it is anybody's again.
-- name: take
UPDATE webhook SET busy = now() + %(terms)s
WHERE id = (
    SELECT w.id FROM webhook w
    WHERE w.next_try <= now() AND w.busy <= now()
      AND EXISTS (SELECT FROM webhook_delivery d WHERE d.webhook_id = w.id)
    ORDER BY w.next_try, w.id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, person, url, secret, tries;

-- name: waiting
SELECT id, kind, area, at, body FROM webhook_delivery WHERE webhook_id = %(id)s ORDER BY id LIMIT %(limit)s;

-- name: told
DELETE FROM webhook_delivery WHERE webhook_id = %(id)s AND id = ANY (%(ids)s);

-- name: reached
UPDATE webhook SET tries = 0, next_try = 'epoch', busy = 'epoch', reached = now(), failure = NULL WHERE id = %(id)s;

-- name: let_go
UPDATE webhook SET busy = 'epoch' WHERE id = %(id)s;

-- name: failed
UPDATE webhook SET tries = tries + 1, next_try = now() + %(pause)s, busy = 'epoch', failure = %(failure)s
WHERE id = %(id)s;

-- name: given_up
DELETE FROM webhook_delivery WHERE at < now() - %(longest)s;
