-- name: policy
SELECT version, document, by, at FROM command_policy ORDER BY id DESC LIMIT 1;

-- name: policy_of
SELECT document FROM command_policy WHERE version = %(version)s ORDER BY id DESC LIMIT 1;

-- Meters as the registry has them at a moment, with what is thought of their load, and their area's time zone.
-- name: registry
SELECT meter, address, line, coalesce(point, ''), coalesce(area, ''), coalesce(feeder, ''), coalesce(label, ''), watts,
       timezone, protocol
FROM meter_place(%(now)s) WHERE meter = ANY (%(meters)s);

-- name: kinds
SELECT name, model FROM meter WHERE name = ANY (%(meters)s);

-- Whether there are places of these names.
-- name: places
SELECT EXISTS (SELECT FROM area WHERE name = %(area)s), EXISTS (SELECT FROM feeder WHERE name = %(feeder)s),
       EXISTS (SELECT FROM line WHERE name = %(line)s);

-- Active meters for which all that is told holds now; an empty text tells nothing.
-- name: where
SELECT meter FROM meter_place(%(now)s)
WHERE (%(area)s::text = '' OR area = %(area)s)
  AND (%(feeder)s::text = '' OR feeder = %(feeder)s)
  AND (%(line)s::text = '' OR line = %(line)s)
  AND (%(model)s::text = '' OR model = %(model)s)
  AND (%(tariff)s::text = '' OR tariff = %(tariff)s)
ORDER BY meter LIMIT %(limit)s;

-- name: meter_clocks
SELECT m.name, c.at, c.offset_ms
FROM meter m CROSS JOIN LATERAL (
    SELECT at, offset_ms FROM clock_survey s WHERE s.meter_id = m.id ORDER BY s.at DESC LIMIT 1
) c
WHERE m.name = ANY (%(meters)s);

-- Meters with the last look at their clocks, and the days since then on which they were, or may have been, told the time.
-- name: time_told
SELECT m.name, c.at, c.offset_ms, c.uncertainty_ms,
       ARRAY(SELECT day FROM clock_sync s WHERE s.meter_id = m.id AND s.day >= %(since)s AND s.result <> 'held_back')
FROM meter m
LEFT JOIN LATERAL (
    SELECT at, offset_ms, uncertainty_ms FROM clock_survey s WHERE s.meter_id = m.id ORDER BY s.at DESC LIMIT 1
) c ON true
WHERE m.name = ANY (%(meters)s);

-- Entries that are not over, of these meters and points; all of them where none are named.
-- name: protection
SELECT e.id, e.category, e.meter, e.point, e.evidence, e.until, e.by, e.at
FROM protection_entry e
WHERE NOT EXISTS (SELECT FROM protection_end d WHERE d.entry_id = e.id)
  AND (e.until IS NULL OR e.until > %(now)s)
  AND (%(meters)s::text[] IS NULL OR e.meter = ANY (%(meters)s) OR e.point = ANY (%(points)s))
ORDER BY e.id;

-- name: stops
SELECT s.id, s.area, s.why, s.by, s.at FROM stop s
WHERE NOT EXISTS (SELECT FROM stop_end e WHERE e.stop_id = s.id) ORDER BY s.id;

-- name: cancelled
SELECT EXISTS (SELECT FROM recall WHERE key = %(key)s);

-- Points that were paid for after the order was first asked for.
-- name: paid
SELECT DISTINCT point FROM recall WHERE point = ANY (%(points)s) AND at >= %(since)s;

-- name: holds
SELECT h.id, h.person, h.area, h.rule, h.why, h.at FROM hold h
WHERE NOT EXISTS (SELECT FROM hold_end e WHERE e.hold_id = h.id) ORDER BY h.id;

-- name: customers
SELECT coalesce(area, ''), coalesce(feeder, ''), count(*) FROM meter_place(%(now)s) WHERE point IS NOT NULL GROUP BY 1, 2;

-- name: weather
SELECT area, low_c, high_c, at FROM area_weather WHERE area = ANY (%(areas)s);

-- name: latest
SELECT max(at) FROM command_transition;

-- What was released or sent since, and was not ended before it was sent: counted by place.
-- name: used
SELECT CASE %(per)s WHEN 'area' THEN t.area WHEN 'feeder' THEN t.feeder ELSE '' END,
       count(*), coalesce(sum(t.load_w), 0)::bigint, count(*) FILTER (WHERE t.load_w IS NULL)
FROM (
    SELECT DISTINCT key, meter FROM command_transition
    WHERE at > %(since)s AND after IN ('released', 'sent') AND key <> %(order)s
      AND NOT (key = %(command_key)s AND meter = %(command_meter)s)
) d
JOIN LATERAL (
    SELECT x.version, x.before, x.after FROM command_transition x WHERE x.key = d.key AND x.meter = d.meter
    ORDER BY x.number DESC LIMIT 1
) s ON NOT (s.before = 'released' AND s.after IN ('quarantined', 'rejected', 'expired', 'recalled', 'stopped'))
JOIN command_order o ON o.key = d.key AND o.version = s.version
JOIN command_target t ON t.key = d.key AND t.version = s.version AND t.meter = d.meter
WHERE o.function = ANY (%(functions)s) AND (%(source)s::text IS NULL OR o.source = %(source)s)
GROUP BY 1;

-- name: sent
SELECT count(*), coalesce(sum(t.load_w), 0)::bigint, count(*) FILTER (WHERE t.load_w IS NULL)
FROM command_transition x
JOIN command_order o ON o.key = x.key AND o.version = x.version
JOIN command_target t ON t.key = x.key AND t.version = x.version AND t.meter = x.meter
WHERE x.after = 'sent' AND x.at > %(since)s AND o.function = ANY (%(functions)s)
  AND NOT (x.key = %(command_key)s AND x.meter = %(command_meter)s);

-- name: in_flight
SELECT count(*) FROM command_open s JOIN command_order o ON o.key = s.key AND o.version = s.version
WHERE s.state IN ('sent', 'acknowledged', 'unknown') AND o.function = ANY (%(functions)s)
  AND NOT (s.key = %(command_key)s AND s.meter = %(command_meter)s);

-- name: unsettled
SELECT DISTINCT ON (s.meter) s.meter, s.key FROM command_open s
WHERE s.meter = ANY (%(meters)s) AND s.state IN ('sent', 'acknowledged', 'unknown')
  AND NOT (s.key = %(command_key)s AND s.meter = %(command_meter)s)
ORDER BY s.meter, s.key;
