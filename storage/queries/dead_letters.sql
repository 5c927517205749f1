-- A message that was dealt with and comes again as unreadable as before is open again.
-- name: add
INSERT INTO dead_letter AS old (digest, push, topic, fields, payload, repeated, reason, detail, meters, state, received, last)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (digest) DO UPDATE SET
    reason = excluded.reason, detail = excluded.detail, meters = excluded.meters, state = excluded.state,
    last = greatest(old.last, excluded.last), count = old.count + 1;

-- name: list
SELECT id, push, topic, fields, payload, repeated, reason, detail, meters, state, received, last, count
FROM dead_letter
WHERE (%(push)s::text IS NULL OR push = %(push)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(since)s::timestamptz IS NULL OR last >= %(since)s)
  AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s))
  AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s))
  AND id > %(after)s
ORDER BY id
LIMIT %(limit)s;

-- name: summary
SELECT push, reason, state, count(*), sum(count)::bigint, min(received), max(last)
FROM dead_letter
WHERE (%(push)s::text IS NULL OR push = %(push)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(since)s::timestamptz IS NULL OR last >= %(since)s)
  AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s))
GROUP BY push, reason, state
ORDER BY push, reason, state;

-- name: unknown
SELECT key, push, state, min(received), max(last), sum(count)::bigint
FROM dead_letter, unnest(meters) AS key
WHERE state IN ('dead', 'quarantined') AND (%(push)s::text IS NULL OR push = %(push)s)
GROUP BY key, push, state
ORDER BY max(last) DESC, key;

-- name: keep
UPDATE dead_letter SET reason = %s, detail = %s, meters = %s, state = %s WHERE id = %s;

-- name: settle
UPDATE dead_letter SET state = %(state)s WHERE id = ANY (%(ids)s) AND state IN ('dead', 'quarantined');
