-- Validated values by usage point, quantity, length of interval, local day and version. Rows are added, never changed;
-- the newest version counts. What retention drops are whole partitions.
CREATE FUNCTION rows_stand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % stand: they are added, never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

-- What a version of the parameters says, as it was when values were first judged by it.
CREATE TABLE vee_parameters (
    version  text  PRIMARY KEY CHECK (version <> ''),
    contents jsonb NOT NULL
);
CREATE TRIGGER vee_parameters_stand BEFORE UPDATE OR DELETE ON vee_parameters FOR EACH ROW EXECUTE FUNCTION rows_stand();

-- Numbers are given in the order in which runs are committed, under one lock and without a hole: what was made by runs up
-- to a number is the same for ever.
CREATE TABLE vee_run (
    number     bigint      PRIMARY KEY CHECK (number > 0),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text        NOT NULL CHECK (actor <> ''),
    kind       text        NOT NULL CHECK (kind IN ('first', 'rerun', 'edit', 'correction')),
    reason     text        NOT NULL DEFAULT '',
    parameters text        NOT NULL REFERENCES vee_parameters,
    CONSTRAINT vee_run_reason CHECK (kind NOT IN ('edit', 'correction') OR reason <> '')
);
CREATE TRIGGER vee_run_stand BEFORE UPDATE OR DELETE ON vee_run FOR EACH ROW EXECUTE FUNCTION rows_stand();

-- An element of the arrays is an interval of the day, the first begins at `start`: 92, 96 or 100 quarter-hours. A value
-- is a whole number of steps of the quantity, multiplied; null where there is none.
CREATE TABLE validated_day (
    usage_point_id integer     NOT NULL,
    quantity       smallint    NOT NULL,
    step_s         integer     NOT NULL CHECK (step_s > 0),
    day            date        NOT NULL,
    version        integer     NOT NULL CHECK (version > 0),
    run            bigint      NOT NULL,
    start          timestamptz NOT NULL,
    source         bytea,     -- null: all are the meter's own; else a byte an interval, as in `method` and `reason`
    method         bytea,     -- null: all are raw
    reason         bytea,     -- null: no value lost its place
    failed         integer[], -- null: no check failed; else bit k is set where check k did
    raw            bigint[],  -- null: the same as steps
    steps          bigint[]    NOT NULL CHECK (cardinality(steps) > 0)
) PARTITION BY RANGE (day);
CREATE UNIQUE INDEX validated_day_key ON validated_day (usage_point_id, quantity, step_s, day, version DESC);
CREATE INDEX validated_day_failed ON validated_day (day) WHERE failed IS NOT NULL;
CREATE TRIGGER validated_day_stand BEFORE UPDATE OR DELETE ON validated_day
    FOR EACH ROW EXECUTE FUNCTION rows_stand();

-- A partition a month, made before it is written, by a run, which has the lock.
CREATE FUNCTION validated_partition(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    first     date := date_trunc('month', day);
    partition text := 'validated_day_' || to_char(first, 'YYYYMM');
BEGIN
    IF EXISTS (
        SELECT FROM pg_class
        WHERE relname = partition AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'validated_day'::regclass)
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF validated_day FOR VALUES FROM (%L) TO (%L)', partition, first,
        (first + interval '1 month')::date
    );
    RETURN true;
END $$;

-- What persons put in. The last one of an interval holds, over all runs. steps null: the rules' own value holds again.
CREATE TABLE vee_edit (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run            bigint      NOT NULL REFERENCES vee_run,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    quantity       smallint    NOT NULL REFERENCES quantity,
    step_s         integer     NOT NULL,
    start          timestamptz NOT NULL,
    steps          bigint,
    actor          text        NOT NULL CHECK (actor <> ''),
    reason         text        NOT NULL CHECK (reason <> ''),
    at             timestamptz NOT NULL
);
CREATE INDEX vee_edit_interval ON vee_edit (usage_point_id, quantity, step_s, start, id);
CREATE TRIGGER vee_edit_stand BEFORE UPDATE OR DELETE ON vee_edit FOR EACH ROW EXECUTE FUNCTION rows_stand();

-- Days on which a bill stands: they are changed by a correction only. `bill`: the bill's own number.
CREATE TABLE frozen_day (
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    quantity       smallint    NOT NULL REFERENCES quantity,
    day            date        NOT NULL,
    bill           bigint      NOT NULL,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (usage_point_id, quantity, day, bill)
);
CREATE TRIGGER frozen_day_stand BEFORE UPDATE OR DELETE ON frozen_day FOR EACH ROW EXECUTE FUNCTION rows_stand();

-- Narrow, for SQL users: the newest version of each day, interval by interval.
CREATE VIEW validated AS
SELECT d.usage_point_id, d.quantity, d.step_s, d.day,
       d.start + (n - 1) * d.step_s * interval '1 second' AS "time",
       d.steps[n] AS value,
       CASE WHEN d.raw IS NULL THEN d.steps[n] ELSE d.raw[n] END AS raw,
       (ARRAY['none', 'actual', 'estimated', 'substituted', 'edited'])[coalesce(get_byte(d.source, n - 1), 1) + 1] AS source,
       (ARRAY['none', 'raw', 'outage', 'register', 'linear', 'like_day', 'class', 'edit'])
           [coalesce(get_byte(d.method, n - 1), 1) + 1] AS rule,
       coalesce(get_byte(d.reason, n - 1), 0) AS reason,
       coalesce(d.failed[n], 0) AS failed,
       d.version, d.run, r.parameters
FROM validated_day d
JOIN vee_run r ON r.number = d.run
CROSS JOIN LATERAL generate_subscripts(d.steps, 1) n
WHERE NOT EXISTS (
    SELECT FROM validated_day later
    WHERE later.usage_point_id = d.usage_point_id AND later.quantity = d.quantity AND later.step_s = d.step_s
      AND later.day = d.day AND later.version > d.version
);
COMMENT ON VIEW validated IS 'value and raw in steps of the quantity, multiplied, of the interval that begins at time';
