-- What must be rolled up (again). Level 1: captures came for these meters in the UTC hour from `start` on, told by the
-- transaction that stored them; level 2 and 3: rolled hours of the day, rolled days of the month that starts then.
CREATE TABLE dirty (
    id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    level  smallint    NOT NULL,
    start  timestamptz NOT NULL,
    first  integer, -- from this meter's id to that one's, where most of them are touched
    last   integer,
    meters integer[], -- else these
    CHECK ((meters IS NULL) = (first IS NOT NULL AND last IS NOT NULL))
);

-- Days and months are those of one time zone; the first roll writes it down.
CREATE TABLE rollup_zone (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    zone text    NOT NULL
);

-- Cumulative registers over one hour (level 1), day (2) or month (3), both ends included: a register read at midnight
-- ends one day and begins the next. first1, last1: the first and the last known register, in steps. flags: one byte a
-- position, the first in the lowest: 1 first stands at the start, 2 last stands at the end, 4 the register went back
-- somewhere, 8 first is of a later capture than first_time, 16 last is of an earlier one than last_time.
-- The energy is last - first where (flags & 7) = 3, else it is not known.
CREATE TABLE rollup_register (
    start      timestamptz NOT NULL,
    meter_id   integer     NOT NULL,
    layout     smallint    NOT NULL,
    level      smallint    NOT NULL,
    captures   integer     NOT NULL, -- from the start on, the end not included
    first_time timestamptz NOT NULL,
    last_time  timestamptz NOT NULL,
    flags      bigint      NOT NULL,
    first1 bigint, first2 bigint, first3 bigint, first4 bigint, first5 bigint, first6 bigint, first7 bigint, first8 bigint,
    last1 bigint, last2 bigint, last3 bigint, last4 bigint, last5 bigint, last6 bigint, last7 bigint, last8 bigint
) PARTITION BY LIST (level);
CREATE UNIQUE INDEX rollup_register_key ON rollup_register (start, meter_id, layout, level);

-- Instantaneous values and demands, the end not included. count1: known values; total1: their exact sum, null where it
-- does not surely fit; high_at1: the first moment of the highest.
CREATE TABLE rollup_value (
    start      timestamptz NOT NULL,
    meter_id   integer     NOT NULL,
    layout     smallint    NOT NULL,
    level      smallint    NOT NULL,
    captures   integer     NOT NULL,
    first_time timestamptz NOT NULL,
    last_time  timestamptz NOT NULL,
    count1 integer, count2 integer, count3 integer, count4 integer, count5 integer, count6 integer, count7 integer, count8 integer,
    low1 bigint, low2 bigint, low3 bigint, low4 bigint, low5 bigint, low6 bigint, low7 bigint, low8 bigint,
    high1 bigint, high2 bigint, high3 bigint, high4 bigint, high5 bigint, high6 bigint, high7 bigint, high8 bigint,
    high_at1 timestamptz, high_at2 timestamptz, high_at3 timestamptz, high_at4 timestamptz,
    high_at5 timestamptz, high_at6 timestamptz, high_at7 timestamptz, high_at8 timestamptz,
    total1 bigint, total2 bigint, total3 bigint, total4 bigint, total5 bigint, total6 bigint, total7 bigint, total8 bigint
) PARTITION BY LIST (level);
CREATE UNIQUE INDEX rollup_value_key ON rollup_value (start, meter_id, layout, level);

CREATE TABLE rollup_register_hour PARTITION OF rollup_register FOR VALUES IN (1) PARTITION BY RANGE (start);
CREATE TABLE rollup_register_day PARTITION OF rollup_register FOR VALUES IN (2) PARTITION BY RANGE (start);
CREATE TABLE rollup_register_month PARTITION OF rollup_register FOR VALUES IN (3) PARTITION BY RANGE (start);
CREATE TABLE rollup_value_hour PARTITION OF rollup_value FOR VALUES IN (1) PARTITION BY RANGE (start);
CREATE TABLE rollup_value_day PARTITION OF rollup_value FOR VALUES IN (2) PARTITION BY RANGE (start);
CREATE TABLE rollup_value_month PARTITION OF rollup_value FOR VALUES IN (3) PARTITION BY RANGE (start);

-- The partition that `start` belongs in: hours by the UTC day, days by the month, months by the year.
CREATE FUNCTION rollup_partition(parent text, start timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    level text := substring(parent FROM '[a-z]+$');
    unit  text := CASE level WHEN 'hour' THEN 'day' WHEN 'day' THEN 'month' ELSE 'year' END;
    first timestamp := date_trunc(unit, start AT TIME ZONE 'UTC');
    partition text := parent || to_char(first, CASE unit WHEN 'day' THEN '_YYYYMMDD' WHEN 'month' THEN '_YYYYMM' ELSE '_YYYY' END);
BEGIN
    IF EXISTS (
        SELECT FROM pg_class
        WHERE relname = partition AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'rollup_register'::regclass)
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', partition, parent,
        first AT TIME ZONE 'UTC', (first + ('1 ' || unit)::interval) AT TIME ZONE 'UTC'
    );
    RETURN true;
END $$;

-- What retention has dropped: nothing of this kind is kept from before `since`.
CREATE TABLE retained (
    kind  text        PRIMARY KEY,
    since timestamptz NOT NULL
);

-- As before, but what retention has dropped is expected no more.
CREATE OR REPLACE FUNCTION expected(since timestamptz, until timestamptz, meters integer[])
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
        ceil(extract(epoch FROM greatest(
            since, p.valid_from, m.created, (SELECT r.since FROM retained r WHERE r.kind = 'captures')
        )) / p.period_s)::bigint,
        ceil(extract(epoch FROM least(until, p.valid_to)) / p.period_s)::bigint - 1
    ) n
    WHERE m.state = 'active' AND (meters IS NULL OR m.id = ANY (meters))
    GROUP BY 1, 2, 3
$$;

-- What is stored already has not been told. Hours that a capture ends are touched too.
INSERT INTO dirty (level, start, meters)
SELECT 1, h.start, array_agg(DISTINCT c.meter_id)
FROM capture c
CROSS JOIN LATERAL (
    VALUES (date_bin('1 hour', c.time, 'epoch')), (date_bin('1 hour', c.time - interval '1 microsecond', 'epoch'))
) h (start)
GROUP BY h.start;
