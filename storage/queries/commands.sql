-- One who acts on an order at a time.
-- name: lock_order
SELECT pg_advisory_xact_lock(hashtextextended('headend.order ' || %(key)s, 0));

-- One release at a time: two together must not stay below a cap that their sum exceeds.
-- name: lock_release
SELECT pg_advisory_xact_lock(hashtextextended('headend.release', 0));

-- name: now
SELECT clock_timestamp();

-- name: add_order
INSERT INTO command_order
    (key, version, digest, asked, function, parameters, reason, notice, requester, source, not_before, expires, by, at)
VALUES
    (%(key)s, %(version)s, %(digest)s, %(asked)s, %(function)s, %(parameters)s, %(reason)s, %(notice)s, %(requester)s,
     %(source)s, %(not_before)s, %(expires)s, %(by)s, %(at)s);

-- name: add_targets
INSERT INTO command_target (key, version, meter, address, line, point, area, feeder, label, load_w)
SELECT %(key)s, %(version)s, * FROM unnest(
    %(meters)s::text[], %(addresses)s::text[], %(lines)s::text[], %(points)s::text[], %(areas)s::text[],
    %(feeders)s::text[], %(labels)s::text[], %(loads)s::bigint[]
);

-- name: order
SELECT key, version, digest, asked, function, parameters, reason, notice, requester, source, not_before, expires, at
FROM command_order WHERE key = %(key)s AND (%(version)s::integer IS NULL OR version = %(version)s)
ORDER BY version DESC LIMIT 1;

-- name: first_asked
SELECT asked, at FROM command_order WHERE key = %(key)s AND version = 1;

-- name: targets
SELECT meter, address, line, point, area, feeder, label, load_w
FROM command_target WHERE key = %(key)s AND version = %(version)s
  AND (%(meters)s::text[] IS NULL OR meter = ANY (%(meters)s))
ORDER BY meter;

-- A draft is of the last version of its order, whatever that says.
-- name: commands
SELECT DISTINCT ON (t.meter) t.meter, t.number, o.version, o.digest, t.after, t.at, t.why,
       coalesce((SELECT c.claim FROM command_transition c WHERE c.key = t.key AND c.meter = t.meter AND c.after = 'sent'), '')
FROM command_transition t
JOIN command_order o ON o.key = t.key AND o.version = CASE t.after
    WHEN 'draft' THEN (SELECT max(version) FROM command_order WHERE key = %(key)s) ELSE t.version END
WHERE t.key = %(key)s AND (%(meters)s::text[] IS NULL OR t.meter = ANY (%(meters)s))
ORDER BY t.meter, t.number DESC;

-- Go on from exactly these numbers and states; a command that somebody else has moved on is refused by the keys.
-- name: move
INSERT INTO command_transition (key, meter, number, version, before, after, claim, why, by, at)
SELECT k.key, k.meter, k.number + 1, k.version, k.before, %(after)s, %(claim)s, %(why)s, %(by)s, %(at)s
FROM unnest(
    %(keys)s::text[], %(meters)s::text[], %(numbers)s::integer[], %(versions)s::integer[], %(befores)s::text[]
) AS k (key, meter, number, version, before);

-- name: begin
INSERT INTO command_transition (key, meter, number, version, before, after, why, by, at)
SELECT %(key)s, meter, 0, %(version)s, NULL, 'draft', '', %(by)s, %(at)s FROM unnest(%(meters)s::text[]) AS meter;

-- name: approve
INSERT INTO approval (key, version, by, bound, over_caps, at, expires)
VALUES (%(key)s, %(version)s, %(by)s, %(bound)s, %(over_caps)s, %(at)s, %(expires)s);

-- name: approvals
SELECT by, bound, at, expires, over_caps FROM approval WHERE key = %(key)s ORDER BY id;

-- name: orders
SELECT o.key, o.at FROM command_order o
WHERE o.version = 1 AND (%(before)s::timestamptz IS NULL OR o.at < %(before)s)
  AND (%(state)s::text IS NULL OR EXISTS (SELECT FROM command_state s WHERE s.key = o.key AND s.state = %(state)s))
ORDER BY o.at DESC, o.key LIMIT %(limit)s;

-- name: summary
SELECT s.state, count(*) FROM (
    SELECT DISTINCT ON (t.meter) t.meter, t.after AS state FROM command_transition t WHERE t.key = %(key)s
    ORDER BY t.meter, t.number DESC
) s JOIN command_target c ON c.key = %(key)s AND c.version = %(version)s AND c.meter = s.meter
GROUP BY 1 ORDER BY 1;

-- name: loads
SELECT area, count(*), coalesce(sum(load_w), 0)::bigint, count(*) FILTER (WHERE load_w IS NULL)
FROM command_target WHERE key = %(key)s AND version = %(version)s GROUP BY area ORDER BY area;

-- name: labels
SELECT meter, label FROM command_target WHERE key = %(key)s AND version = %(version)s ORDER BY meter LIMIT %(limit)s;

-- Commands in these states, with their last number: those that an event ends.
-- name: open
SELECT s.key, s.meter, s.number, o.version, s.state, t.point, t.area, o.function, o.reason, o.expires, f.at
FROM command_open s
JOIN command_order o ON o.key = s.key AND o.version = CASE s.state
    WHEN 'draft' THEN (SELECT max(version) FROM command_order v WHERE v.key = s.key) ELSE s.version END
JOIN command_order f ON f.key = s.key AND f.version = 1
JOIN command_target t ON t.key = s.key AND t.version = o.version AND t.meter = s.meter
WHERE s.state = ANY (%(states)s)
  AND (%(key)s::text IS NULL OR s.key = %(key)s)
  AND (%(expired)s::timestamptz IS NULL OR o.expires <= %(expired)s)
  AND (%(point)s::text IS NULL OR t.point = %(point)s)
  AND (%(area)s::text IS NULL OR %(area)s = '*' OR t.area = %(area)s)
ORDER BY s.key, s.meter;

-- name: fates
SELECT meter, at, after, why, by FROM command_transition WHERE key = %(key)s ORDER BY meter, number;
