-- Tries which of two passwords a meter takes after one was changed: written down before the frame goes out, since wrong
-- ones count at the meter. `outcome` null: no answer, or whoever asked died.
CREATE TABLE password_try (
    key     text        NOT NULL,
    meter   text        NOT NULL,
    number  integer     NOT NULL CHECK (number > 0),
    of      text        NOT NULL CHECK (of IN ('new', 'old')),
    outcome text        CHECK (outcome IN ('taken', 'refused', 'silent')),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (key, meter, number)
);

-- For which order a password was made; empty: people brought it.
ALTER TABLE meter_secret ADD COLUMN made_for text NOT NULL DEFAULT '';
CREATE UNIQUE INDEX meter_secret_made ON meter_secret (meter, kind, made_for) WHERE made_for <> '';
