-- What a meter gave at one moment, in one row. A value is a whole number of steps of the quantity that layout_item puts
-- at its position. quality: null when all is good, else one byte a position, the first in the lowest byte.
CREATE TABLE capture (
    meter_id integer     NOT NULL,
    layout   smallint    NOT NULL,
    source   smallint    NOT NULL,
    time     timestamptz NOT NULL,
    received timestamptz NOT NULL,
    v1 bigint, v2 bigint, v3 bigint, v4 bigint, v5 bigint, v6 bigint, v7 bigint, v8 bigint,
    quality  bigint
) PARTITION BY RANGE (time);
-- Not (meter_id, layout, time): "latest" would read a meter's whole history.
CREATE UNIQUE INDEX capture_key ON capture (meter_id, time, layout);

-- One partition a UTC day, made before the day is written. There is no default partition: rows in it would stand in the
-- way of the day's own partition. Attaching takes a lock that readers and writers do not feel.
CREATE FUNCTION capture_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'capture_' || to_char(day, 'YYYYMMDD');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('headend.capture_partition', 0));
    -- A query, because it has a snapshot taken after the lock; to_regclass would answer from a cache taken before it.
    IF EXISTS (
        SELECT FROM pg_class
        WHERE relname = partition AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'capture'::regclass)
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE capture INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
    EXECUTE format(
        'ALTER TABLE capture ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
    );
    RETURN true;
END $$;
