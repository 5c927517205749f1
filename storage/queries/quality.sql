-- One local day, or a part of it, by meter, place, state and reason. The day is cut for a meter wherever its place
-- changes, so that one moment of each piece tells where all of it belongs: a slot is counted in one place.
-- name: tallies
WITH edge AS (
    SELECT i.meter_id, i."from", i."to", ap."from" AS from2, ap."to" AS to2, ap.area_id
    FROM meter_installation i LEFT JOIN area_point ap ON ap.usage_point_id = i.usage_point_id
    UNION ALL
    SELECT meter_id, "from", "to", NULL, NULL, area_id FROM total_meter
), moved AS (
    SELECT e.meter_id, array_agg(DISTINCT at ORDER BY at) AS moments
    FROM edge e
    LEFT JOIN area_feeder af ON af.area_id = e.area_id
    CROSS JOIN LATERAL unnest(ARRAY[e."from", e."to", e.from2, e.to2, af."from", af."to"]) AS at
    WHERE at > %(start)s AND at < %(end)s
    GROUP BY e.meter_id
), tally AS MATERIALIZED (
    SELECT l.meter_id, coalesce(width_bucket(l.time, moved.moments), 0) AS stay, l.state, l.reason,
           count(*) AS slots, min(l.time) AS moment
    FROM ledger(%(start)s, %(end)s, %(meters)s, now()) l LEFT JOIN moved ON moved.meter_id = l.meter_id
    GROUP BY 1, 2, 3, 4
), place AS MATERIALIZED (
    SELECT s.meter_id, s.stay, p.area, p.feeder
    FROM (SELECT meter_id, stay, min(moment) AS moment FROM tally GROUP BY 1, 2) s
    CROSS JOIN LATERAL (
        SELECT a.name AS area, f.name AS feeder
        FROM (
            SELECT ap.area_id, NULL::integer AS feeder_id, 1 AS rank
            FROM meter_installation i
            JOIN area_point ap ON ap.usage_point_id = i.usage_point_id
                AND ap."from" <= s.moment AND (ap."to" IS NULL OR ap."to" > s.moment)
            WHERE i.meter_id = s.meter_id AND i."from" <= s.moment AND (i."to" IS NULL OR i."to" > s.moment)
            UNION ALL
            SELECT t.area_id, t.feeder_id, 2
            FROM total_meter t
            WHERE t.meter_id = s.meter_id AND t."from" <= s.moment AND (t."to" IS NULL OR t."to" > s.moment)
        ) x
        LEFT JOIN area a ON a.id = x.area_id
        LEFT JOIN area_feeder af ON af.area_id = x.area_id
            AND af."from" <= s.moment AND (af."to" IS NULL OR af."to" > s.moment)
        LEFT JOIN feeder f ON f.id = coalesce(af.feeder_id, x.feeder_id)
        ORDER BY x.rank
        LIMIT 1
    ) p
)
SELECT m.name, line.name, m.model, place.area, place.feeder, t.state, t.reason, sum(t.slots)::bigint
FROM tally t
JOIN meter m ON m.id = t.meter_id
JOIN line ON line.id = m.line_id
LEFT JOIN place ON place.meter_id = t.meter_id AND place.stay = t.stay
GROUP BY 1, 2, 3, 4, 5, 6, 7;
