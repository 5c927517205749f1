-- Load control: programmes, who belongs to them, events, whom they called and what was delivered. Rows are added, never
-- changed. Nothing here switches: what is called becomes orders, which people approve.
CREATE TABLE load_programme (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text        NOT NULL CHECK (name <> ''),
    document text        NOT NULL, -- TOML; the last one of a name holds
    by       text        NOT NULL CHECK (by <> ''),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX load_programme_name ON load_programme (name, id);

-- The last row of a programme and a usage point holds; one that names an event is about that event alone.
CREATE TABLE load_member (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    programme      text        NOT NULL,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    joined         boolean     NOT NULL, -- false: left, or opted out
    event          text,
    reason         text        NOT NULL DEFAULT '',
    by             text        NOT NULL CHECK (by <> ''),
    at             timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX load_member_of ON load_member (programme, usage_point_id, id);

CREATE TABLE load_event (
    id        text        PRIMARY KEY CHECK (id <> ''),
    programme text        NOT NULL,
    start     timestamptz NOT NULL,
    "end"     timestamptz NOT NULL CHECK ("end" > start),
    kw        numeric     NOT NULL CHECK (kw > 0),
    areas     text[]      NOT NULL DEFAULT '{}',
    reason    text        NOT NULL DEFAULT '',
    missing_w bigint      NOT NULL, -- in the round in which most was missing
    by        text        NOT NULL CHECK (by <> ''),
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE load_event_end (
    event text        PRIMARY KEY REFERENCES load_event,
    why   text        NOT NULL DEFAULT '',
    by    text        NOT NULL CHECK (by <> ''),
    at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who is off in which round, and the order that says so.
CREATE TABLE load_call (
    event          text        NOT NULL REFERENCES load_event,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    round          integer     NOT NULL CHECK (round > 0),
    meter_id       integer     NOT NULL REFERENCES meter,
    start          timestamptz NOT NULL,
    "end"          timestamptz NOT NULL CHECK ("end" > start),
    available_w    bigint      NOT NULL,
    order_key      text        NOT NULL,
    PRIMARY KEY (event, usage_point_id, round)
);
CREATE INDEX load_call_point ON load_call (usage_point_id, start);
CREATE TABLE load_left_out (
    event          text    NOT NULL REFERENCES load_event,
    usage_point_id integer NOT NULL REFERENCES usage_point,
    why            text    NOT NULL,
    PRIMARY KEY (event, usage_point_id)
);

-- What a call delivered; a later settlement of an event has a higher version. Numbers are null where they are not known.
CREATE TABLE load_delivery (
    event          text        NOT NULL REFERENCES load_event,
    version        integer     NOT NULL CHECK (version > 0),
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    round          integer     NOT NULL,
    baseline_kwh   numeric,
    used_kwh       numeric,
    amount         numeric     NOT NULL,
    currency       text        NOT NULL,
    reason         text        NOT NULL DEFAULT '', -- why it is not settled
    by             text        NOT NULL CHECK (by <> ''),
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (event, version, usage_point_id, round)
);

-- Cost control: what the billing system says of an account, and what the customer was told, with the proof of it.
CREATE TABLE load_balance (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    balance        numeric     NOT NULL,
    of             timestamptz NOT NULL, -- when it was so
    by             text        NOT NULL CHECK (by <> ''),
    at             timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX load_balance_point ON load_balance (usage_point_id, of, id);
CREATE TABLE load_notice (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    kind           text        NOT NULL CHECK (kind IN ('warned', 'noticed')),
    proof          text        NOT NULL CHECK (proof <> ''), -- a reference: a letter, a message
    of             timestamptz NOT NULL,
    by             text        NOT NULL CHECK (by <> ''),
    at             timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX load_notice_point ON load_notice (usage_point_id, of, id);

SELECT keep(t) FROM unnest('{
    load_programme,load_member,load_event,load_event_end,load_call,load_left_out,load_delivery,load_balance,load_notice
}'::regclass[]) AS t;
