-- What is known of a register around a moment: captures, what was stated, what persons read. Nothing from before it began
-- anew or from after it begins anew again counts.
-- name: around
WITH asked AS (
    SELECT a.*,
           (SELECT max(r."time") FROM register_mark r
            WHERE r.meter_id = a.meter_id AND r.quantity = a.quantity AND r.edge = 'initial' AND r."time" <= a."time") AS anew,
           (SELECT min(r."time") FROM register_mark r
            WHERE r.meter_id = a.meter_id AND r.quantity = a.quantity AND r.edge = 'initial' AND r."time" > a."time") AS ends
    FROM unnest(%(meters)s::integer[], %(quantities)s::smallint[], %(times)s::timestamptz[])
        WITH ORDINALITY AS a (meter_id, quantity, "time", n)
)
SELECT a.n, before.time, before.value, after.time, after.value
FROM asked a
LEFT JOIN LATERAL (
    SELECT time, value FROM (
        (SELECT c.time, c.value FROM reading c
         WHERE c.meter_id = a.meter_id AND c.quantity = a.quantity AND c.time <= a."time"
           AND c.time >= coalesce(a.anew, '-infinity') AND c.quality = 0 AND c.value IS NOT NULL
         ORDER BY c.time DESC LIMIT 1)
        UNION ALL
        (SELECT k."time", k.value FROM register_mark k
         WHERE k.meter_id = a.meter_id AND k.quantity = a.quantity AND k."time" <= a."time"
           AND k."time" >= coalesce(a.anew, '-infinity') AND (k."time" > a.anew OR k.edge = 'initial' OR a.anew IS NULL)
         ORDER BY k."time" DESC, k.value DESC LIMIT 1)
        UNION ALL
        (SELECT r."time", r.value FROM register_read_valid r
         WHERE r.meter_id = a.meter_id AND r.quantity = a.quantity AND r."time" < a."time"
           AND r."time" >= coalesce(a.anew, '-infinity')
         ORDER BY r."time" DESC LIMIT 1)
    ) known ORDER BY time DESC, value DESC LIMIT 1
) before ON true
LEFT JOIN LATERAL (
    SELECT time, value FROM (
        (SELECT c.time, c.value FROM reading c
         WHERE c.meter_id = a.meter_id AND c.quantity = a.quantity AND c.time > a."time"
           AND c.time < coalesce(a.ends, 'infinity') AND c.quality = 0 AND c.value IS NOT NULL
         ORDER BY c.time LIMIT 1)
        UNION ALL
        (SELECT k."time", k.value FROM register_mark k
         WHERE k.meter_id = a.meter_id AND k.quantity = a.quantity AND k.edge = 'final' AND k."time" > a."time"
           AND k."time" <= coalesce(a.ends, 'infinity')
         ORDER BY k."time" LIMIT 1)
        UNION ALL
        (SELECT r."time", r.value FROM register_read_valid r
         WHERE r.meter_id = a.meter_id AND r.quantity = a.quantity AND r."time" > a."time"
           AND r."time" < coalesce(a.ends, 'infinity')
         ORDER BY r."time" LIMIT 1)
    ) known ORDER BY time, value LIMIT 1
) after ON true
ORDER BY a.n;

-- Where meters stood: a row for each that stood there, with what its registers were multiplied with and its point's limit.
-- name: standing
SELECT a.n, m.id, m.name, m.model, multiplier_at(m.id, a."time"), p.name, p.capacity_kw
FROM unnest(%(names)s::text[], %(times)s::timestamptz[]) WITH ORDINALITY AS a (name, "time", n)
JOIN meter_installation i ON i."from" <= a."time" AND (i."to" IS NULL OR i."to" >= a."time")
JOIN usage_point p ON p.id = i.usage_point_id
JOIN meter m ON m.id = i.meter_id
WHERE CASE WHEN %(of)s = 'point' THEN p.name = a.name ELSE m.name = a.name END
ORDER BY a.n, i."to" DESC NULLS FIRST;

-- name: known_meters
SELECT id, name, model FROM meter WHERE name = ANY (%(names)s);

-- name: known_points
SELECT name FROM usage_point WHERE name = ANY (%(names)s);

-- name: lock
SELECT id FROM meter WHERE id = ANY (%(meters)s::integer[]) ORDER BY id FOR UPDATE;

-- name: same
SELECT a.n, r.id, r.value
FROM unnest(%(meters)s::integer[], %(quantities)s::smallint[], %(times)s::timestamptz[])
    WITH ORDINALITY AS a (meter_id, quantity, "time", n)
JOIN register_read_valid r ON r.meter_id = a.meter_id AND r.quantity = a.quantity AND r."time" = a."time";

-- name: add
COPY register_read (meter_id, quantity, "time", value, kind, actor, reason) FROM STDIN;

-- name: withdraw
INSERT INTO register_read (meter_id, quantity, "time", kind, actor, reason, withdraws)
SELECT meter_id, quantity, "time", kind, %(actor)s, %(reason)s, id
FROM register_read_valid WHERE id = %(id)s
RETURNING id;

-- name: one
SELECT withdraws, (SELECT w.id FROM register_read w WHERE w.withdraws = r.id) FROM register_read r WHERE id = %(id)s;

-- name: listed
SELECT r.id, r.meter_id, m.name, p.name, r.quantity, r."time", r.value, r.kind, r.actor, r.reason, r.entered,
       w.id, w.actor, w.reason, w.entered
FROM register_read r
JOIN meter m ON m.id = r.meter_id
LEFT JOIN register_read w ON w.withdraws = r.id
LEFT JOIN LATERAL (
    SELECT u.name FROM meter_installation i JOIN usage_point u ON u.id = i.usage_point_id
    WHERE i.meter_id = r.meter_id AND i."from" <= r."time" AND (i."to" IS NULL OR i."to" >= r."time")
    ORDER BY i."from" DESC LIMIT 1
) p ON true
WHERE r.withdraws IS NULL
  AND (%(names)s::text[] IS NULL OR m.name = ANY (%(names)s) OR p.name = ANY (%(names)s))
  AND (%(since)s::timestamptz IS NULL OR r."time" >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR r."time" < %(until)s)
  AND (w.id IS NULL OR %(withdrawn)s)
ORDER BY r."time" DESC, m.name, r.quantity, r.id
LIMIT %(limit)s;

-- Where somebody has to go, and why nothing came by itself: the last try around a boundary that was in vain.
-- name: places
SELECT m.address, l.name, p.address, a.name, miss.reason, miss.time
FROM unnest(%(points)s::integer[], %(meters)s::integer[], %(layouts)s::smallint[], %(times)s::timestamptz[])
    WITH ORDINALITY AS w (point_id, meter_id, layout, "time", n)
JOIN meter m ON m.id = w.meter_id
JOIN line l ON l.id = m.line_id
JOIN usage_point p ON p.id = w.point_id
LEFT JOIN area_point ap ON ap.usage_point_id = p.id AND ap."from" <= w."time" AND (ap."to" IS NULL OR ap."to" > w."time")
LEFT JOIN area a ON a.id = ap.area_id
LEFT JOIN LATERAL (
    SELECT reason, time FROM miss
    WHERE meter_id = w.meter_id AND layout = w.layout AND time >= w."time" - interval '31 days'
      AND time <= w."time" + %(tolerance)s::interval
    ORDER BY time DESC LIMIT 1
) miss ON true
ORDER BY w.n;
