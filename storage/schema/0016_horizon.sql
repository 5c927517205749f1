-- How far back a plan's gaps are worth filling, in seconds; null: for ever.
ALTER TABLE plan ADD COLUMN horizon_s double precision CHECK (horizon_s > 0);

-- As before, and for each expected capture the longest horizon of the plans that want it.
DROP FUNCTION ledger(timestamptz, timestamptz, integer[]);
DROP FUNCTION expected(timestamptz, timestamptz, integer[]);

CREATE FUNCTION expected(since timestamptz, until timestamptz, meters integer[])
RETURNS TABLE (meter_id integer, layout smallint, "time" timestamptz, positions integer, horizon_s double precision)
LANGUAGE sql STABLE AS $$
    WITH slot AS MATERIALIZED (
        SELECT p.id AS plan_id, s.slot FROM plan p CROSS JOIN LATERAL plan_slots(p, since, until) AS s (slot)
    ), wanted AS MATERIALIZED (
        SELECT p.id AS plan_id, m.id AS meter_id, i.layout, i.positions, s."from", s."to",
               p.areas IS NULL AND p.tariffs IS NULL AS everywhere, coalesce(p.horizon_s, 'infinity') AS horizon_s
        FROM plan p
        JOIN meter m ON (p.models IS NULL OR m.model = ANY (p.models))
            AND (p.meters IS NULL OR m.name = ANY (p.meters))
            AND (p.lines IS NULL OR m.line_id IN (SELECT id FROM line WHERE name = ANY (p.lines)))
        JOIN meter_state s ON s.meter_id = m.id AND s.state = 'active' AND s."from" < until
            AND (s."to" IS NULL OR s."to" > since)
        CROSS JOIN LATERAL (
            SELECT layout_item.layout, bit_or(1 << (pos - 1)) AS positions
            FROM layout_item
            WHERE quantity = ANY (p.quantities) AND (m.quantities IS NULL OR quantity = ANY (m.quantities))
            GROUP BY layout_item.layout
        ) i
        WHERE p.id IN (SELECT slot.plan_id FROM slot) AND (expected.meters IS NULL OR m.id = ANY (expected.meters))
    )
    SELECT w.meter_id, w.layout, slot.slot, bit_or(w.positions), max(w.horizon_s)
    FROM wanted w
    JOIN slot ON slot.plan_id = w.plan_id AND slot.slot >= w."from" AND (w."to" IS NULL OR slot.slot < w."to")
    WHERE w.everywhere OR (
        SELECT plan_selects(p, m, slot.slot) FROM plan p CROSS JOIN meter m WHERE p.id = w.plan_id AND m.id = w.meter_id
    )
    GROUP BY 1, 2, 3
$$;

-- Every expected capture in [since, until) with its one state at a moment: received, recovered (it was missed first),
-- unrecoverable, open. What is missing beyond its horizon is unrecoverable, unless somebody wants it again (`recollect`)
-- and nobody has tried since. `lacking`: which of its positions are not there, as bits.
CREATE FUNCTION ledger(since timestamptz, until timestamptz, meters integer[], at timestamptz)
RETURNS TABLE (
    meter_id integer, layout smallint, "time" timestamptz, positions integer, lacking integer, state text, reason text,
    tries integer, tried timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT s.meter_id, s.layout, s.time, s.positions, l.lacking,
           CASE
               WHEN l.lacking = 0 AND x.meter_id IS NULL THEN 'received'
               WHEN l.lacking = 0 THEN 'recovered'
               WHEN x.final OR o.is_over THEN 'unrecoverable'
               ELSE 'open'
           END,
           CASE
               WHEN l.lacking = 0 THEN NULL
               WHEN o.is_over AND x.final IS NOT TRUE THEN 'horizon'
               ELSE coalesce(x.reason, 'not_collected')
           END,
           coalesce(x.tries, 0), x.received
    FROM expected(since, until, meters) s
    LEFT JOIN capture c ON c.meter_id = s.meter_id AND c.time = s.time AND c.layout = s.layout
        AND c.time >= since AND c.time < until
    LEFT JOIN miss x ON x.meter_id = s.meter_id AND x.time = s.time AND x.layout = s.layout
        AND x.time >= since AND x.time < until
    CROSS JOIN LATERAL (
        SELECT s.positions & ~(CASE WHEN c.meter_id IS NULL THEN 0 ELSE capture_known(c) END) AS lacking
    ) l
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM at) - extract(epoch FROM s.time) >= s.horizon_s
               AND x.reason IS DISTINCT FROM 'recollect' AS is_over
    ) o
$$;
