-- name: points
SELECT p.id, p.name, p.tariff, p.capacity_kw, p.options
FROM usage_point p
WHERE (%(ids)s::integer[] IS NULL OR p.id = ANY (%(ids)s::integer[]))
  AND (%(names)s::text[] IS NULL OR p.name = ANY (%(names)s))
ORDER BY p.id;

-- All stays, of the past too: the first tells since when a point is supplied.
-- name: stays
SELECT i.usage_point_id, i.meter_id, m.name, m.model, m.multiplier, i."from", i."to"
FROM meter_installation i JOIN meter m ON m.id = i.meter_id
WHERE i.usage_point_id = ANY (%(points)s::integer[])
ORDER BY i.usage_point_id, i."from", m.name;

-- name: multipliers
SELECT meter_id, "from", multiplier FROM meter_multiplier WHERE meter_id = ANY (%(meters)s::integer[])
ORDER BY meter_id, "from";

-- name: marks
SELECT meter_id, quantity, "time", edge, value, source FROM register_mark
WHERE meter_id = ANY (%(meters)s::integer[]) AND "time" >= %(start)s AND "time" <= %(end)s
ORDER BY meter_id, quantity, "time";

-- name: contracts
SELECT usage_point_id, "from", capacity_kva, contract_kw, basic_charge FROM point_contract
WHERE usage_point_id = ANY (%(points)s::integer[]) ORDER BY usage_point_id, "from";

-- name: hand_reads
SELECT meter_id, quantity, "time", value, kind FROM register_read_valid
WHERE meter_id = ANY (%(meters)s::integer[]) AND "time" >= %(start)s AND "time" <= %(end)s
ORDER BY meter_id, quantity, "time";

-- Nothing in it is null: a hole is the least bigint.
-- name: captures
COPY (
    SELECT meter_id, layout, time,
           coalesce(v1, -9223372036854775808), coalesce(v2, -9223372036854775808),
           coalesce(v3, -9223372036854775808), coalesce(v4, -9223372036854775808),
           coalesce(v5, -9223372036854775808), coalesce(v6, -9223372036854775808),
           coalesce(v7, -9223372036854775808), coalesce(v8, -9223372036854775808), coalesce(quality, 0)
    FROM capture
    WHERE meter_id = ANY (%(meters)s::integer[]) AND time = ANY (%(times)s::timestamptz[])
      AND layout = ANY (%(layouts)s::smallint[])
) TO STDOUT (FORMAT BINARY);

-- The highest that a meter showed after a moment, up to another one, with what it said of when that was: of those whose
-- own time is of the span or is not known, and of the others.
-- name: highest
SELECT s.n, h.is_outside, h.time, h.value, h.occurred
FROM unnest(%(meters)s::integer[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    WITH ORDINALITY AS s (meter_id, start, "end", n)
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (d.is_outside) d.is_outside, d.time, d.value, to_timestamp(d.occurred) AS occurred
    FROM (
        SELECT r.time, r.value, o.value AS occurred,
               coalesce(o.value <= extract(epoch FROM s.start) OR o.value > extract(epoch FROM s."end"), false)
                   AS is_outside
        FROM reading r
        LEFT JOIN reading o ON o.meter_id = r.meter_id AND o.quantity = %(occurred)s AND o.time = r.time
            AND o.time > %(start)s AND o.time <= %(end)s AND o.quality = 0
            AND o.value BETWEEN 0 AND 250000000000 -- what the calendar has
        WHERE r.meter_id = s.meter_id AND r.quantity = %(quantity)s AND r.time > s.start AND r.time <= s."end"
          AND r.time > %(start)s AND r.time <= %(end)s AND r.quality = 0 AND r.value IS NOT NULL
    ) d
    ORDER BY d.is_outside, d.value DESC, d.occurred IS NULL, d.time
) h
ORDER BY s.n;
