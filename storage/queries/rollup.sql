-- name: lock
SELECT pg_try_advisory_lock(hashtextextended('headend.rollup', 0));

-- name: unlock
SELECT pg_advisory_unlock(hashtextextended('headend.rollup', 0));

-- The tables are read meter by meter; a fresh partition, of which the planner knows nothing, must not make it read all.
-- name: by_index
SET enable_seqscan = off;

-- name: keep_zone
INSERT INTO rollup_zone (zone) VALUES (%s) ON CONFLICT DO NOTHING;

-- name: zone
SELECT zone FROM rollup_zone;

-- name: restart
TRUNCATE rollup_zone, rollup_register, rollup_value, dirty;

-- name: kept_since
SELECT since FROM retained WHERE kind = 'captures';

-- name: dirty_windows
SELECT DISTINCT date_trunc('day', start, 'UTC') FROM dirty WHERE level = 1 AND start < %s ORDER BY 1;

-- name: dirty_starts
SELECT DISTINCT start FROM dirty WHERE level = %s AND start < %s ORDER BY 1;

-- name: dirty_ids
SELECT id FROM dirty WHERE level = %s AND start >= %s AND start < %s;

-- Which meters, and which hours of the window as bits.
-- name: dirty_hours
COPY (
    SELECT m, bit_or(1::bigint << (extract(epoch FROM d.start - %(window)s)::integer / 3600))
    FROM dirty d
    CROSS JOIN LATERAL (
        SELECT unnest(d.meters) UNION ALL SELECT generate_series(d.first, d.last) WHERE d.meters IS NULL
    ) x (m)
    WHERE d.id = ANY (%(ids)s::bigint[])
    GROUP BY m ORDER BY m
) TO STDOUT (FORMAT BINARY);

-- name: dirty_meters
COPY (
    SELECT DISTINCT m FROM dirty d CROSS JOIN unnest(d.meters) m WHERE d.id = ANY (%(ids)s::bigint[]) ORDER BY m
) TO STDOUT (FORMAT BINARY);

-- name: mark
INSERT INTO dirty (level, start, meters) VALUES (%s, %s, %s::integer[]);

-- Days of meters that are to be validated, anew perhaps; kept only where anybody validates.
-- name: mark_validation
INSERT INTO dirty (level, start, meters) SELECT 9, %s, %s::integer[] WHERE EXISTS (SELECT FROM vee_run);

-- name: unmark
DELETE FROM dirty WHERE id = ANY (%s::bigint[]);

-- Everything that is stored in a span is rolled again. Hours that a capture ends are touched too.
-- name: mark_captures
INSERT INTO dirty (level, start, meters)
SELECT 1, h.start, array_agg(DISTINCT c.meter_id)
FROM capture c
CROSS JOIN LATERAL (
    VALUES (date_bin('1 hour', c.time, 'epoch')), (date_bin('1 hour', c.time - interval '1 microsecond', 'epoch'))
) h (start)
WHERE c.time >= %(start)s AND c.time < %(end)s
GROUP BY h.start;

-- name: first_capture
SELECT min(time) FROM capture;

-- name: cumulative
SELECT i.layout, i.pos, q.kind FROM layout_item i JOIN quantity q ON q.id = i.quantity;

-- name: make_partition
SELECT rollup_partition(%s, %s);

-- What a meter dated itself by a clock that was far off (quality 3) proves nothing.
-- name: captures
COPY (
    SELECT meter_id, layout, time,
           coalesce(CASE WHEN quality & 255 = 3 THEN NULL ELSE v1 END, '-9223372036854775808'::bigint),
           coalesce(CASE WHEN (quality >> 8) & 255 = 3 THEN NULL ELSE v2 END, '-9223372036854775808'::bigint),
           coalesce(CASE WHEN (quality >> 16) & 255 = 3 THEN NULL ELSE v3 END, '-9223372036854775808'::bigint),
           coalesce(CASE WHEN (quality >> 24) & 255 = 3 THEN NULL ELSE v4 END, '-9223372036854775808'::bigint),
           coalesce(CASE WHEN (quality >> 32) & 255 = 3 THEN NULL ELSE v5 END, '-9223372036854775808'::bigint),
           coalesce(CASE WHEN (quality >> 40) & 255 = 3 THEN NULL ELSE v6 END, '-9223372036854775808'::bigint),
           coalesce(CASE WHEN (quality >> 48) & 255 = 3 THEN NULL ELSE v7 END, '-9223372036854775808'::bigint),
           coalesce(CASE WHEN (quality >> 56) & 255 = 3 THEN NULL ELSE v8 END, '-9223372036854775808'::bigint)
    FROM capture
    WHERE meter_id = ANY (%(meters)s::integer[]) AND time >= %(start)s AND time <= %(end)s
) TO STDOUT (FORMAT BINARY);

-- name: register_parts
COPY (
    SELECT start, meter_id, layout, captures, first_time, last_time, flags,
           coalesce(first1, '-9223372036854775808'::bigint), coalesce(first2, '-9223372036854775808'::bigint),
           coalesce(first3, '-9223372036854775808'::bigint), coalesce(first4, '-9223372036854775808'::bigint),
           coalesce(first5, '-9223372036854775808'::bigint), coalesce(first6, '-9223372036854775808'::bigint),
           coalesce(first7, '-9223372036854775808'::bigint), coalesce(first8, '-9223372036854775808'::bigint),
           coalesce(last1, '-9223372036854775808'::bigint), coalesce(last2, '-9223372036854775808'::bigint),
           coalesce(last3, '-9223372036854775808'::bigint), coalesce(last4, '-9223372036854775808'::bigint),
           coalesce(last5, '-9223372036854775808'::bigint), coalesce(last6, '-9223372036854775808'::bigint),
           coalesce(last7, '-9223372036854775808'::bigint), coalesce(last8, '-9223372036854775808'::bigint)
    FROM rollup_register
    WHERE level = %(level)s AND start = ANY (%(starts)s::timestamptz[]) AND meter_id = ANY (%(meters)s::integer[])
) TO STDOUT (FORMAT BINARY);

-- name: value_parts
COPY (
    SELECT start, meter_id, layout, captures, first_time, last_time,
           coalesce(count1, 0), coalesce(count2, 0), coalesce(count3, 0), coalesce(count4, 0),
           coalesce(count5, 0), coalesce(count6, 0), coalesce(count7, 0), coalesce(count8, 0),
           coalesce(low1, '-9223372036854775808'::bigint), coalesce(low2, '-9223372036854775808'::bigint),
           coalesce(low3, '-9223372036854775808'::bigint), coalesce(low4, '-9223372036854775808'::bigint),
           coalesce(low5, '-9223372036854775808'::bigint), coalesce(low6, '-9223372036854775808'::bigint),
           coalesce(low7, '-9223372036854775808'::bigint), coalesce(low8, '-9223372036854775808'::bigint),
           coalesce(high1, '-9223372036854775808'::bigint), coalesce(high2, '-9223372036854775808'::bigint),
           coalesce(high3, '-9223372036854775808'::bigint), coalesce(high4, '-9223372036854775808'::bigint),
           coalesce(high5, '-9223372036854775808'::bigint), coalesce(high6, '-9223372036854775808'::bigint),
           coalesce(high7, '-9223372036854775808'::bigint), coalesce(high8, '-9223372036854775808'::bigint),
           coalesce(high_at1, 'epoch'), coalesce(high_at2, 'epoch'), coalesce(high_at3, 'epoch'), coalesce(high_at4, 'epoch'),
           coalesce(high_at5, 'epoch'), coalesce(high_at6, 'epoch'), coalesce(high_at7, 'epoch'), coalesce(high_at8, 'epoch'),
           coalesce(total1, '-9223372036854775808'::bigint), coalesce(total2, '-9223372036854775808'::bigint),
           coalesce(total3, '-9223372036854775808'::bigint), coalesce(total4, '-9223372036854775808'::bigint),
           coalesce(total5, '-9223372036854775808'::bigint), coalesce(total6, '-9223372036854775808'::bigint),
           coalesce(total7, '-9223372036854775808'::bigint), coalesce(total8, '-9223372036854775808'::bigint)
    FROM rollup_value
    WHERE level = %(level)s AND start = ANY (%(starts)s::timestamptz[]) AND meter_id = ANY (%(meters)s::integer[])
) TO STDOUT (FORMAT BINARY);

-- name: forget_registers
DELETE FROM rollup_register WHERE level = %(level)s AND start = ANY (%(starts)s::timestamptz[]) AND meter_id = ANY (%(meters)s::integer[]);

-- name: forget_values
DELETE FROM rollup_value WHERE level = %(level)s AND start = ANY (%(starts)s::timestamptz[]) AND meter_id = ANY (%(meters)s::integer[]);

-- name: copy_registers
COPY rollup_register (start, meter_id, layout, level, captures, first_time, last_time, flags,
    first1, first2, first3, first4, first5, first6, first7, first8,
    last1, last2, last3, last4, last5, last6, last7, last8)
FROM STDIN (FORMAT BINARY);

-- name: copy_values
COPY rollup_value (start, meter_id, layout, level, captures, first_time, last_time,
    count1, count2, count3, count4, count5, count6, count7, count8,
    low1, low2, low3, low4, low5, low6, low7, low8,
    high1, high2, high3, high4, high5, high6, high7, high8,
    high_at1, high_at2, high_at3, high_at4, high_at5, high_at6, high_at7, high_at8,
    total1, total2, total3, total4, total5, total6, total7, total8)
FROM STDIN (FORMAT BINARY);

-- The meters stand behind a SELECT: else the planner holds each of thousands of them against its statistics.
-- The buckets are named one by one: the key begins with the start, so each is a look-up for each meter.
-- name: energy
SELECT r.meter_id, i.quantity, r.start, r.captures, r.first_time, r.last_time,
       CASE i.pos WHEN 1 THEN r.first1 WHEN 2 THEN r.first2 WHEN 3 THEN r.first3 WHEN 4 THEN r.first4
                  WHEN 5 THEN r.first5 WHEN 6 THEN r.first6 WHEN 7 THEN r.first7 WHEN 8 THEN r.first8 END,
       CASE i.pos WHEN 1 THEN r.last1 WHEN 2 THEN r.last2 WHEN 3 THEN r.last3 WHEN 4 THEN r.last4
                  WHEN 5 THEN r.last5 WHEN 6 THEN r.last6 WHEN 7 THEN r.last7 WHEN 8 THEN r.last8 END,
       ((r.flags >> ((i.pos - 1) * 8)) & 255)::smallint
FROM rollup_register r
JOIN layout_item i ON i.layout = r.layout
WHERE r.level = %(level)s AND r.start = ANY (%(starts)s::timestamptz[])
  AND (%(meters)s::integer[] IS NULL OR r.meter_id = ANY ((SELECT %(meters)s::integer[])::integer[]))
  AND (%(quantities)s::smallint[] IS NULL OR i.quantity = ANY (%(quantities)s))
  AND CASE i.pos WHEN 1 THEN r.first1 WHEN 2 THEN r.first2 WHEN 3 THEN r.first3 WHEN 4 THEN r.first4
                 WHEN 5 THEN r.first5 WHEN 6 THEN r.first6 WHEN 7 THEN r.first7 WHEN 8 THEN r.first8 END IS NOT NULL;

-- name: energies
SELECT r.meter_id,
       CASE WHEN (r.flags >> ((%(pos)s::integer - 1) * 8)) & 7 = 3 THEN
           CASE %(pos)s::integer WHEN 1 THEN r.last1 - r.first1 WHEN 2 THEN r.last2 - r.first2 WHEN 3 THEN r.last3 - r.first3
                        WHEN 4 THEN r.last4 - r.first4 WHEN 5 THEN r.last5 - r.first5 WHEN 6 THEN r.last6 - r.first6
                        WHEN 7 THEN r.last7 - r.first7 WHEN 8 THEN r.last8 - r.first8 END
       END
FROM rollup_register r
WHERE r.level = %(level)s AND r.start = %(start)s AND r.layout = %(layout)s
  AND r.meter_id = ANY ((SELECT %(meters)s::integer[])::integer[]);

-- name: statistics
SELECT r.meter_id, i.quantity, r.start, r.captures, r.first_time, r.last_time,
       CASE i.pos WHEN 1 THEN r.count1 WHEN 2 THEN r.count2 WHEN 3 THEN r.count3 WHEN 4 THEN r.count4
                  WHEN 5 THEN r.count5 WHEN 6 THEN r.count6 WHEN 7 THEN r.count7 WHEN 8 THEN r.count8 END,
       CASE i.pos WHEN 1 THEN r.low1 WHEN 2 THEN r.low2 WHEN 3 THEN r.low3 WHEN 4 THEN r.low4
                  WHEN 5 THEN r.low5 WHEN 6 THEN r.low6 WHEN 7 THEN r.low7 WHEN 8 THEN r.low8 END,
       CASE i.pos WHEN 1 THEN r.high1 WHEN 2 THEN r.high2 WHEN 3 THEN r.high3 WHEN 4 THEN r.high4
                  WHEN 5 THEN r.high5 WHEN 6 THEN r.high6 WHEN 7 THEN r.high7 WHEN 8 THEN r.high8 END,
       CASE i.pos WHEN 1 THEN r.high_at1 WHEN 2 THEN r.high_at2 WHEN 3 THEN r.high_at3 WHEN 4 THEN r.high_at4
                  WHEN 5 THEN r.high_at5 WHEN 6 THEN r.high_at6 WHEN 7 THEN r.high_at7 WHEN 8 THEN r.high_at8 END,
       CASE i.pos WHEN 1 THEN r.total1 WHEN 2 THEN r.total2 WHEN 3 THEN r.total3 WHEN 4 THEN r.total4
                  WHEN 5 THEN r.total5 WHEN 6 THEN r.total6 WHEN 7 THEN r.total7 WHEN 8 THEN r.total8 END
FROM rollup_value r
JOIN layout_item i ON i.layout = r.layout
WHERE r.level = %(level)s AND r.start = ANY (%(starts)s::timestamptz[])
  AND (%(meters)s::integer[] IS NULL OR r.meter_id = ANY ((SELECT %(meters)s::integer[])::integer[]))
  AND (%(quantities)s::smallint[] IS NULL OR i.quantity = ANY (%(quantities)s))
  AND CASE i.pos WHEN 1 THEN r.count1 WHEN 2 THEN r.count2 WHEN 3 THEN r.count3 WHEN 4 THEN r.count4
                 WHEN 5 THEN r.count5 WHEN 6 THEN r.count6 WHEN 7 THEN r.count7 WHEN 8 THEN r.count8 END > 0;
