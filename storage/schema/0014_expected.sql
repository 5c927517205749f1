-- As before, and the same rows: what a plan wants of a meter is found once, not once a slot. The planner took that for
-- cheap and did it for every slot, which was nine tenths of the ledger's time.
CREATE OR REPLACE FUNCTION expected(since timestamptz, until timestamptz, meters integer[])
RETURNS TABLE (meter_id integer, layout smallint, "time" timestamptz, positions integer) LANGUAGE sql STABLE AS $$
    WITH slot AS MATERIALIZED (
        SELECT p.id AS plan_id, s.slot FROM plan p CROSS JOIN LATERAL plan_slots(p, since, until) AS s (slot)
    ), wanted AS MATERIALIZED (
        SELECT p.id AS plan_id, m.id AS meter_id, i.layout, i.positions, s."from", s."to",
               p.areas IS NULL AND p.tariffs IS NULL AS everywhere
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
    SELECT w.meter_id, w.layout, slot.slot, bit_or(w.positions)
    FROM wanted w
    JOIN slot ON slot.plan_id = w.plan_id AND slot.slot >= w."from" AND (w."to" IS NULL OR slot.slot < w."to")
    WHERE w.everywhere OR (
        SELECT plan_selects(p, m, slot.slot) FROM plan p CROSS JOIN meter m WHERE p.id = w.plan_id AND m.id = w.meter_id
    )
    GROUP BY 1, 2, 3
$$;
