-- name: copy_capture
COPY capture (meter_id, layout, source, time, received, v1, v2, v3, v4, v5, v6, v7, v8, quality)
FROM STDIN (FORMAT BINARY);

-- name: make_staged
CREATE TEMPORARY TABLE IF NOT EXISTS staged (LIKE capture) ON COMMIT DELETE ROWS;

-- name: copy_staged
COPY staged (meter_id, layout, source, time, received, v1, v2, v3, v4, v5, v6, v7, v8, quality)
FROM STDIN (FORMAT BINARY);

-- TimescaleDB's own node above the chunks costs three times the index look-up below it, once for each staged row.
-- name: probe_chunks_directly
SET timescaledb.enable_chunk_append = off;

-- name: has_capture
SELECT FROM capture WHERE meter_id = %s AND time = %s AND layout = %s;

-- Step 1: how many are there, and how many of those may lack what a staged row has (fill_holes knows it exactly, at
-- several times the price). A replay ends here. OFFSET 0 keeps the look-up a walk of the index, row by row: the planner
-- knows nothing about a fresh temporary table.
-- name: look_up
SELECT count(*), count(*) FILTER (
    WHERE (o.v1 IS NULL AND s.v1 IS NOT NULL) OR (o.v2 IS NULL AND s.v2 IS NOT NULL)
       OR (o.v3 IS NULL AND s.v3 IS NOT NULL) OR (o.v4 IS NULL AND s.v4 IS NOT NULL)
       OR (o.v5 IS NULL AND s.v5 IS NOT NULL) OR (o.v6 IS NULL AND s.v6 IS NOT NULL)
       OR (o.v7 IS NULL AND s.v7 IS NOT NULL) OR (o.v8 IS NULL AND s.v8 IS NOT NULL)
       OR (s.quality IS NOT NULL AND s.quality IS DISTINCT FROM o.quality)
)
FROM staged s
CROSS JOIN LATERAL (
    SELECT *
    FROM capture o
    WHERE o.meter_id = s.meter_id AND o.time = s.time AND o.layout = s.layout
      AND o.time >= %(first)s AND o.time <= %(last)s
    OFFSET 0
) o;

-- Step 2: what is not there yet. DO NOTHING, because a blind DO UPDATE rewrites rows (and decompresses chunks) even
-- where it changes nothing.
-- name: insert_new
INSERT INTO capture (meter_id, layout, source, time, received, v1, v2, v3, v4, v5, v6, v7, v8, quality)
SELECT meter_id, layout, source, time, received, v1, v2, v3, v4, v5, v6, v7, v8, quality
FROM staged
ORDER BY meter_id, time, layout
ON CONFLICT (meter_id, time, layout) DO NOTHING;

-- Step 3: only rows that know something the stored row does not.
-- name: fill_holes
INSERT INTO capture AS c (meter_id, layout, source, time, received, v1, v2, v3, v4, v5, v6, v7, v8, quality)
SELECT s.*
FROM (SELECT meter_id, layout, source, time, received, v1, v2, v3, v4, v5, v6, v7, v8, quality FROM staged) s
CROSS JOIN LATERAL (
    SELECT *
    FROM capture o
    WHERE o.meter_id = s.meter_id AND o.time = s.time AND o.layout = s.layout
      AND o.time >= %(first)s AND o.time <= %(last)s
    OFFSET 0
) o
WHERE (capture_fill(1, o.v1, o.quality, s.v1, s.quality)
     | capture_fill(2, o.v2, o.quality, s.v2, s.quality)
     | capture_fill(3, o.v3, o.quality, s.v3, s.quality)
     | capture_fill(4, o.v4, o.quality, s.v4, s.quality)
     | capture_fill(5, o.v5, o.quality, s.v5, s.quality)
     | capture_fill(6, o.v6, o.quality, s.v6, s.quality)
     | capture_fill(7, o.v7, o.quality, s.v7, s.quality)
     | capture_fill(8, o.v8, o.quality, s.v8, s.quality)) <> 0
ORDER BY s.meter_id, s.time, s.layout
ON CONFLICT (meter_id, time, layout) DO UPDATE SET
    v1 = coalesce(c.v1, excluded.v1), v2 = coalesce(c.v2, excluded.v2),
    v3 = coalesce(c.v3, excluded.v3), v4 = coalesce(c.v4, excluded.v4),
    v5 = coalesce(c.v5, excluded.v5), v6 = coalesce(c.v6, excluded.v6),
    v7 = coalesce(c.v7, excluded.v7), v8 = coalesce(c.v8, excluded.v8),
    quality = (
        SELECT nullif((coalesce(c.quality, 0) & ~f.bits) | (coalesce(excluded.quality, 0) & f.bits), 0)
        FROM (SELECT capture_fill(1, c.v1, c.quality, excluded.v1, excluded.quality)
     | capture_fill(2, c.v2, c.quality, excluded.v2, excluded.quality)
     | capture_fill(3, c.v3, c.quality, excluded.v3, excluded.quality)
     | capture_fill(4, c.v4, c.quality, excluded.v4, excluded.quality)
     | capture_fill(5, c.v5, c.quality, excluded.v5, excluded.quality)
     | capture_fill(6, c.v6, c.quality, excluded.v6, excluded.quality)
     | capture_fill(7, c.v7, c.quality, excluded.v7, excluded.quality)
     | capture_fill(8, c.v8, c.quality, excluded.v8, excluded.quality) AS bits) f
    )
WHERE (capture_fill(1, c.v1, c.quality, excluded.v1, excluded.quality)
     | capture_fill(2, c.v2, c.quality, excluded.v2, excluded.quality)
     | capture_fill(3, c.v3, c.quality, excluded.v3, excluded.quality)
     | capture_fill(4, c.v4, c.quality, excluded.v4, excluded.quality)
     | capture_fill(5, c.v5, c.quality, excluded.v5, excluded.quality)
     | capture_fill(6, c.v6, c.quality, excluded.v6, excluded.quality)
     | capture_fill(7, c.v7, c.quality, excluded.v7, excluded.quality)
     | capture_fill(8, c.v8, c.quality, excluded.v8, excluded.quality)) <> 0;

-- name: partitions
SELECT capture_partition(day) FROM unnest(%s::date[]) AS day ORDER BY day;

-- A spool is drained newest first.
-- name: write_misses
INSERT INTO miss (meter_id, layout, time, reason, received, final)
SELECT * FROM unnest(%(meter_id)s::integer[], %(layout)s::smallint[], %(time)s::timestamptz[],
                     %(reason)s::text[], %(received)s::timestamptz[], %(final)s::boolean[])
ON CONFLICT (meter_id, time, layout) DO UPDATE SET
    reason = excluded.reason, received = excluded.received, final = excluded.final, tries = miss.tries + 1
WHERE excluded.received >= miss.received;
