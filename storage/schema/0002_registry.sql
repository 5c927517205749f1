-- Lines, meters, usage points, plans: what there is and what is asked of it.
CREATE TABLE line (
    id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text  NOT NULL UNIQUE CHECK (name <> ''),
    url      text  NOT NULL,
    protocol text  NOT NULL,
    options  jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE meter (
    id         integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL UNIQUE CHECK (name <> ''),
    address    text        NOT NULL,
    model      text        NOT NULL,
    line_id    integer     NOT NULL REFERENCES line,
    multiplier numeric     NOT NULL DEFAULT 1 CHECK (multiplier > 0),
    quantities smallint[], -- what this kind of meter can give; null: everything a plan asks for
    state      text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'removed')),
    created    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN meter.multiplier IS 'CT ratio times PT ratio; stored readings are the meter''s own, before it';
CREATE UNIQUE INDEX meter_line_address ON meter (line_id, address) WHERE state <> 'removed';

CREATE TABLE usage_point (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text    NOT NULL UNIQUE CHECK (name <> ''),
    address text,
    options jsonb   NOT NULL DEFAULT '{}'
);

-- Which meter stood at which point, and when: half-open [from, to).
CREATE TABLE meter_installation (
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    meter_id       integer     NOT NULL REFERENCES meter,
    "from"         timestamptz NOT NULL,
    "to"           timestamptz CHECK ("to" > "from"),
    PRIMARY KEY (meter_id, "from")
);
CREATE INDEX meter_installation_point ON meter_installation (usage_point_id, "from");
-- A meter stands at one point at a time. An exclusion constraint over an integer and a range needs the extension
-- btree_gist, which is not everywhere.
CREATE FUNCTION meter_installation_check() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW."to" <= NEW."from" THEN
        RETURN NEW; -- the check says so better than a range can
    END IF;
    PERFORM 1 FROM meter WHERE id = NEW.meter_id FOR UPDATE;
    IF EXISTS (
        SELECT FROM meter_installation i
        WHERE i.meter_id = NEW.meter_id
          AND tstzrange(i."from", i."to") && tstzrange(NEW."from", NEW."to")
          AND (TG_OP = 'INSERT' OR (i.meter_id, i."from") <> (OLD.meter_id, OLD."from"))
    ) THEN
        RAISE EXCEPTION 'meter % is installed somewhere in that time already', NEW.meter_id
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'meter_installation_overlap';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER meter_installation_check BEFORE INSERT OR UPDATE ON meter_installation
    FOR EACH ROW EXECUTE FUNCTION meter_installation_check();

-- Slots are the multiples of period_s since 1970-01-01 00:00 UTC, in [valid_from, valid_to). A plan never changes: what
-- replaces it is a new row, so that what was expected of the past stays what it was.
CREATE TABLE plan (
    id         integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL CHECK (name <> ''),
    period_s   integer     NOT NULL CHECK (period_s > 0),
    quantities smallint[]  NOT NULL CHECK (cardinality(quantities) > 0),
    valid_from timestamptz NOT NULL,
    valid_to   timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX plan_current ON plan (name) WHERE valid_to IS NULL;

-- A running daemon's sign of life.
CREATE TABLE daemon (
    name     text        PRIMARY KEY,
    pid      integer     NOT NULL,
    host     text        NOT NULL,
    started  timestamptz NOT NULL,
    seen     timestamptz NOT NULL,
    counters jsonb       NOT NULL DEFAULT '{}'
);
