-- Events of one kind that came at once: told once, whatever their number.
CREATE TABLE event_storm (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind      text        NOT NULL,
    scope     text        NOT NULL CHECK (scope IN ('meter', 'line', 'area', 'system')),
    place     text        NOT NULL,
    first     timestamptz NOT NULL,
    last      timestamptz NOT NULL CHECK (last >= first),
    events    integer     NOT NULL CHECK (events > 0),
    meters    integer     NOT NULL CHECK (meters > 0),
    told      timestamptz NOT NULL
);

-- What happened to meters. Kinds are the program's catalogue. Of the same event only the end may come later.
CREATE TABLE meter_event (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id     integer     NOT NULL REFERENCES meter,
    kind         text        NOT NULL,
    source       smallint    NOT NULL,
    severity     smallint    NOT NULL,
    start        timestamptz NOT NULL, -- by the meter's clock for its records, else when we first saw it
    "end"        timestamptz,          -- a wrong clock may put it before the start
    is_open      boolean     NOT NULL,
    received     timestamptz NOT NULL,
    changed      timestamptz NOT NULL,
    contents     jsonb       NOT NULL DEFAULT '{}', -- by part name, exact texts in the meter's own spelling
    storm_id     bigint      REFERENCES event_storm ON DELETE SET NULL,
    acknowledged timestamptz,
    actor        text,
    note         text,
    CONSTRAINT meter_event_once UNIQUE (meter_id, kind, start, source),
    CHECK ("end" IS NULL OR NOT is_open),
    CHECK ((acknowledged IS NULL) = (actor IS NULL))
);
CREATE INDEX meter_event_start ON meter_event (start);
CREATE INDEX meter_event_kind ON meter_event (kind, start);
CREATE INDEX meter_event_storm ON meter_event (storm_id) WHERE storm_id IS NOT NULL;
CREATE INDEX meter_event_todo ON meter_event (severity, start) WHERE acknowledged IS NULL;

-- What is remembered of a meter's events until they are read next: counters, newest records, what it refuses.
CREATE TABLE event_state (
    meter_id integer     PRIMARY KEY REFERENCES meter,
    state    jsonb       NOT NULL,
    changed  timestamptz NOT NULL
);

-- What was concluded about supply. An open one is concluded anew each time; a restored one stays as it was.
CREATE TABLE outage (
    id         bigint        GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area       text          NOT NULL,
    level      text          NOT NULL CHECK (level IN ('meter', 'branch', 'district')),
    place      text          NOT NULL,
    start      timestamptz   NOT NULL,
    not_before timestamptz,
    seen       timestamptz   NOT NULL,
    restored   timestamptz,
    confidence numeric(3, 2) NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    meters     text[]        NOT NULL CHECK (cardinality(meters) > 0),
    evidence   jsonb         NOT NULL
);
CREATE UNIQUE INDEX outage_open ON outage (area, level, place) WHERE restored IS NULL;
CREATE INDEX outage_start ON outage (start);
