-- Which daemon may speak on which line. No time of day decides anything here: whether a member lives is judged by those who
-- watch `renewals`, each by its own clock.
CREATE TABLE member (
    id       uuid        PRIMARY KEY, -- one life of one daemon
    name     text        NOT NULL,
    ttl      interval    NOT NULL CHECK (ttl > INTERVAL '0'),
    renewals bigint      NOT NULL DEFAULT 0,
    renewed  timestamptz NOT NULL DEFAULT now() -- for people
);

CREATE TABLE lease (
    line_id integer PRIMARY KEY REFERENCES line ON DELETE CASCADE,
    holder  uuid    REFERENCES member ON DELETE SET NULL,
    token   bigint  NOT NULL CHECK (token > 0), -- grows whenever somebody comes to hold it
    caller  uuid    REFERENCES member ON DELETE SET NULL -- to whom the line's DTU has dialled in, if not to the holder
);
CREATE INDEX lease_holder ON lease (holder);
CREATE INDEX lease_caller ON lease (caller) WHERE caller IS NOT NULL;
