-- Where meters count and since when: at points, by themselves, for areas and feeders. A point whose readings were forgotten
-- begins then: nothing is expected of it before, and nothing is estimated.
CREATE VIEW stay AS
SELECT 'point' AS of, p.name AS key, i.meter_id, greatest(i."from", f.until) AS "from", i."to"
FROM meter_installation i
JOIN usage_point p ON p.id = i.usage_point_id
LEFT JOIN (
    SELECT usage_point_id, max(until) AS until FROM point_forgotten WHERE readings = 'deleted' GROUP BY usage_point_id
) f ON f.usage_point_id = p.id
WHERE i."to" IS NULL OR f.until IS NULL OR i."to" > f.until
UNION ALL
SELECT 'meter', name, id, '-infinity', NULL FROM meter
UNION ALL
SELECT 'area', a.name, t.meter_id, t."from", t."to" FROM total_meter t JOIN area a ON a.id = t.area_id
UNION ALL
SELECT 'feeder', f.name, t.meter_id, t."from", t."to" FROM total_meter t JOIN feeder f ON f.id = t.feeder_id;

-- Whether a command was sent to a meter in the hour before `moment`, or so shortly after it as its clock may be behind.
CREATE FUNCTION was_ordered(name text, moment timestamptz, slack interval) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM command_transition t
        WHERE t.meter = name AND t.after = 'sent' AND t.at BETWEEN moment - INTERVAL '1 hour' AND moment + slack
    )
$$;
