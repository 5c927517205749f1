-- A pushed message that gave not all of its readings: its bytes as they came, and why. The same message again raises the
-- count; a digest tells it, since topic and payload may be longer than an index entry can be.
CREATE TABLE dead_letter (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest   bytea       NOT NULL UNIQUE,
    push     text        NOT NULL,
    topic    text        NOT NULL,
    fields   jsonb       NOT NULL,
    payload  bytea       NOT NULL,
    repeated boolean     NOT NULL,
    reason   text        NOT NULL,
    detail   text        NOT NULL,
    meters   text[]      NOT NULL DEFAULT '{}',
    state    text        NOT NULL CHECK (state IN ('dead', 'quarantined', 'replayed', 'dropped')),
    received timestamptz NOT NULL,
    last     timestamptz NOT NULL,
    count    bigint      NOT NULL DEFAULT 1
);
COMMENT ON COLUMN dead_letter.repeated IS 'sent again by the broker, or kept by it: when it was first sent is unknown';
COMMENT ON COLUMN dead_letter.meters IS 'keys in it that no meter of the registry has';
COMMENT ON COLUMN dead_letter.received IS 'when it came first; last: when it came the last time';
CREATE INDEX dead_letter_received ON dead_letter (received);
CREATE INDEX dead_letter_open ON dead_letter (push, id) WHERE state IN ('dead', 'quarantined');
-- What is pushed may name its meter by the address alone.
CREATE INDEX meter_address ON meter (address) WHERE state IN ('active', 'suspended');
