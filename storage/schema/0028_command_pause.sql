-- What is released of an order and not sent yet waits while a row here has no end. Rows are added, never changed.
CREATE TABLE command_pause (
    id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text        NOT NULL,
    why text        NOT NULL DEFAULT '',
    by  text        NOT NULL REFERENCES person,
    at  timestamptz NOT NULL
);
CREATE INDEX command_pause_key ON command_pause (key);

CREATE TABLE command_pause_end (
    pause_id bigint      PRIMARY KEY REFERENCES command_pause,
    why      text        NOT NULL DEFAULT '',
    by       text        NOT NULL REFERENCES person,
    at       timestamptz NOT NULL
);

CREATE VIEW command_paused AS
SELECT DISTINCT p.key FROM command_pause p
WHERE NOT EXISTS (SELECT FROM command_pause_end e WHERE e.pause_id = p.id);

SELECT keep(t) FROM unnest('{command_pause,command_pause_end}'::regclass[]) AS t;
