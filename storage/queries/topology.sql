-- name: feeders
SELECT name, address, options FROM feeder;

-- name: areas
SELECT name, timezone, address, options FROM area;

-- name: area_feeders
SELECT a.name, f.name, s."from", s."to"
FROM area_feeder s JOIN area a ON a.id = s.area_id JOIN feeder f ON f.id = s.feeder_id
WHERE (%(areas)s::text[] IS NULL OR a.name = ANY (%(areas)s))
  AND (%(at)s::timestamptz IS NULL OR tstzrange(s."from", s."to") @> %(at)s::timestamptz);

-- name: area_points
SELECT p.name, a.name, s."from", s."to", s.phase, s.branch
FROM area_point s JOIN area a ON a.id = s.area_id JOIN usage_point p ON p.id = s.usage_point_id
WHERE (%(areas)s::text[] IS NULL OR a.name = ANY (%(areas)s))
  AND (%(points)s::text[] IS NULL OR p.name = ANY (%(points)s))
  AND (%(at)s::timestamptz IS NULL OR tstzrange(s."from", s."to") @> %(at)s::timestamptz);

-- Who belongs to an area, whenever.
-- name: members
SELECT a.name, array_agg(DISTINCT p.name)
FROM area_point s JOIN area a ON a.id = s.area_id JOIN usage_point p ON p.id = s.usage_point_id
GROUP BY a.name;

-- name: totals
SELECT m.name, a.name, f.name, s."from", s."to"
FROM total_meter s
JOIN meter m ON m.id = s.meter_id
LEFT JOIN area a ON a.id = s.area_id
LEFT JOIN feeder f ON f.id = s.feeder_id
WHERE (%(meters)s::text[] IS NULL OR m.name = ANY (%(meters)s))
  AND (%(at)s::timestamptz IS NULL OR tstzrange(s."from", s."to") @> %(at)s::timestamptz);

-- name: states
SELECT m.name, s.state, s."from", s.actor, s.reason
FROM meter_state s JOIN meter m ON m.id = s.meter_id
WHERE %(meters)s::text[] IS NULL OR m.name = ANY (%(meters)s)
ORDER BY m.name, s."from", s.id;

-- name: multipliers
SELECT m.name, c."from", c.multiplier, c.actor, c.reason
FROM meter_multiplier c JOIN meter m ON m.id = c.meter_id
WHERE %(meters)s::text[] IS NULL OR m.name = ANY (%(meters)s);

-- name: registers
SELECT m.name, r."time", r.quantity, r.edge, r.value, r.source, r.actor, r.reason
FROM register_mark r JOIN meter m ON m.id = r.meter_id
WHERE %(meters)s::text[] IS NULL OR m.name = ANY (%(meters)s)
ORDER BY r."time", r.quantity, r.edge;

-- name: exchanges
SELECT o.name, n.name, x."at", x.actor, x.reason
FROM meter_exchange x JOIN meter o ON o.id = x.old_meter_id JOIN meter n ON n.id = x.new_meter_id
WHERE %(meters)s::text[] IS NULL OR o.name = ANY (%(meters)s) OR n.name = ANY (%(meters)s);

-- name: vacancies
SELECT p.name, v."from", v."to", v.actor, v.reason FROM vacancy v JOIN usage_point p ON p.id = v.usage_point_id;

-- name: multipliers_at
SELECT m.id, multiplier_at(m.id, %(at)s) FROM meter m WHERE m.id = ANY (%(meters)s);

-- Points of areas at a moment, each with the meters that stand there: a row a meter, one without a meter.
-- name: members_at
SELECT a.name, f.name, p.name, s.phase, s.branch, m.id, m.name
FROM area_point s
JOIN area a ON a.id = s.area_id
JOIN usage_point p ON p.id = s.usage_point_id
LEFT JOIN area_feeder af ON af.area_id = a.id AND tstzrange(af."from", af."to") @> %(at)s::timestamptz
LEFT JOIN feeder f ON f.id = af.feeder_id
LEFT JOIN meter_installation i ON i.usage_point_id = p.id AND tstzrange(i."from", i."to") @> %(at)s::timestamptz
LEFT JOIN meter m ON m.id = i.meter_id
WHERE tstzrange(s."from", s."to") @> %(at)s::timestamptz
  AND (%(areas)s::text[] IS NULL OR a.name = ANY (%(areas)s))
  AND (%(feeder)s::text IS NULL OR f.name = %(feeder)s)
  AND (%(branch)s::text IS NULL OR s.branch = %(branch)s)
ORDER BY a.name, p.name, m.name;

-- A stay is cut where its multiplier changes and where its register begins anew. At a cut the stated register counts,
-- then the reading of that very moment, then what is stated of the other side.
-- name: segments
WITH stay AS (
    SELECT i.meter_id, m.name, greatest(i."from", %(start)s::timestamptz) AS "from",
           least(coalesce(i."to", 'infinity'), %(end)s::timestamptz) AS "to"
    FROM meter_installation i
    JOIN usage_point p ON p.id = i.usage_point_id
    JOIN meter m ON m.id = i.meter_id
    WHERE p.name = %(point)s AND i."from" < %(end)s::timestamptz AND (i."to" IS NULL OR i."to" > %(start)s::timestamptz)
), edge AS (
    SELECT meter_id, name, "from" AS stay, "from" AS at, "to" FROM stay
    UNION
    SELECT stay.meter_id, stay.name, stay."from", c."from", stay."to"
    FROM stay JOIN meter_multiplier c ON c.meter_id = stay.meter_id AND c."from" > stay."from" AND c."from" < stay."to"
    UNION
    SELECT stay.meter_id, stay.name, stay."from", r."time", stay."to"
    FROM stay JOIN register_mark r ON r.meter_id = stay.meter_id AND r.quantity = %(quantity)s AND r.edge = 'initial'
        AND r."time" > stay."from" AND r."time" < stay."to"
), segment AS (
    SELECT meter_id, name, at AS "from", coalesce(lead(at) OVER (PARTITION BY meter_id, stay ORDER BY at), "to") AS "to"
    FROM edge
)
SELECT s.meter_id, s.name, s."from", s."to", multiplier_at(s.meter_id, s."from"),
       coalesce(
           (SELECT value FROM register_mark r
            WHERE r.meter_id = s.meter_id AND r.quantity = %(quantity)s AND r."time" = s."from" AND edge = 'initial'),
           (SELECT value FROM reading r
            WHERE r.meter_id = s.meter_id AND r.quantity = %(quantity)s AND r.time = s."from" AND quality = 0),
           (SELECT value FROM register_mark r
            WHERE r.meter_id = s.meter_id AND r.quantity = %(quantity)s AND r."time" = s."from" AND edge = 'final')
       ),
       coalesce(
           (SELECT value FROM register_mark r
            WHERE r.meter_id = s.meter_id AND r.quantity = %(quantity)s AND r."time" = s."to" AND edge = 'final'),
           (SELECT value FROM reading r
            WHERE r.meter_id = s.meter_id AND r.quantity = %(quantity)s AND r.time = s."to" AND quality = 0),
           (SELECT value FROM register_mark r
            WHERE r.meter_id = s.meter_id AND r.quantity = %(quantity)s AND r."time" = s."to" AND edge = 'initial')
       )
FROM segment s
ORDER BY s."from", s.name;

-- name: lock_meters
SELECT id, name, state FROM meter WHERE name = ANY (%(names)s) ORDER BY id FOR UPDATE;

-- The newest good register up to a moment, read or stated; nothing from before it began anew counts.
-- name: last_register
WITH anew AS (
    SELECT coalesce(max("time"), '-infinity') AS at FROM register_mark
    WHERE meter_id = %(meter)s AND edge = 'initial' AND "time" <= %(at)s AND quantity = %(quantity)s
)
SELECT time, value FROM (
    (SELECT c.time, c.value FROM reading c, anew
     WHERE c.meter_id = %(meter)s AND c.quantity = %(quantity)s AND c.time <= %(at)s AND c.time >= anew.at
       AND c.quality = 0 AND c.value IS NOT NULL
     ORDER BY c.time DESC LIMIT 1)
    UNION ALL
    (SELECT k."time", k.value FROM register_mark k, anew
     WHERE k.meter_id = %(meter)s AND k.quantity = %(quantity)s AND k."time" <= %(at)s AND k."time" >= anew.at
     ORDER BY k."time" DESC, k.edge = 'initial' DESC LIMIT 1)
) known
ORDER BY time DESC, value DESC LIMIT 1;

-- name: readings_after
SELECT count(*) FROM capture WHERE meter_id = %(meter)s AND time > %(at)s;

-- name: stays_at
SELECT p.name, i."from" FROM meter_installation i JOIN usage_point p ON p.id = i.usage_point_id
WHERE i.meter_id = %(meter)s AND i."to" IS NULL;

-- name: end_stay
UPDATE meter_installation SET "to" = %(at)s WHERE meter_id = %(meter)s AND "to" IS NULL;

-- name: total_now
SELECT a.name, f.name FROM total_meter s
LEFT JOIN area a ON a.id = s.area_id
LEFT JOIN feeder f ON f.id = s.feeder_id
WHERE s.meter_id = %(meter)s AND s."to" IS NULL;

-- name: end_total
UPDATE total_meter SET "to" = %(at)s WHERE meter_id = %(meter)s AND "to" IS NULL;

-- name: end_area_point
UPDATE area_point SET "to" = %(at)s
WHERE usage_point_id = (SELECT id FROM usage_point WHERE name = %(name)s) AND "to" IS NULL;

-- name: end_area_feeder
UPDATE area_feeder SET "to" = %(at)s WHERE area_id = (SELECT id FROM area WHERE name = %(name)s) AND "to" IS NULL;
