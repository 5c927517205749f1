-- How far meters' clocks were off when they were read: theirs less ours.
CREATE TABLE clock_survey (
    meter_id       integer     NOT NULL REFERENCES meter,
    at             timestamptz NOT NULL,
    offset_ms      bigint,               -- null: it shows no time, see fault
    uncertainty_ms integer     NOT NULL DEFAULT 0 CHECK (uncertainty_ms >= 0),
    weekday        smallint,             -- that it shows, 0 for Sunday, where it is not the date's
    fault          text        CHECK (fault IN ('no_clock', 'no_time')),
    PRIMARY KEY (meter_id, at),
    CHECK ((offset_ms IS NULL) = (fault IS NOT NULL))
);

-- The last one of each meter that has any.
CREATE VIEW clock_latest AS
SELECT s.*
FROM meter m
CROSS JOIN LATERAL (SELECT * FROM clock_survey c WHERE c.meter_id = m.id ORDER BY c.at DESC LIMIT 1) s;

-- Who told which meter the time, and what became of it. A row stands before the frame goes out: where we do not know
-- whether it did, it did.
CREATE TABLE clock_sync (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id  integer     NOT NULL REFERENCES meter,
    at        timestamptz NOT NULL,
    day       date        NOT NULL,      -- by a right clock in the meter's zone: once a day
    way       text        NOT NULL CHECK (way IN ('broadcast', 'single')),
    line      text        NOT NULL,
    actor     text        NOT NULL,      -- automatic, or who
    before_ms bigint,                    -- null: not known
    told      timestamptz,               -- the time that it was told; null: nothing went out
    result    text        NOT NULL CHECK (result IN ('sent', 'held_back', 'taken', 'not_taken')),
    after_ms  bigint,
    settled   timestamptz
);
CREATE UNIQUE INDEX clock_sync_daily ON clock_sync (meter_id, day) WHERE result <> 'held_back';
CREATE INDEX clock_sync_at ON clock_sync (at);
