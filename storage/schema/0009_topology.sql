-- Feeder - area - usage point - meter, every membership half-open in time [from, to); a meter's states, multipliers,
-- registers at the edges of its stays, and exchanges.
CREATE TABLE feeder (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text    NOT NULL UNIQUE CHECK (name <> ''),
    address text,
    options jsonb   NOT NULL DEFAULT '{}'
);

-- A transformer district.
CREATE TABLE area (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text    NOT NULL UNIQUE CHECK (name <> ''),
    timezone text, -- an IANA name; null: the configuration's
    address  text,
    options  jsonb   NOT NULL DEFAULT '{}'
);

ALTER TABLE usage_point
    ADD COLUMN tariff          text,
    ADD COLUMN category        text,
    ADD COLUMN capacity_kw     numeric CHECK (capacity_kw > 0),
    ADD COLUMN rated_current_a numeric CHECK (rated_current_a > 0);

-- That nothing stands at two places at a time is an exclusion constraint, which no two writers can slip through. A range
-- of one integer stands for the integer: equality in GiST would need the extension btree_gist, which is not everywhere.
CREATE TABLE area_feeder (
    area_id   integer     NOT NULL REFERENCES area,
    feeder_id integer     NOT NULL REFERENCES feeder,
    "from"    timestamptz NOT NULL,
    "to"      timestamptz CHECK ("to" > "from"),
    PRIMARY KEY (area_id, "from"),
    CONSTRAINT area_feeder_overlap
        EXCLUDE USING gist (int4range(area_id, area_id, '[]') WITH &&, tstzrange("from", "to") WITH &&)
);
CREATE INDEX area_feeder_feeder ON area_feeder (feeder_id);

CREATE TABLE area_point (
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    area_id        integer     NOT NULL REFERENCES area,
    "from"         timestamptz NOT NULL,
    "to"           timestamptz CHECK ("to" > "from"),
    phase          text        CHECK (phase IN ('L1', 'L2', 'L3', 'three-phase')), -- null: not known
    branch         text, -- of the area's low-voltage network
    PRIMARY KEY (usage_point_id, "from"),
    CONSTRAINT area_point_overlap
        EXCLUDE USING gist (int4range(usage_point_id, usage_point_id, '[]') WITH &&, tstzrange("from", "to") WITH &&)
);
CREATE INDEX area_point_area ON area_point (area_id);

-- A total meter measures what an area, or a feeder, is supplied with. Several may measure one: they add up.
CREATE TABLE total_meter (
    meter_id  integer     NOT NULL REFERENCES meter,
    area_id   integer     REFERENCES area,
    feeder_id integer     REFERENCES feeder,
    "from"    timestamptz NOT NULL,
    "to"      timestamptz CHECK ("to" > "from"),
    PRIMARY KEY (meter_id, "from"),
    CONSTRAINT total_meter_place CHECK (num_nonnulls(area_id, feeder_id) = 1),
    CONSTRAINT total_meter_overlap
        EXCLUDE USING gist (int4range(meter_id, meter_id, '[]') WITH &&, tstzrange("from", "to") WITH &&)
);
CREATE INDEX total_meter_area ON total_meter (area_id);
CREATE INDEX total_meter_feeder ON total_meter (feeder_id);

DROP TRIGGER meter_installation_check ON meter_installation;
DROP FUNCTION meter_installation_check();
ALTER TABLE meter_installation ADD CONSTRAINT meter_installation_overlap
    EXCLUDE USING gist (int4range(meter_id, meter_id, '[]') WITH &&, tstzrange("from", "to") WITH &&);

-- From when on which multiplier holds; before the first row it is meter.multiplier.
CREATE TABLE meter_multiplier (
    meter_id   integer     NOT NULL REFERENCES meter,
    "from"     timestamptz NOT NULL,
    multiplier numeric     NOT NULL CHECK (multiplier > 0),
    actor      text        NOT NULL DEFAULT '',
    reason     text        NOT NULL DEFAULT '',
    entered    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, "from")
);
COMMENT ON COLUMN meter.multiplier IS 'CT ratio times PT ratio at the start; stored readings are the meter''s own, before it';

CREATE FUNCTION multiplier_at(meter integer, at timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT c.multiplier FROM meter_multiplier c WHERE c.meter_id = meter AND c."from" <= at ORDER BY c."from" DESC LIMIT 1),
        (SELECT m.multiplier FROM meter m WHERE m.id = meter)
    )
$$;

-- A register at the edge of a stay, an exchange, a change of multiplier or a reset: `final` ends what was before,
-- `initial` begins what is after. In steps of the quantity.
CREATE TABLE register_mark (
    meter_id integer     NOT NULL REFERENCES meter,
    "time"   timestamptz NOT NULL,
    quantity smallint    NOT NULL REFERENCES quantity,
    edge     text        NOT NULL CHECK (edge IN ('initial', 'final')),
    value    bigint      NOT NULL,
    source   text        NOT NULL CHECK (source IN ('read', 'manual', 'estimated')),
    actor    text        NOT NULL DEFAULT '',
    reason   text        NOT NULL DEFAULT '',
    entered  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meter_id, quantity, "time", edge)
);

CREATE TABLE meter_exchange (
    old_meter_id integer     NOT NULL UNIQUE REFERENCES meter,
    new_meter_id integer     NOT NULL REFERENCES meter CHECK (new_meter_id <> old_meter_id),
    "at"         timestamptz NOT NULL,
    actor        text        NOT NULL DEFAULT '',
    reason       text        NOT NULL DEFAULT '',
    entered      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (new_meter_id)
);

-- A meter's life. The rows of a meter follow each other without hole: a new one ends the last. meter.state repeats the
-- last one's state.
CREATE TABLE meter_transition (
    before text NOT NULL,
    after  text NOT NULL,
    PRIMARY KEY (before, after)
);
INSERT INTO meter_transition (before, after) VALUES
    ('planned', 'active'), ('planned', 'scrapped'),
    ('active', 'suspended'), ('active', 'removed'),
    ('suspended', 'active'), ('suspended', 'removed'),
    ('removed', 'active'), ('removed', 'scrapped');

CREATE TABLE meter_state (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id integer     NOT NULL REFERENCES meter,
    "from"   timestamptz NOT NULL,
    "to"     timestamptz CHECK ("to" >= "from"),
    state    text        NOT NULL CHECK (state IN ('planned', 'active', 'suspended', 'removed', 'scrapped')),
    actor    text        NOT NULL DEFAULT '',
    reason   text        NOT NULL DEFAULT '',
    entered  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX meter_state_meter ON meter_state (meter_id, "from");
CREATE UNIQUE INDEX meter_state_last ON meter_state (meter_id) WHERE "to" IS NULL;

ALTER TABLE meter DROP CONSTRAINT meter_state_check;
ALTER TABLE meter ADD CONSTRAINT meter_state_check
    CHECK (state IN ('planned', 'active', 'suspended', 'removed', 'scrapped'));
DROP INDEX meter_line_address;
CREATE UNIQUE INDEX meter_line_address ON meter (line_id, address) WHERE state IN ('active', 'suspended');

-- When a meter that is not read any more lost its state is not known of older rows: nothing was expected of it then, and
-- nothing is now.
INSERT INTO meter_state (meter_id, "from", state) SELECT id, created, state FROM meter;

CREATE FUNCTION meter_state_append() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last meter_state;
BEGIN
    PERFORM FROM meter WHERE id = NEW.meter_id FOR UPDATE;
    SELECT * INTO last FROM meter_state WHERE meter_id = NEW.meter_id AND "to" IS NULL;
    IF FOUND THEN
        IF NOT EXISTS (SELECT FROM meter_transition WHERE before = last.state AND after = NEW.state) THEN
            RAISE EXCEPTION 'a meter that is % does not become %', last.state, NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'meter_transition';
        END IF;
        IF NEW."from" < last."from" THEN
            RAISE EXCEPTION 'the meter is % since %, later than %', last.state, last."from", NEW."from"
                USING ERRCODE = 'check_violation', CONSTRAINT = 'meter_state_order';
        END IF;
        UPDATE meter_state SET "to" = NEW."from" WHERE id = last.id;
    END IF;
    UPDATE meter SET state = NEW.state WHERE id = NEW.meter_id AND state <> NEW.state;
    RETURN NEW;
END $$;
CREATE TRIGGER meter_state_append BEFORE INSERT ON meter_state
    FOR EACH ROW EXECUTE FUNCTION meter_state_append();

-- A meter that was added without a history begins one; at the commit, so that its adder may write it.
CREATE FUNCTION meter_state_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM meter_state WHERE meter_id = NEW.id) THEN
        INSERT INTO meter_state (meter_id, "from", state) VALUES (NEW.id, NEW.created, NEW.state);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER meter_state_begin AFTER INSERT ON meter DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION meter_state_begin();

-- As before, of the times in which a meter was active: what it was then counts, not what it is today.
CREATE OR REPLACE FUNCTION expected(since timestamptz, until timestamptz, meters integer[])
RETURNS TABLE (meter_id integer, layout smallint, "time" timestamptz, positions integer) LANGUAGE sql STABLE AS $$
    SELECT m.id, i.layout, to_timestamp(n * p.period_s), bit_or(i.positions)
    FROM plan p
    CROSS JOIN meter m
    JOIN meter_state s ON s.meter_id = m.id AND s.state = 'active' AND s."from" < until
        AND (s."to" IS NULL OR s."to" > since)
    CROSS JOIN LATERAL (
        SELECT layout_item.layout, bit_or(1 << (pos - 1)) AS positions
        FROM layout_item
        WHERE quantity = ANY (p.quantities) AND (m.quantities IS NULL OR quantity = ANY (m.quantities))
        GROUP BY layout_item.layout
    ) i
    CROSS JOIN LATERAL generate_series(
        ceil(extract(epoch FROM greatest(since, p.valid_from, s."from")) / p.period_s)::bigint,
        ceil(extract(epoch FROM least(until, p.valid_to, s."to")) / p.period_s)::bigint - 1
    ) n
    WHERE meters IS NULL OR m.id = ANY (meters)
    GROUP BY 1, 2, 3
$$;
