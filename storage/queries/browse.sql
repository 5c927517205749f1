-- Meters that stand at the points of these areas now, or measure one of them.
-- name: meters_in
SELECT i.meter_id
FROM area_point p
JOIN area a ON a.id = p.area_id
JOIN meter_installation i ON i.usage_point_id = p.usage_point_id
    AND i."from" <= now() AND (i."to" IS NULL OR i."to" > now())
WHERE a.name = ANY (%(areas)s) AND p."from" <= now() AND (p."to" IS NULL OR p."to" > now())
UNION
SELECT t.meter_id
FROM total_meter t
JOIN area a ON a.id = t.area_id
WHERE a.name = ANY (%(areas)s) AND t."from" <= now() AND (t."to" IS NULL OR t."to" > now());

-- name: meters
SELECT m.id, m.name, m.address, m.model, l.name, multiplier_at(m.id, now()), m.state, m.created, p.name, a.name
FROM meter m
JOIN line l ON l.id = m.line_id
LEFT JOIN meter_installation i ON i.meter_id = m.id AND i."from" <= now() AND (i."to" IS NULL OR i."to" > now())
LEFT JOIN usage_point p ON p.id = i.usage_point_id
LEFT JOIN area_point s ON s.usage_point_id = p.id AND s."from" <= now() AND (s."to" IS NULL OR s."to" > now())
LEFT JOIN area a ON a.id = s.area_id
WHERE (%(after)s::text IS NULL OR m.name > %(after)s)
  AND (%(within)s::integer[] IS NULL OR m.id = ANY (%(within)s))
  AND (%(names)s::text[] IS NULL OR m.name = ANY (%(names)s))
  AND (%(state)s::text IS NULL OR m.state = %(state)s)
  AND (%(line)s::text IS NULL OR l.name = %(line)s)
  AND (%(area)s::text IS NULL OR a.name = %(area)s)
ORDER BY m.name
LIMIT %(limit)s;

-- name: points
SELECT p.name, p.address, p.tariff, p.category, p.capacity_kw, p.rated_current_a, a.name,
       ARRAY(
           SELECT m.name FROM meter_installation i JOIN meter m ON m.id = i.meter_id
           WHERE i.usage_point_id = p.id AND i."from" <= now() AND (i."to" IS NULL OR i."to" > now()) ORDER BY m.name
       )
FROM usage_point p
LEFT JOIN area_point s ON s.usage_point_id = p.id AND s."from" <= now() AND (s."to" IS NULL OR s."to" > now())
LEFT JOIN area a ON a.id = s.area_id
WHERE (%(after)s::text IS NULL OR p.name > %(after)s)
  AND (%(areas)s::text[] IS NULL OR a.name = ANY (%(areas)s))
  AND (%(name)s::text IS NULL OR p.name = %(name)s)
  AND (%(area)s::text IS NULL OR a.name = %(area)s)
ORDER BY p.name
LIMIT %(limit)s;

-- name: point
SELECT p.id, ARRAY(SELECT DISTINCT i.meter_id FROM meter_installation i WHERE i.usage_point_id = p.id ORDER BY 1)
FROM usage_point p
WHERE p.name = %(name)s
  AND (%(areas)s::text[] IS NULL OR EXISTS (
      SELECT FROM area_point s JOIN area a ON a.id = s.area_id
      WHERE s.usage_point_id = p.id AND s."from" <= now() AND (s."to" IS NULL OR s."to" > now())
        AND a.name = ANY (%(areas)s)
  ));

-- name: areas
SELECT a.name, a.timezone, a.address, f.name,
       (SELECT count(*) FROM area_point s
        WHERE s.area_id = a.id AND s."from" <= now() AND (s."to" IS NULL OR s."to" > now())),
       ARRAY(
           SELECT m.name FROM total_meter t JOIN meter m ON m.id = t.meter_id
           WHERE t.area_id = a.id AND t."from" <= now() AND (t."to" IS NULL OR t."to" > now()) ORDER BY m.name
       )
FROM area a
LEFT JOIN area_feeder af ON af.area_id = a.id AND af."from" <= now() AND (af."to" IS NULL OR af."to" > now())
LEFT JOIN feeder f ON f.id = af.feeder_id
WHERE (%(after)s::text IS NULL OR a.name > %(after)s)
  AND (%(areas)s::text[] IS NULL OR a.name = ANY (%(areas)s))
  AND (%(name)s::text IS NULL OR a.name = %(name)s)
ORDER BY a.name
LIMIT %(limit)s;

-- The captures of one meter from a key on, in the order of its index; a page is cut in the middle of one.
-- name: readings
SELECT meter_id, quantity, time, received, value, quality, source
FROM reading
WHERE meter_id = %(meter)s
  AND time >= %(start)s AND time < %(end)s
  AND (time, quantity) > (%(after_time)s::timestamptz, %(after_quantity)s::smallint)
  AND (%(quantities)s::smallint[] IS NULL OR quantity = ANY (%(quantities)s))
ORDER BY time, quantity
LIMIT %(limit)s;

-- name: events
SELECT e.id, e.start
FROM meter_event e
WHERE (%(within)s::integer[] IS NULL OR e.meter_id = ANY (%(within)s))
  AND (%(kinds)s::text[] IS NULL OR e.kind = ANY (%(kinds)s))
  AND (%(severity)s::smallint IS NULL OR e.severity >= %(severity)s)
  AND (%(since)s::timestamptz IS NULL OR e.start >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR e.start < %(until)s)
  AND (%(open)s::boolean IS NULL OR e.is_open = %(open)s)
  AND (%(acknowledged)s::boolean IS NULL OR (e.acknowledged IS NOT NULL) = %(acknowledged)s)
  AND (%(before_start)s::timestamptz IS NULL OR (e.start, e.id) < (%(before_start)s, %(before_id)s::bigint))
ORDER BY e.start DESC, e.id DESC
LIMIT %(limit)s;

-- name: names
SELECT id, name FROM meter
WHERE (%(within)s::integer[] IS NULL OR id = ANY (%(within)s)) AND (%(names)s::text[] IS NULL OR name = ANY (%(names)s))
ORDER BY id;
