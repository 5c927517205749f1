-- name: keep
INSERT INTO clock_survey (meter_id, at, offset_ms, uncertainty_ms, weekday, fault)
SELECT * FROM unnest(
    %(meter_id)s::integer[], %(at)s::timestamptz[], %(offset_ms)s::bigint[], %(uncertainty_ms)s::integer[],
    %(weekday)s::smallint[], %(fault)s::text[]
) AS s (meter_id, at, offset_ms, uncertainty_ms, weekday, fault)
ORDER BY meter_id, at
ON CONFLICT DO NOTHING;

-- The first survey behind a sync tells what became of it.
-- name: settle
UPDATE clock_sync s
SET result = CASE WHEN abs(c.offset_ms) <= %(ok_ms)s + c.uncertainty_ms
                    OR abs(c.offset_ms) + c.uncertainty_ms < abs(s.before_ms) THEN 'taken' ELSE 'not_taken' END,
    after_ms = c.offset_ms, settled = c.at
FROM clock_latest c
WHERE s.meter_id = c.meter_id AND s.meter_id = ANY (%(meters)s) AND s.result = 'sent' AND c.at > s.at
RETURNING s.meter_id, s.result, s.before_ms, s.after_ms;

-- name: latest
SELECT m.id, m.name, m.model, l.name, c.at, c.offset_ms, c.uncertainty_ms, c.weekday, c.fault,
       coalesce(p.areas, '{}')
FROM meter m
JOIN line l ON l.id = m.line_id
JOIN meter_state s ON s.meter_id = m.id AND s.state = 'active' AND s."from" <= %(now)s
    AND (s."to" IS NULL OR s."to" > %(now)s)
LEFT JOIN clock_latest c ON c.meter_id = m.id
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT a.name ORDER BY a.name) AS areas
    FROM meter_installation i
    JOIN area_point ap ON ap.usage_point_id = i.usage_point_id
        AND ap."from" <= %(now)s AND (ap."to" IS NULL OR ap."to" > %(now)s)
    JOIN area a ON a.id = ap.area_id
    WHERE i.meter_id = m.id AND i."from" <= %(now)s AND (i."to" IS NULL OR i."to" > %(now)s)
) p ON true
WHERE (%(meters)s::integer[] IS NULL OR m.id = ANY (%(meters)s))
  AND (%(lines)s::text[] IS NULL OR l.name = ANY (%(lines)s))
ORDER BY m.name;

-- name: far
SELECT meter_id FROM clock_latest WHERE offset_ms IS NULL OR abs(offset_ms) > %(limit_ms)s;

-- name: history
SELECT c.meter_id, c.at, c.offset_ms
FROM clock_survey c
LEFT JOIN (
    SELECT meter_id, max(at) AS at FROM clock_sync WHERE result IN ('sent', 'taken') GROUP BY meter_id
) s ON s.meter_id = c.meter_id
WHERE c.at >= %(since)s AND (s.at IS NULL OR c.at > s.at) AND c.offset_ms IS NOT NULL
  AND (%(meters)s::integer[] IS NULL OR c.meter_id = ANY (%(meters)s))
ORDER BY c.meter_id, c.at;

-- name: told
SELECT meter_id, array_agg(day)
FROM clock_sync
WHERE meter_id = ANY (%(meters)s) AND day >= %(since)s AND result <> 'held_back'
GROUP BY meter_id;

-- name: reserve
INSERT INTO clock_sync (meter_id, at, day, way, line, actor, before_ms, result)
SELECT meter_id, %(at)s, day, %(way)s, %(line)s, %(actor)s, before_ms, 'sent'
FROM unnest(%(meter_id)s::integer[], %(day)s::date[], %(before_ms)s::bigint[]) AS s (meter_id, day, before_ms)
ORDER BY meter_id
RETURNING id;

-- name: sent
UPDATE clock_sync SET told = %(told)s, at = %(at)s WHERE id = ANY (%(ids)s);

-- name: held_back
UPDATE clock_sync SET result = 'held_back', settled = %(at)s WHERE id = ANY (%(ids)s) AND result = 'sent';

-- name: syncs
SELECT s.id, m.name, s.at, s.way, s.line, s.actor, s.before_ms, s.told, s.result, s.after_ms, s.settled
FROM clock_sync s JOIN meter m ON m.id = s.meter_id
WHERE s.at >= %(since)s AND (%(meters)s::integer[] IS NULL OR s.meter_id = ANY (%(meters)s))
ORDER BY s.at DESC, m.name;
