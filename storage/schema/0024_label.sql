-- What customers are labelled as. A run says what holds from a moment on; what it supersedes stays, with that moment.
CREATE TABLE label_run (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    valid_from timestamptz NOT NULL,
    version    text        NOT NULL CHECK (version <> ''), -- of the rules
    actor      text        NOT NULL DEFAULT '',
    source     jsonb       NOT NULL DEFAULT '{}', -- what it was told from
    entered    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE label (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id         bigint      NOT NULL REFERENCES label_run,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    label          text        NOT NULL CHECK (label <> ''),
    value          text        NOT NULL,
    rule           text        NOT NULL,
    version        text        NOT NULL,
    evidence       jsonb       NOT NULL,
    valid_from     timestamptz NOT NULL,
    expires        timestamptz NOT NULL CHECK (expires > valid_from),
    superseded     timestamptz CHECK (superseded >= valid_from), -- equal: it never held, a later run said otherwise
    UNIQUE (run_id, usage_point_id, label)
);
CREATE INDEX label_point ON label (usage_point_id, valid_from);
-- Of a point each label has one value at a time.
CREATE UNIQUE INDEX label_standing ON label (usage_point_id, label) WHERE superseded IS NULL;
