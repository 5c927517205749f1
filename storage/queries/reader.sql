-- name: readings
SELECT meter_id, quantity, time, received, value, quality, source
FROM reading
WHERE meter_id = ANY (%(meters)s)
  AND time >= %(start)s AND time < %(end)s
  AND (%(quantities)s::smallint[] IS NULL OR quantity = ANY (%(quantities)s))
ORDER BY meter_id, time, quantity;

-- For thousands of short walks: TimescaleDB's own node above the chunks and a memory of them cost more than each walk.
-- name: short_walks
SELECT set_config(name, 'off', true) FROM pg_settings WHERE name IN ('enable_memoize', 'timescaledb.enable_chunk_append');

-- Each look-up walks one meter's newest rows and stops at the first; `since` bounds the walk of what is not there.
-- First the newest row of each layout that a meter has at all; only for a position that it lacks a walk of its own.
-- name: latest
SELECT l.meter_id, i.quantity, r.time, r.received, r.value, r.quality, r.source
FROM unnest(coalesce(%(meters)s::integer[], ARRAY(SELECT id FROM meter WHERE state = 'active'))) AS m (meter_id)
CROSS JOIN layout y
CROSS JOIN LATERAL (
    SELECT c.*
    FROM capture c
    WHERE c.meter_id = m.meter_id AND c.layout = y.id AND c.time >= %(since)s
    ORDER BY c.time DESC LIMIT 1
) l
JOIN layout_item i ON i.layout = y.id
CROSS JOIN LATERAL (
    SELECT l.time, l.received, l.source,
           CASE i.pos WHEN 1 THEN l.v1 WHEN 2 THEN l.v2 WHEN 3 THEN l.v3 WHEN 4 THEN l.v4 WHEN 5 THEN l.v5 WHEN 6 THEN l.v6 WHEN 7 THEN l.v7 WHEN 8 THEN l.v8 END AS value,
           ((coalesce(l.quality, 0) >> ((i.pos - 1) * 8)) & 255)::smallint AS quality
    WHERE CASE i.pos WHEN 1 THEN l.v1 WHEN 2 THEN l.v2 WHEN 3 THEN l.v3 WHEN 4 THEN l.v4 WHEN 5 THEN l.v5 WHEN 6 THEN l.v6 WHEN 7 THEN l.v7 WHEN 8 THEN l.v8 END IS NOT NULL
       OR ((coalesce(l.quality, 0) >> ((i.pos - 1) * 8)) & 255) <> 0
    UNION ALL (
        SELECT c.time, c.received, c.source,
               CASE i.pos WHEN 1 THEN c.v1 WHEN 2 THEN c.v2 WHEN 3 THEN c.v3 WHEN 4 THEN c.v4 WHEN 5 THEN c.v5 WHEN 6 THEN c.v6 WHEN 7 THEN c.v7 WHEN 8 THEN c.v8 END,
               ((coalesce(c.quality, 0) >> ((i.pos - 1) * 8)) & 255)::smallint
        FROM capture c
        WHERE CASE i.pos WHEN 1 THEN l.v1 WHEN 2 THEN l.v2 WHEN 3 THEN l.v3 WHEN 4 THEN l.v4 WHEN 5 THEN l.v5 WHEN 6 THEN l.v6 WHEN 7 THEN l.v7 WHEN 8 THEN l.v8 END IS NULL
          AND ((coalesce(l.quality, 0) >> ((i.pos - 1) * 8)) & 255) = 0
          AND c.meter_id = l.meter_id AND c.layout = l.layout AND c.time >= %(since)s AND c.time < l.time
          AND (CASE i.pos WHEN 1 THEN c.v1 WHEN 2 THEN c.v2 WHEN 3 THEN c.v3 WHEN 4 THEN c.v4 WHEN 5 THEN c.v5 WHEN 6 THEN c.v6 WHEN 7 THEN c.v7 WHEN 8 THEN c.v8 END IS NOT NULL
               OR ((coalesce(c.quality, 0) >> ((i.pos - 1) * 8)) & 255) <> 0)
        ORDER BY c.time DESC LIMIT 1
    )
) r
WHERE (%(quantities)s::smallint[] IS NULL OR y.id IN (SELECT layout FROM layout_item WHERE quantity = ANY (%(quantities)s)))
  AND (%(quantities)s::smallint[] IS NULL OR i.quantity = ANY (%(quantities)s))
ORDER BY l.meter_id, i.quantity;

-- name: counts
SELECT meter_id, layout, count(*), sum(num_nonnulls(v1, v2, v3, v4, v5, v6, v7, v8))::bigint, min(time), max(time)
FROM capture
WHERE time >= %(start)s AND time < %(end)s
  AND (%(meters)s::integer[] IS NULL OR meter_id = ANY (%(meters)s))
GROUP BY meter_id, layout
ORDER BY meter_id, layout;

-- The meter's own "not available" counts as a value: it was read.
-- name: totals
SELECT count(*), coalesce(sum(bit_count(capture_known(c)::bit(8))), 0)::bigint
FROM capture c
WHERE time >= %(start)s AND time < %(end)s
  AND (%(meters)s::integer[] IS NULL OR meter_id = ANY (%(meters)s));

-- A capture that lacks a position which is expected of it is missing still.
-- name: expected_missing
SELECT s.meter_id, s.layout, s.time, coalesce(x.reason, 'not_collected'), x.received
FROM expected(%(start)s, %(end)s, %(meters)s) s
LEFT JOIN capture c ON c.meter_id = s.meter_id AND c.time = s.time AND c.layout = s.layout
    AND c.time >= %(start)s AND c.time < %(end)s
LEFT JOIN miss x ON x.meter_id = s.meter_id AND x.time = s.time AND x.layout = s.layout
WHERE c.meter_id IS NULL OR capture_known(c) & s.positions <> s.positions
ORDER BY s.time DESC, s.meter_id, s.layout
LIMIT %(limit)s;

-- name: expected_values
SELECT coalesce(sum(bit_count(positions::bit(8))), 0)::bigint FROM expected(%(start)s, %(end)s, %(meters)s);

-- name: gaps
SELECT CASE
           WHEN c.meter_id IS NOT NULL AND capture_known(c) & s.positions = s.positions THEN NULL
           ELSE coalesce(x.reason, 'not_collected')
       END AS reason,
       count(*)
FROM expected(%(start)s, %(end)s, %(meters)s) s
LEFT JOIN capture c ON c.meter_id = s.meter_id AND c.time = s.time AND c.layout = s.layout
    AND c.time >= %(start)s AND c.time < %(end)s
LEFT JOIN miss x ON x.meter_id = s.meter_id AND x.time = s.time AND x.layout = s.layout
GROUP BY 1;
