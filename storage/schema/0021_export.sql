-- What was given to billing systems: batches, and what became of them. Every row is added and never changed.
-- `request` is what was asked for, `content` what the files say besides validated values: names, transformer ratios,
-- registers, the zone, as they were then. With the run that they stand on they give the same bytes again.
CREATE TABLE export_batch (
    sequence     integer     PRIMARY KEY CHECK (sequence > 0), -- without a hole: given under one lock
    name         text        NOT NULL UNIQUE,
    subject      bytea       NOT NULL, -- SHA-256 of the request
    digest       bytea       NOT NULL UNIQUE, -- of the request, the run, what is superseded and why
    format       text        NOT NULL,
    what         text        NOT NULL CHECK (what IN ('intervals', 'registers')),
    "start"      timestamptz NOT NULL,
    "end"        timestamptz NOT NULL CHECK ("end" > "start"),
    as_of        bigint      NOT NULL, -- the last run that its values come from; 0: none
    request      jsonb       NOT NULL,
    content      jsonb       NOT NULL,
    completeness jsonb       NOT NULL,
    manifest     text        NOT NULL,
    manifest_sha256 bytea    NOT NULL,
    actor        text        NOT NULL CHECK (actor <> ''),
    created      timestamptz NOT NULL,
    supersedes   integer     UNIQUE REFERENCES export_batch CHECK (supersedes < sequence),
    reason       text        NOT NULL DEFAULT '',
    difference   jsonb, -- against what it supersedes, by point and day
    CONSTRAINT export_batch_reason CHECK ((supersedes IS NULL) = (reason = '') AND (supersedes IS NULL) = (difference IS NULL))
);
CREATE INDEX export_batch_subject ON export_batch (subject, sequence);

CREATE TABLE export_release (
    sequence integer     PRIMARY KEY REFERENCES export_batch,
    actor    text        NOT NULL CHECK (actor <> ''),
    note     text        NOT NULL DEFAULT '',
    "at"     timestamptz NOT NULL DEFAULT now()
);

-- One attempt to bring a batch to a target. `done`: it lies there whole, or lay there already.
CREATE TABLE export_delivery (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sequence    integer     NOT NULL REFERENCES export_release,
    target      text        NOT NULL,
    destination text        NOT NULL,
    actor       text        NOT NULL CHECK (actor <> ''),
    started     timestamptz NOT NULL,
    finished    timestamptz NOT NULL,
    done        boolean     NOT NULL,
    detail      text        NOT NULL DEFAULT ''
);
CREATE INDEX export_delivery_batch ON export_delivery (sequence, target);

-- What a receiver says, or somebody for it. `findings` are the differences between its counts and totals and ours.
CREATE TABLE export_answer (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sequence integer     NOT NULL REFERENCES export_batch,
    kind     text        NOT NULL CHECK (kind IN ('ack', 'nack')),
    actor    text        NOT NULL CHECK (actor <> ''),
    "at"     timestamptz NOT NULL DEFAULT now(),
    digest   bytea       NOT NULL, -- SHA-256 of what came: the same file twice is one answer
    document jsonb       NOT NULL,
    findings jsonb       NOT NULL DEFAULT '[]',
    UNIQUE (sequence, digest)
);

CREATE FUNCTION export_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER export_batch_kept BEFORE UPDATE OR DELETE ON export_batch FOR EACH ROW EXECUTE FUNCTION export_only_added();
CREATE TRIGGER export_release_kept BEFORE UPDATE OR DELETE ON export_release FOR EACH ROW EXECUTE FUNCTION export_only_added();
CREATE TRIGGER export_delivery_kept BEFORE UPDATE OR DELETE ON export_delivery FOR EACH ROW EXECUTE FUNCTION export_only_added();
CREATE TRIGGER export_answer_kept BEFORE UPDATE OR DELETE ON export_answer FOR EACH ROW EXECUTE FUNCTION export_only_added();
