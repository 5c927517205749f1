-- Commands for these meters that somebody has to do something about.
-- name: waiting
SELECT s.key, s.meter, s.state, s.at, o.not_before, o.function,
       CASE WHEN s.state = 'sent' THEN (
           SELECT t.claim FROM command_transition t WHERE t.key = s.key AND t.meter = s.meter AND t.after = 'sent'
       ) ELSE '' END,
       EXISTS (SELECT FROM command_target x WHERE x.key = s.key AND x.version = s.version AND x.meter <> s.meter)
FROM command_open s
JOIN command_order o ON o.key = s.key AND o.version = s.version
WHERE s.state IN ('released', 'sent', 'acknowledged', 'unknown')
  AND s.meter = ANY (ARRAY(SELECT unnest(%(meters)s::text[])))
  AND NOT (s.state = 'released' AND s.key IN (SELECT key FROM command_paused))
ORDER BY s.at, s.key, s.meter;

-- One command, and who let it go.
-- name: command
SELECT s.state, s.number, s.version, s.at, (
    SELECT t.by FROM command_transition t
    WHERE t.key = s.key AND t.meter = s.meter AND t.after = 'released' ORDER BY t.number DESC LIMIT 1
)
FROM command_open s WHERE s.key = %(key)s AND s.meter = %(meter)s;

-- What the meter showed when the command was claimed, as the audit has it.
-- name: seen_before
SELECT a.body::jsonb -> 'seen' FROM audit a
WHERE a.subject = %(key)s AND a.meter = %(meter)s AND a.action = 'send' AND a.body::jsonb ->> 'state' = 'sent'
ORDER BY a.number DESC LIMIT 1;

-- What may have changed for one command since everything was read, in one answer. The marks change when people, grants,
-- stops, holds, weather or the policy do.
-- name: glance
SELECT clock_timestamp(),
       ARRAY[
           (SELECT coalesce(max(id), 0) FROM command_policy),
           (SELECT count(*) FROM person_state),
           (SELECT coalesce(max(id), 0) FROM person_grant),
           (SELECT count(*) FROM grant_end),
           (SELECT coalesce(max(id), 0) FROM stop),
           (SELECT count(*) FROM stop_end),
           (SELECT coalesce(max(id), 0) FROM hold),
           (SELECT count(*) FROM hold_end),
           (SELECT coalesce(max((extract(epoch FROM at) * 1000000)::bigint), 0) FROM area_weather)
       ],
       (
           SELECT ARRAY[meter, address, line, point, area, feeder, label, watts::text, protocol]
           FROM meter_place(now()) WHERE meter = %(meter)s
       ),
       (
           SELECT json_agg(json_build_array(e.category, e.meter, e.point, e.evidence, e.until) ORDER BY e.id)
           FROM protection_entry e
           WHERE (e.meter = %(meter)s OR e.point = %(point)s) AND (e.until IS NULL OR e.until > now())
             AND NOT EXISTS (SELECT FROM protection_end d WHERE d.entry_id = e.id)
       ),
       EXISTS (SELECT FROM recall WHERE key = %(key)s),
       EXISTS (
           SELECT FROM recall
           WHERE point = %(point)s AND at >= (SELECT o.at FROM command_order o WHERE o.key = %(key)s AND o.version = 1)
       ),
       (SELECT s.state FROM command_open s WHERE s.key = %(key)s AND s.meter = %(meter)s),
       coalesce((
           SELECT t.claim FROM command_transition t WHERE t.key = %(key)s AND t.meter = %(meter)s AND t.after = 'sent'
       ), ''),
       (
           SELECT s.key FROM command_open s
           WHERE s.meter = %(meter)s AND s.key <> %(key)s AND s.state IN ('sent', 'acknowledged', 'unknown') LIMIT 1
       ),
       (SELECT max(at) FROM command_transition),
       c.at, c.offset_ms
FROM (SELECT) one
LEFT JOIN LATERAL (
    SELECT s.at, s.offset_ms FROM clock_survey s JOIN meter m ON m.id = s.meter_id
    WHERE m.name = %(meter)s ORDER BY s.at DESC LIMIT 1
) c ON true;

-- On from exactly this number and state, with what it rests on and the audit; nothing where somebody has moved it on, nor
-- to sent where the order is paused or its area stopped.
-- name: go_on
WITH moved AS (
    INSERT INTO command_transition (key, meter, number, version, before, after, claim, why, by, at)
    SELECT s.key, s.meter, s.number + 1, s.version, s.state, %(after)s, %(claim)s, %(why)s, %(by)s, clock_timestamp()
    FROM command_open s
    WHERE s.key = %(key)s AND s.meter = %(meter)s AND s.state = %(before)s
      AND (%(number)s::integer IS NULL OR s.number = %(number)s)
      AND (%(after)s <> 'sent' OR NOT EXISTS (SELECT FROM command_paused p WHERE p.key = %(key)s))
      AND (%(after)s <> 'sent' OR NOT EXISTS (
          SELECT FROM stop t JOIN command_target c ON t.area IN ('*', c.area)
          WHERE c.key = s.key AND c.version = s.version AND c.meter = s.meter
            AND NOT EXISTS (SELECT FROM stop_end e WHERE e.stop_id = t.id)
      ))
    RETURNING key
), kept AS (
    INSERT INTO decision (digest, document)
    SELECT %(digest)s, %(document)s FROM moved WHERE %(digest)s::text IS NOT NULL
    ON CONFLICT DO NOTHING
)
INSERT INTO audit (by, action, subject, meter, body)
SELECT %(by)s, %(action)s, key, %(meter)s, %(body)s FROM moved;
