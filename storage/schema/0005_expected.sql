-- Which positions of a capture are known, as bits (the first is 1): a value, or the meter's own word that it has none.
CREATE FUNCTION capture_known(c capture) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (c.v1 IS NOT NULL OR coalesce(c.quality, 0) & 255 <> 0)::integer
         + (c.v2 IS NOT NULL OR (coalesce(c.quality, 0) >> 8) & 255 <> 0)::integer * 2
         + (c.v3 IS NOT NULL OR (coalesce(c.quality, 0) >> 16) & 255 <> 0)::integer * 4
         + (c.v4 IS NOT NULL OR (coalesce(c.quality, 0) >> 24) & 255 <> 0)::integer * 8
         + (c.v5 IS NOT NULL OR (coalesce(c.quality, 0) >> 32) & 255 <> 0)::integer * 16
         + (c.v6 IS NOT NULL OR (coalesce(c.quality, 0) >> 40) & 255 <> 0)::integer * 32
         + (c.v7 IS NOT NULL OR (coalesce(c.quality, 0) >> 48) & 255 <> 0)::integer * 64
         + (c.v8 IS NOT NULL OR (coalesce(c.quality, 0) >> 56) & 255 <> 0)::integer * 128
$$;

-- What the plans expect of active meters in [since, until): slots are the multiples of a plan's period since the epoch,
-- from when both plan and meter are there. `positions`: which positions of the layout, as bits.
CREATE FUNCTION expected(since timestamptz, until timestamptz, meters integer[])
RETURNS TABLE (meter_id integer, layout smallint, "time" timestamptz, positions integer) LANGUAGE sql STABLE AS $$
    SELECT m.id, i.layout, to_timestamp(n * p.period_s), bit_or(i.positions)
    FROM plan p
    CROSS JOIN meter m
    CROSS JOIN LATERAL (
        SELECT layout_item.layout, bit_or(1 << (pos - 1)) AS positions
        FROM layout_item
        WHERE quantity = ANY (p.quantities) AND (m.quantities IS NULL OR quantity = ANY (m.quantities))
        GROUP BY layout_item.layout
    ) i
    CROSS JOIN LATERAL generate_series(
        ceil(extract(epoch FROM greatest(since, p.valid_from, m.created)) / p.period_s)::bigint,
        ceil(extract(epoch FROM least(until, p.valid_to)) / p.period_s)::bigint - 1
    ) n
    WHERE m.state = 'active' AND (meters IS NULL OR m.id = ANY (meters))
    GROUP BY 1, 2, 3
$$;
