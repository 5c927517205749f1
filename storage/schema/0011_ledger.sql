-- What a plan asks for, whom, and when: seconds since the epoch, or local days, or days of the month.
ALTER TABLE plan
    ADD COLUMN kind     text     NOT NULL DEFAULT 'registers' CHECK (kind IN ('registers', 'records')),
    ADD COLUMN calendar text     NOT NULL DEFAULT 'seconds' CHECK (calendar IN ('seconds', 'days', 'months')),
    ADD COLUMN minute   smallint CHECK (minute BETWEEN 0 AND 1439), -- past local midnight
    ADD COLUMN days     smallint[],
    ADD COLUMN zone     text,
    -- Which meters, by name; null: all.
    ADD COLUMN models  text[],
    ADD COLUMN areas   text[],
    ADD COLUMN tariffs text[],
    ADD COLUMN lines   text[],
    ADD COLUMN meters  text[],
    ALTER COLUMN period_s DROP NOT NULL,
    ADD CONSTRAINT plan_calendar CHECK (
        CASE calendar
            WHEN 'seconds' THEN period_s IS NOT NULL
            WHEN 'days' THEN minute IS NOT NULL AND zone IS NOT NULL
            ELSE minute IS NOT NULL AND zone IS NOT NULL AND days IS NOT NULL
        END
    );

ALTER TABLE miss
    ADD COLUMN tries integer NOT NULL DEFAULT 1,
    ADD COLUMN final boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN miss.final IS 'it cannot be had any more: the meter has not kept it, or keeps nothing';

-- The slots of a plan in [since, until), less what retention has dropped: that is expected no more.
CREATE FUNCTION plan_slots(p plan, since timestamptz, until timestamptz) RETURNS SETOF timestamptz
LANGUAGE sql STABLE AS $$
    WITH span AS (
        SELECT greatest(since, p.valid_from, (SELECT r.since FROM retained r WHERE r.kind = 'captures')) AS start,
               least(until, p.valid_to) AS stop
    )
    SELECT to_timestamp(n * p.period_s)
    FROM span CROSS JOIN generate_series(
        ceil(extract(epoch FROM start) / p.period_s)::bigint,
        ceil(extract(epoch FROM stop) / p.period_s)::bigint - 1
    ) n
    WHERE p.calendar = 'seconds'
    UNION ALL
    SELECT slot
    FROM span CROSS JOIN generate_series(
        date_trunc('day', start AT TIME ZONE p.zone) - interval '1 day',
        date_trunc('day', stop AT TIME ZONE p.zone) + interval '1 day',
        interval '1 day'
    ) AS day
    CROSS JOIN LATERAL (SELECT (day + make_interval(mins => p.minute)) AT TIME ZONE p.zone AS slot) s
    WHERE p.calendar <> 'seconds'
      AND (p.calendar = 'days' OR extract(day FROM day)::smallint = ANY (p.days))
      AND slot >= start AND slot < stop
$$;

-- Whether a plan asks a meter at a moment, by where it stood and stands for then.
CREATE FUNCTION plan_selects(p plan, m meter, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (p.areas IS NULL OR EXISTS (
        SELECT FROM meter_installation i
        JOIN area_point ap ON ap.usage_point_id = i.usage_point_id
            AND ap."from" <= at AND (ap."to" IS NULL OR ap."to" > at)
        JOIN area a ON a.id = ap.area_id
        WHERE i.meter_id = m.id AND i."from" <= at AND (i."to" IS NULL OR i."to" > at) AND a.name = ANY (p.areas)
    ) OR EXISTS (
        SELECT FROM total_meter t JOIN area a ON a.id = t.area_id
        WHERE t.meter_id = m.id AND t."from" <= at AND (t."to" IS NULL OR t."to" > at) AND a.name = ANY (p.areas)
    ))
    AND (p.tariffs IS NULL OR EXISTS (
        SELECT FROM meter_installation i JOIN usage_point u ON u.id = i.usage_point_id
        WHERE i.meter_id = m.id AND i."from" <= at AND (i."to" IS NULL OR i."to" > at) AND u.tariff = ANY (p.tariffs)
    ))
$$;

CREATE OR REPLACE FUNCTION expected(since timestamptz, until timestamptz, meters integer[])
RETURNS TABLE (meter_id integer, layout smallint, "time" timestamptz, positions integer) LANGUAGE sql STABLE AS $$
    WITH slot AS MATERIALIZED (
        SELECT p.id AS plan_id, s.slot FROM plan p CROSS JOIN LATERAL plan_slots(p, since, until) AS s (slot)
    )
    SELECT m.id, i.layout, slot.slot, bit_or(i.positions)
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
    JOIN slot ON slot.plan_id = p.id AND slot.slot >= s."from" AND (s."to" IS NULL OR slot.slot < s."to")
    WHERE (expected.meters IS NULL OR m.id = ANY (expected.meters))
      AND (p.areas IS NULL AND p.tariffs IS NULL OR plan_selects(p, m, slot.slot))
    GROUP BY 1, 2, 3
$$;

-- Every expected capture in [since, until) with its one state: received, recovered (it was missed first),
-- unrecoverable, open. `lacking`: which of its positions are not there, as bits.
CREATE FUNCTION ledger(since timestamptz, until timestamptz, meters integer[])
RETURNS TABLE (
    meter_id integer, layout smallint, "time" timestamptz, positions integer, lacking integer, state text, reason text,
    tries integer, tried timestamptz
) LANGUAGE sql STABLE AS $$
    SELECT s.meter_id, s.layout, s.time, s.positions, l.lacking,
           CASE
               WHEN l.lacking = 0 AND x.meter_id IS NULL THEN 'received'
               WHEN l.lacking = 0 THEN 'recovered'
               WHEN x.final THEN 'unrecoverable'
               ELSE 'open'
           END,
           CASE WHEN l.lacking <> 0 THEN coalesce(x.reason, 'not_collected') END,
           coalesce(x.tries, 0), x.received
    FROM expected(since, until, meters) s
    LEFT JOIN capture c ON c.meter_id = s.meter_id AND c.time = s.time AND c.layout = s.layout
        AND c.time >= since AND c.time < until
    LEFT JOIN miss x ON x.meter_id = s.meter_id AND x.time = s.time AND x.layout = s.layout
        AND x.time >= since AND x.time < until
    CROSS JOIN LATERAL (
        SELECT s.positions & ~(CASE WHEN c.meter_id IS NULL THEN 0 ELSE capture_known(c) END) AS lacking
    ) l
$$;
