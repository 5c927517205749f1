-- Who may ask for what. Rows are added and never changed, here and in all that has the trigger `kept_stands`: what ends
-- something is a row as well.
CREATE FUNCTION kept_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are added, never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION keep(kept regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER kept_stands BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION kept_stands()', kept);
    EXECUTE format('CREATE TRIGGER kept_whole BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION kept_stands()', kept);
END $$;

CREATE TABLE person (
    name      text        PRIMARY KEY CHECK (name ~ '^[^[:space:]*,][^*,]{0,99}$'),
    is_person boolean     NOT NULL, -- false: a program's account
    by        text        NOT NULL CHECK (by <> ''),
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The last row holds; none: enabled.
CREATE TABLE person_state (
    person  text        NOT NULL REFERENCES person,
    number  integer     NOT NULL CHECK (number > 0),
    enabled boolean     NOT NULL,
    reason  text        NOT NULL DEFAULT '',
    by      text        NOT NULL CHECK (by <> ''),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (person, number)
);

-- What a role lets its holder do: steps of an order, changes of the rules, and people.
CREATE TABLE role (
    name        text    PRIMARY KEY,
    steps       text[]  NOT NULL DEFAULT '{}',
    oversight   text[]  NOT NULL DEFAULT '{}',
    administers boolean NOT NULL DEFAULT false,
    CHECK (NOT administers OR (steps = '{}' AND oversight = '{}'))
);
INSERT INTO role (name, steps, oversight, administers) VALUES
    ('reader', '{}', '{}', false),
    ('requester', '{draft}', '{}', false),
    ('approver', '{approve}', '{stop,release_stop,caps,unlist}', false),
    ('operator', '{release}', '{stop,release_stop,caps,unlist}', false),
    ('administrator', '{}', '{}', true);

-- For the functions (null: all) in the areas ('*': all).
CREATE TABLE person_grant (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person    text        NOT NULL REFERENCES person,
    role      text        NOT NULL REFERENCES role,
    functions text[]      CHECK (cardinality(functions) > 0),
    areas     text[]      NOT NULL CHECK (cardinality(areas) > 0),
    by        text        NOT NULL CHECK (by <> ''),
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX person_grant_person ON person_grant (person);

CREATE TABLE grant_end (
    grant_id bigint      PRIMARY KEY REFERENCES person_grant,
    by       text        NOT NULL CHECK (by <> ''),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- `digest` is the SHA-256 of 256 random bits, which nobody has but who was given them.
CREATE TABLE api_token (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person  text        NOT NULL REFERENCES person,
    digest  bytea       NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    label   text        NOT NULL DEFAULT '',
    expires timestamptz NOT NULL,
    by      text        NOT NULL CHECK (by <> ''),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (expires > at)
);
CREATE INDEX api_token_person ON api_token (person);

CREATE TABLE token_end (
    token_id bigint      PRIMARY KEY REFERENCES api_token,
    by       text        NOT NULL CHECK (by <> ''),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

SELECT keep(t) FROM unnest('{person,person_state,role,person_grant,grant_end,api_token,token_end}'::regclass[]) AS t;

-- Meters' passwords and operators' codes, sealed: `data` by a key of its own, and that by the key named `key_id`. The
-- highest number of a state is meant; `next` is what a meter is about to be told.
CREATE TABLE meter_secret (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter   text        NOT NULL CHECK (meter <> ''),
    kind    text        NOT NULL CHECK (kind <> ''), -- of what level or use
    state   text        NOT NULL CHECK (state IN ('current', 'next', 'past')),
    key_id  text        NOT NULL,
    wrapped bytea       NOT NULL,
    data    bytea       NOT NULL,
    by      text        NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX meter_secret_one ON meter_secret (meter, kind, state) WHERE state <> 'past';
