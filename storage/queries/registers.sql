-- Stays at points, of meters, or of total meters at areas and feeders, cut where multipliers change and registers begin
-- anew. Registers are those stated at the edges; what was read there is a reading as any other.
-- name: stays
WITH chosen AS (
    SELECT key, meter_id, greatest("from", %(start)s::timestamptz) AS "from",
           least(coalesce("to", 'infinity'), %(end)s::timestamptz) AS "to"
    FROM stay
    WHERE of = %(of)s AND (%(names)s::text[] IS NULL OR key = ANY (%(names)s)) AND "from" < %(end)s::timestamptz
      AND ("to" IS NULL OR "to" > %(start)s::timestamptz)
), edge AS (
    SELECT key, meter_id, "from" AS stay, "from" AS at, "to" FROM chosen
    UNION
    SELECT c.key, c.meter_id, c."from", x."from", c."to"
    FROM chosen c JOIN meter_multiplier x ON x.meter_id = c.meter_id AND x."from" > c."from" AND x."from" < c."to"
    UNION
    SELECT c.key, c.meter_id, c."from", r."time", c."to"
    FROM chosen c JOIN register_mark r ON r.meter_id = c.meter_id AND r.quantity = %(quantity)s AND r.edge = 'initial'
        AND r."time" > c."from" AND r."time" < c."to"
), piece AS (
    SELECT key, meter_id, at AS "from",
           coalesce(lead(at) OVER (PARTITION BY key, meter_id, stay ORDER BY at), "to") AS "to"
    FROM edge
)
SELECT s.key, s.meter_id, m.name, s."from", s."to", multiplier_at(s.meter_id, s."from"), b.value, e.value
FROM piece s
JOIN meter m ON m.id = s.meter_id
LEFT JOIN register_mark b
    ON b.meter_id = s.meter_id AND b.quantity = %(quantity)s AND b."time" = s."from" AND b.edge = 'initial'
LEFT JOIN register_mark e
    ON e.meter_id = s.meter_id AND e.quantity = %(quantity)s AND e."time" = s."to" AND e.edge = 'final'
ORDER BY s.key, s."from", m.name;

-- Names of which a meter counted in the span.
-- name: keys
SELECT DISTINCT key FROM stay
WHERE of = %(of)s AND "from" < %(end)s::timestamptz AND ("to" IS NULL OR "to" > %(start)s::timestamptz)
ORDER BY key;

-- All captures of a layout, a row a meter: times and the values at one or two positions, as bytes one after
-- the other, in no order. A row a capture would keep the reader busy for ten times as long. What is marked or lacks a
-- value is left out: fewer values than times say that the meter is to be read with care.
-- name: captures
COPY (
    SELECT meter_id, string_agg(timestamptz_send(time), ''),
           string_agg(int8send(CASE WHEN quality IS NULL THEN CASE %(first)s WHEN 1 THEN v1 WHEN 2 THEN v2 WHEN 3 THEN v3 WHEN 4 THEN v4 WHEN 5 THEN v5 WHEN 6 THEN v6 WHEN 7 THEN v7 WHEN 8 THEN v8 END END), ''),
           CASE WHEN %(second)s > 0 THEN string_agg(int8send(CASE WHEN quality IS NULL THEN CASE %(second)s WHEN 1 THEN v1 WHEN 2 THEN v2 WHEN 3 THEN v3 WHEN 4 THEN v4 WHEN 5 THEN v5 WHEN 6 THEN v6 WHEN 7 THEN v7 WHEN 8 THEN v8 END END), '') END
    FROM capture
    WHERE meter_id = ANY (%(meters)s::integer[]) AND layout = %(layout)s
      AND time >= %(start)s::timestamptz AND time <= %(end)s::timestamptz
    GROUP BY meter_id
) TO STDOUT (FORMAT BINARY);

-- The same with care: where there is no good value it is the least number.
-- name: captures_with_care
COPY (
    SELECT meter_id, string_agg(timestamptz_send(time), ''),
           string_agg(int8send(CASE
               WHEN (coalesce(quality, 0) >> ((%(first)s - 1) * 8)) & 255 <> 0 THEN '-9223372036854775808'::bigint
               ELSE coalesce(CASE %(first)s WHEN 1 THEN v1 WHEN 2 THEN v2 WHEN 3 THEN v3 WHEN 4 THEN v4 WHEN 5 THEN v5 WHEN 6 THEN v6 WHEN 7 THEN v7 WHEN 8 THEN v8 END, '-9223372036854775808'::bigint)
           END), ''),
           CASE WHEN %(second)s > 0 THEN string_agg(int8send(CASE
               WHEN (coalesce(quality, 0) >> ((%(second)s - 1) * 8)) & 255 <> 0 THEN '-9223372036854775808'::bigint
               ELSE coalesce(CASE %(second)s WHEN 1 THEN v1 WHEN 2 THEN v2 WHEN 3 THEN v3 WHEN 4 THEN v4 WHEN 5 THEN v5 WHEN 6 THEN v6 WHEN 7 THEN v7 WHEN 8 THEN v8 END, '-9223372036854775808'::bigint)
           END), '') END
    FROM capture
    WHERE meter_id = ANY (%(meters)s::integer[]) AND layout = %(layout)s
      AND time >= %(start)s::timestamptz AND time <= %(end)s::timestamptz
    GROUP BY meter_id
) TO STDOUT (FORMAT BINARY);

-- What the meters' own clocks dated: read later from what they had kept.
-- name: recorded
SELECT meter_id, time FROM capture
WHERE meter_id = ANY (%(meters)s::integer[]) AND time >= %(start)s AND time < %(end)s AND source = %(source)s;

-- So that a month of some hundred meters is gathered in memory, without files and without being sorted, and a fresh
-- partition is not read whole.
-- name: gather
SELECT set_config('work_mem', '128MB', true), set_config('enable_sort', 'off', true),
       set_config('enable_seqscan', 'off', true);

-- The shortest period at which a quantity is collected at present, in seconds.
-- name: period
SELECT min(period_s) FROM plan WHERE valid_to IS NULL AND %(quantity)s = ANY (quantities);
