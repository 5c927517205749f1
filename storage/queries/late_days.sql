-- Days that captures came for since they were validated, with the points at which their meters stood then.
-- name: late
SELECT d.start, array_agg(DISTINCT d.id), array_agg(DISTINCT p.name)
FROM dirty d
CROSS JOIN unnest(d.meters) AS m (id)
JOIN meter_installation i ON i.meter_id = m.id AND i."from" < d.start + interval '1 day 1 hour'
    AND (i."to" IS NULL OR i."to" > d.start)
JOIN usage_point p ON p.id = i.usage_point_id
WHERE d.level = 9
GROUP BY d.start ORDER BY d.start;

-- name: marks
SELECT id FROM dirty WHERE level = 9 AND start >= %(start)s AND start < %(end)s;

-- name: unmark
DELETE FROM dirty WHERE level = 9 AND id = ANY (%(ids)s::bigint[]);
