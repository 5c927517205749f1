-- Who was given which meters' readings: personal data of those who live behind them. Rows are added and, by retention,
-- deleted; never changed.
CREATE TABLE access_log (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor    text        NOT NULL CHECK (actor <> ''), -- who it is said to be
    os_user  text        NOT NULL, -- as whom the process ran
    host     text        NOT NULL,
    action   text        NOT NULL,
    meters   integer[], -- null: all of them
    "from"   timestamptz, -- the span that was asked for; null: whatever there is
    "to"     timestamptz,
    detail   jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX access_log_at ON access_log (at);
CREATE INDEX access_log_meters ON access_log USING gin (meters);

CREATE FUNCTION access_log_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was accessed is not changed afterwards' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER access_log_stands BEFORE UPDATE ON access_log FOR EACH ROW EXECUTE FUNCTION access_log_stands();

-- Usage points whose personal fields were blanked. `readings`: whether those of their meters were deleted, too.
CREATE TABLE point_forgotten (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor          text        NOT NULL CHECK (actor <> ''),
    reason         text        NOT NULL CHECK (reason <> ''),
    readings       text        NOT NULL CHECK (readings IN ('kept', 'deleted')),
    until          timestamptz, -- readings from before were deleted
    captures       bigint      NOT NULL
);
CREATE INDEX point_forgotten_point ON point_forgotten (usage_point_id);
