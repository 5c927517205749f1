-- What meters have drawn at most within eight days, as rollups have it: days that are over, and the hours since. What
-- somebody else has told stands while it is young.
-- name: estimate
INSERT INTO meter_load (meter, watts, by, at)
SELECT m.name, ceil(greatest(max(d.high), 0) * q.step * 1000 * multiplier_at(m.id, %(now)s))::bigint, 'estimate', %(now)s
FROM quantity q
JOIN layout_item i ON i.quantity = q.id
JOIN LATERAL (
    SELECT r.meter_id, CASE i.pos
        WHEN 1 THEN r.high1 WHEN 2 THEN r.high2 WHEN 3 THEN r.high3 WHEN 4 THEN r.high4
        WHEN 5 THEN r.high5 WHEN 6 THEN r.high6 WHEN 7 THEN r.high7 ELSE r.high8 END AS high
    FROM rollup_value r
    WHERE r.layout = i.layout AND (
        (r.level = 2 AND r.start > %(now)s - INTERVAL '8 days') OR (r.level = 1 AND r.start > %(now)s - INTERVAL '50 hours')
    )
) d ON d.high IS NOT NULL
JOIN meter m ON m.id = d.meter_id
WHERE q.name = 'active_power'
GROUP BY m.id, m.name, q.step
ORDER BY m.name
ON CONFLICT (meter) DO UPDATE SET watts = excluded.watts, by = excluded.by, at = excluded.at
WHERE meter_load.by = 'estimate' OR meter_load.at < %(now)s - INTERVAL '35 days';
