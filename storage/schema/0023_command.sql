-- Orders, whom they meet, who approved, and what became of each command. Rows are added, never changed.

-- What was asked for, and once more whenever it was edited. `asked` is the digest of the request as it came: the same key
-- with another request is no repetition. `digest` is that of the order as the safety core hashes it.
CREATE TABLE command_order (
    key        text        NOT NULL CHECK (key ~ '^[!-~]{1,100}$'),
    version    integer     NOT NULL CHECK (version > 0),
    digest     text        NOT NULL,
    asked      text        NOT NULL,
    function   text        NOT NULL,
    parameters jsonb       NOT NULL DEFAULT '{}',
    reason     text,
    notice     text        NOT NULL DEFAULT '',
    requester  text        NOT NULL REFERENCES person,
    source     text        NOT NULL CHECK (source IN ('person', 'automatic')),
    not_before timestamptz NOT NULL,
    expires    timestamptz NOT NULL,
    by         text        NOT NULL REFERENCES person,
    at         timestamptz NOT NULL,
    PRIMARY KEY (key, version)
);
CREATE INDEX command_order_at ON command_order (at);

CREATE TABLE command_target (
    key     text    NOT NULL,
    version integer NOT NULL,
    meter   text    NOT NULL CHECK (meter <> ''),
    address text    NOT NULL,
    line    text    NOT NULL,
    point   text    NOT NULL,
    area    text    NOT NULL,
    feeder  text    NOT NULL,
    label   text    NOT NULL,
    load_w  bigint, -- null: not known
    PRIMARY KEY (key, version, meter),
    FOREIGN KEY (key, version) REFERENCES command_order
);
CREATE INDEX command_target_meter ON command_target (meter);

-- `bound`: SHA-256 of the order and the policy that the approver was shown.
CREATE TABLE approval (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key       text        NOT NULL,
    version   integer     NOT NULL,
    by        text        NOT NULL REFERENCES person,
    bound     text        NOT NULL,
    over_caps boolean     NOT NULL,
    at        timestamptz NOT NULL,
    expires   timestamptz NOT NULL CHECK (expires > at),
    FOREIGN KEY (key, version) REFERENCES command_order
);
CREATE INDEX approval_key ON approval (key);

-- What can become of a command. The program's table says the same.
CREATE TABLE command_step (
    before text NOT NULL,
    after  text NOT NULL,
    "on"   text NOT NULL,
    PRIMARY KEY (before, after)
);
INSERT INTO command_step (before, after, "on") VALUES
    ('draft', 'approved', 'all approvals that it needs'),
    ('draft', 'rejected', 'a person says no'),
    ('draft', 'expired', 'its time is over'),
    ('draft', 'recalled', 'paid or cancelled'),
    ('approved', 'draft', 'edited: approvals are void'),
    ('approved', 'released', 'released'),
    ('approved', 'quarantined', 'over a cap'),
    ('approved', 'rejected', 'a rule refuses it'),
    ('approved', 'expired', 'its time is over'),
    ('approved', 'recalled', 'paid or cancelled'),
    ('approved', 'stopped', 'a stop'),
    ('quarantined', 'released', 'two persons let it go over the cap'),
    ('quarantined', 'rejected', 'a person or a rule says no'),
    ('quarantined', 'expired', 'its time is over'),
    ('quarantined', 'recalled', 'paid or cancelled'),
    ('quarantined', 'stopped', 'a stop'),
    ('released', 'sent', 'claimed by one sender, just before the frame'),
    ('released', 'quarantined', 'over a cap'),
    ('released', 'rejected', 'a rule refuses it'),
    ('released', 'expired', 'its time is over'),
    ('released', 'recalled', 'paid or cancelled'),
    ('released', 'stopped', 'a stop'),
    ('sent', 'acknowledged', 'the meter accepts'),
    ('sent', 'failed', 'the meter refuses'),
    ('sent', 'unknown', 'no answer, or the sender died'),
    ('sent', 'rejected', 'held back by the permit: not one byte went out'),
    ('acknowledged', 'verified', 'read back: as ordered'),
    ('acknowledged', 'contradicted', 'read back: the opposite'),
    ('acknowledged', 'unverifiable', 'nothing tells'),
    ('unknown', 'verified', 'read back: as ordered'),
    ('unknown', 'contradicted', 'read back: what the meter shows cannot be'),
    ('unknown', 'failed', 'read back after its expiry: nothing was done'),
    ('unknown', 'unverifiable', 'nothing tells');

-- A command is one order at one meter; its state is its last row. Each row names the one before it, which exists: of two
-- writers that go on from one state the second is refused by the key. `version` is the order's that it is about.
CREATE TABLE command_transition (
    key      text        NOT NULL,
    meter    text        NOT NULL,
    number   integer     NOT NULL CHECK (number >= 0),
    previous integer     GENERATED ALWAYS AS (NULLIF(number, 0) - 1) STORED,
    version  integer     NOT NULL,
    before   text,
    after    text        NOT NULL,
    claim    text        NOT NULL DEFAULT '',
    why      text        NOT NULL DEFAULT '',
    by       text        NOT NULL CHECK (by <> ''),
    at       timestamptz NOT NULL,
    PRIMARY KEY (key, meter, number),
    UNIQUE (key, meter, number, after),
    FOREIGN KEY (before, after) REFERENCES command_step,
    FOREIGN KEY (key, meter, previous, before) REFERENCES command_transition (key, meter, number, after),
    FOREIGN KEY (key, version) REFERENCES command_order,
    CONSTRAINT command_begins CHECK ((number = 0) = (before IS NULL) AND (number > 0 OR after = 'draft')),
    CONSTRAINT command_claim CHECK ((after = 'sent') = (claim <> ''))
);
CREATE UNIQUE INDEX command_sent_once ON command_transition (key, meter) WHERE after = 'sent';
CREATE UNIQUE INDEX command_claim_once ON command_transition (claim) WHERE after = 'sent';
CREATE INDEX command_transition_at ON command_transition (at, after);
CREATE INDEX command_transition_meter ON command_transition (meter);

CREATE VIEW command_state AS
SELECT DISTINCT ON (key, meter) key, meter, number, version, after AS state, at
FROM command_transition ORDER BY key, meter, number DESC;

-- Commands that are not at their end, to be found quickly; what holds is said by their transitions.
CREATE TABLE command_open (
    key     text        NOT NULL,
    meter   text        NOT NULL,
    number  integer     NOT NULL,
    version integer     NOT NULL,
    state   text        NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (key, meter)
);
CREATE INDEX command_open_meter ON command_open (meter);
CREATE INDEX command_open_state ON command_open (state);

CREATE FUNCTION command_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM command_open o USING fresh f WHERE o.key = f.key AND o.meter = f.meter;
    INSERT INTO command_open (key, meter, number, version, state, at)
    SELECT key, meter, number, version, after, at FROM fresh f
    WHERE EXISTS (SELECT FROM command_step s WHERE s.before = f.after);
    PERFORM pg_notify('command', '');
    RETURN NULL;
END $$;
CREATE TRIGGER command_goes_on AFTER INSERT ON command_transition
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION command_goes_on();

-- A change of the rules, or of who may what, for which several persons are needed. `what` says all of it.
CREATE TABLE rule_change (
    id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    text        NOT NULL,
    what    text        NOT NULL,
    bound   text        NOT NULL,
    by      text        NOT NULL REFERENCES person,
    at      timestamptz NOT NULL,
    expires timestamptz NOT NULL CHECK (expires > at)
);
CREATE TABLE rule_change_approval (
    change_id bigint      NOT NULL REFERENCES rule_change,
    by        text        NOT NULL REFERENCES person,
    at        timestamptz NOT NULL,
    PRIMARY KEY (change_id, by)
);
CREATE TABLE rule_change_end (
    change_id bigint      PRIMARY KEY REFERENCES rule_change,
    done      boolean     NOT NULL, -- false: withdrawn
    by        text        NOT NULL,
    at        timestamptz NOT NULL
);

-- What is to be sent nowhere, or not in an area ('*': everywhere), until two persons release it.
CREATE TABLE stop (
    id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area text        NOT NULL CHECK (area <> ''),
    why  text        NOT NULL DEFAULT '',
    by   text        NOT NULL CHECK (by <> ''),
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE stop_end (
    stop_id   bigint      PRIMARY KEY REFERENCES stop,
    change_id bigint      NOT NULL REFERENCES rule_change,
    by        text        NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION command_stop_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('command_stop', TG_TABLE_NAME);
    RETURN NULL;
END $$;
CREATE TRIGGER stop_told AFTER INSERT ON stop FOR EACH ROW EXECUTE FUNCTION command_stop_told();
CREATE TRIGGER stop_end_told AFTER INSERT ON stop_end FOR EACH ROW EXECUTE FUNCTION command_stop_told();

-- Who must not be cut. Nothing ends an entry but its own `until` or two persons.
CREATE TABLE protection_entry (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category text        NOT NULL CHECK (category <> ''),
    meter    text        NOT NULL DEFAULT '',
    point    text        NOT NULL DEFAULT '',
    evidence text        NOT NULL DEFAULT '',
    until    timestamptz,
    by       text        NOT NULL CHECK (by <> ''),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (meter <> '' OR point <> '')
);
CREATE INDEX protection_entry_meter ON protection_entry (meter) WHERE meter <> '';
CREATE INDEX protection_entry_point ON protection_entry (point) WHERE point <> '';
CREATE TABLE protection_end (
    entry_id  bigint      PRIMARY KEY REFERENCES protection_entry,
    change_id bigint      NOT NULL REFERENCES rule_change,
    by        text        NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- An order is cancelled, or a usage point's debt is paid: cuts for it that were asked for before do not go out.
CREATE TABLE recall (
    id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key   text,
    point text,
    why   text        NOT NULL DEFAULT '',
    by    text        NOT NULL CHECK (by <> ''),
    at    timestamptz NOT NULL,
    CHECK (num_nonnulls(key, point) = 1)
);
CREATE INDEX recall_key ON recall (key);
CREATE INDEX recall_point ON recall (point, at);

-- What the anomaly watch holds.
CREATE TABLE hold (
    id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person text,
    area   text,
    rule   text        NOT NULL,
    why    text        NOT NULL CHECK (why <> ''),
    by     text        NOT NULL CHECK (by <> ''),
    at     timestamptz NOT NULL,
    CHECK (num_nonnulls(person, area) = 1)
);
CREATE TABLE hold_end (
    hold_id bigint      PRIMARY KEY REFERENCES hold,
    why     text        NOT NULL DEFAULT '',
    by      text        NOT NULL CHECK (by <> ''),
    at      timestamptz NOT NULL
);

-- The last one holds; `version` is the SHA-256 of `document`, which is TOML.
CREATE TABLE command_policy (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version   text        NOT NULL,
    document  text        NOT NULL,
    change_id bigint      REFERENCES rule_change,
    by        text        NOT NULL CHECK (by <> ''),
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What was known when a decision was taken, packed; the audit names it by its digest.
CREATE TABLE decision (
    digest   text  PRIMARY KEY,
    document bytea NOT NULL
);

-- A chain: `hash` is the SHA-256 of all the row's fields and of the hash before. The database numbers, dates and chains
-- the rows; who writes cannot choose that. Each field goes in with its length in front.
CREATE TABLE audit (
    number   bigint      PRIMARY KEY CHECK (number > 0),
    at       timestamptz NOT NULL,
    by       text        NOT NULL CHECK (by <> ''),
    action   text        NOT NULL CHECK (action <> ''),
    subject  text        NOT NULL DEFAULT '', -- an order's key, an area, a person
    meter    text        NOT NULL DEFAULT '',
    body     text        NOT NULL DEFAULT '{}', -- JSON
    role     text        NOT NULL, -- of the database, who wrote it
    previous text        NOT NULL,
    hash     text        NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, number);
CREATE INDEX audit_meter ON audit (meter, number) WHERE meter <> '';
CREATE INDEX audit_at ON audit (at);

CREATE FUNCTION audit_hash(a audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(string_agg(octet_length(convert_to(f, 'UTF8')) || ':' || f, '' ORDER BY n), 'UTF8')), 'hex')
    FROM unnest(ARRAY[
        a.number::text, to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.by, a.action, a.subject, a.meter,
        a.body, a.role, a.previous
    ]) WITH ORDINALITY AS u (f, n)
$$;

CREATE FUNCTION audit_chains() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last audit;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('headend.audit', 0));
    SELECT * INTO last FROM audit ORDER BY number DESC LIMIT 1;
    NEW.number := coalesce(last.number, 0) + 1;
    NEW.previous := coalesce(last.hash, '');
    NEW.at := clock_timestamp();
    NEW.role := current_user;
    NEW.hash := audit_hash(NEW);
    RETURN NEW;
END $$;
-- Nobody's temporary table is taken for ours.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION audit_hash(audit) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION command_goes_on() SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION audit_chains() SET search_path = %I, pg_temp', current_schema());
END $$;
CREATE TRIGGER audit_chains BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_chains();

SELECT keep(t) FROM unnest('{
    command_order,command_target,approval,command_step,command_transition,rule_change,rule_change_approval,rule_change_end,
    stop,stop_end,protection_entry,protection_end,recall,hold,hold_end,command_policy,decision,audit
}'::regclass[]) AS t;

-- What a forecast says of an area, and what a meter is thought to draw: told anew again and again.
CREATE TABLE area_weather (
    area   text         PRIMARY KEY,
    low_c  numeric(4,1) NOT NULL, -- the coldest and the hottest that is forecast
    high_c numeric(4,1) NOT NULL CHECK (high_c >= low_c),
    by     text         NOT NULL,
    at     timestamptz  NOT NULL
);
CREATE TABLE meter_load (
    meter text        PRIMARY KEY,
    watts bigint      NOT NULL CHECK (watts >= 0),
    by    text        NOT NULL,
    at    timestamptz NOT NULL
);
