-- What people want of a line that a daemon works: a serial port or a DTU has one owner. `recollect` is told to every
-- daemon: it is done already, and says which span is to be looked through once more.
CREATE TABLE request (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text        NOT NULL CHECK (kind IN ('read', 'ping', 'recollect')),
    meter_id integer     REFERENCES meter,
    items    text[]      NOT NULL DEFAULT '{}',
    start    timestamptz,
    "end"    timestamptz CHECK ("end" > start),
    actor    text        NOT NULL DEFAULT '',
    created  timestamptz NOT NULL DEFAULT now(),
    expires  timestamptz NOT NULL,
    state    text        NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'expired')),
    taken_by text,
    finished timestamptz,
    result   jsonb,
    error    jsonb, -- {"kind", "message"}
    CONSTRAINT request_target CHECK (
        CASE kind WHEN 'recollect' THEN start IS NOT NULL AND "end" IS NOT NULL ELSE meter_id IS NOT NULL END
    )
);
CREATE INDEX request_waiting ON request (id) WHERE state IN ('queued', 'running');
CREATE INDEX request_recollect ON request (id) WHERE kind = 'recollect';

CREATE FUNCTION request_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('request', NEW.id || ' ' || NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER request_told AFTER INSERT OR UPDATE OF state ON request FOR EACH ROW EXECUTE FUNCTION request_told();
