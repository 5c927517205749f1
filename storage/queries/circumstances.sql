-- Usage points at which a meter stood in a span, with what their connection can carry.
-- name: points
SELECT p.id, p.name, coalesce(p.category, ''), p.capacity_kw, p.rated_current_a,
       (SELECT a.phase FROM area_point a
        WHERE a.usage_point_id = p.id AND a."from" < %(end)s ORDER BY a."from" DESC LIMIT 1)
FROM usage_point p
WHERE (%(names)s::text[] IS NULL OR p.name = ANY (%(names)s)) AND EXISTS (
    SELECT FROM meter_installation i
    WHERE i.usage_point_id = p.id AND i."from" < %(end)s AND (i."to" IS NULL OR i."to" > %(start)s)
)
ORDER BY p.id;

-- name: unknown_points
SELECT n.name FROM unnest(%(names)s::text[]) AS n (name)
WHERE NOT EXISTS (SELECT FROM usage_point p WHERE p.name = n.name) ORDER BY 1;

-- name: models
SELECT id, model FROM meter WHERE id = ANY (%(meters)s::integer[]);

-- name: clock_offsets
SELECT meter_id, at, offset_ms FROM clock_survey
WHERE meter_id = ANY (%(meters)s::integer[]) AND at >= %(start)s AND at < %(end)s AND abs(offset_ms) > %(beyond_ms)s;

-- Spans without supply: what meters recorded themselves, and what was concluded of them with some certainty.
-- name: outages
SELECT e.meter_id, e.start, e."end" FROM meter_event e
WHERE e.kind = 'power_down' AND e.meter_id = ANY (%(meters)s::integer[]) AND e.start < %(end)s AND e."end" > %(start)s
  AND e."end" > e.start
UNION ALL
SELECT m.id, o.start, coalesce(o.restored, o.seen)
FROM outage o
JOIN meter m ON m.name = ANY (o.meters)
WHERE m.id = ANY (%(meters)s::integer[]) AND o.start < %(end)s AND coalesce(o.restored, o.seen) > %(start)s
  AND o.confidence >= 0.9;

-- name: vacant
SELECT usage_point_id, "from", "to" FROM vacancy
WHERE usage_point_id = ANY (%(points)s::integer[]) AND "from" < %(end)s AND ("to" IS NULL OR "to" > %(start)s);

-- What relays showed: 0 open, 1 closed, 2 not known from then on. A command tells what was read back after it; one that may
-- have closed the relay takes away what was known.
-- name: relays
SELECT m.id, x.at, CASE WHEN x.after <> 'verified' THEN 2 WHEN o.function = 'trip' THEN 0 ELSE 1 END
FROM meter m
JOIN command_target t ON t.meter = m.name
JOIN command_order o ON o.key = t.key AND o.version = t.version
JOIN command_transition x ON x.key = t.key AND x.meter = t.meter AND x.version = t.version
WHERE m.id = ANY (%(meters)s::integer[]) AND x.at < %(until)s AND (
    (o.function IN ('trip', 'close') AND x.after IN ('verified', 'contradicted'))
    OR (o.function IN ('close', 'permit_close', 'raise_limit', 'trip_reclose') AND x.after = 'sent')
)
UNION ALL
SELECT meter_id, start, CASE kind WHEN 'close' THEN 1 ELSE 0 END FROM meter_event
WHERE meter_id = ANY (%(meters)s::integer[]) AND kind IN ('trip', 'close', 'relay_open') AND start < %(until)s
UNION ALL
SELECT meter_id, "end", 1 FROM meter_event
WHERE meter_id = ANY (%(meters)s::integer[]) AND kind = 'relay_open' AND "end" > start AND "end" < %(until)s;

-- What points used over a span, by their registers at its very ends, where one meter stood there under one multiplier.
-- name: used
SELECT i.usage_point_id, (b.value - a.value) * multiplier_at(i.meter_id, %(end)s)
FROM meter_installation i
JOIN reading a ON a.meter_id = i.meter_id AND a.quantity = %(quantity)s AND a.time = %(start)s AND a.quality = 0
JOIN reading b ON b.meter_id = i.meter_id AND b.quantity = %(quantity)s AND b.time = %(end)s AND b.quality = 0
WHERE i.usage_point_id = ANY (%(points)s::integer[]) AND i."from" <= %(start)s
  AND (i."to" IS NULL OR i."to" >= %(end)s) AND b.value >= a.value
  AND multiplier_at(i.meter_id, %(start)s) = multiplier_at(i.meter_id, %(end)s);

-- What persons read, and was not withdrawn; nobody read what was estimated.
-- name: read_by_persons
SELECT meter_id, "time", value FROM register_read_valid
WHERE meter_id = ANY (%(meters)s::integer[]) AND quantity = %(quantity)s AND "time" >= %(start)s AND "time" <= %(end)s
  AND kind <> 'estimated';
