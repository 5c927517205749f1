-- What days of a class of usage points look like, in versions: what a version does not tell, the newest one before it does.
CREATE TABLE class_version (
    number integer     PRIMARY KEY CHECK (number > 0),
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor  text        NOT NULL CHECK (actor <> ''),
    reason text        NOT NULL DEFAULT '',
    since  date, -- of a version that was built: the local days [since, until) as of a run, and how many usage points were needed
    until  date        CHECK (until > since),
    as_of  bigint      REFERENCES vee_run,
    least  integer     CHECK (least > 0),
    file   text        CHECK (file <> ''), -- of a version that was imported
    CONSTRAINT class_version_origin CHECK (
        (file IS NULL AND num_nulls(since, until, as_of, least) = 0) OR (file IS NOT NULL AND num_nonnulls(since, until, as_of, least) = 0)
    )
);

-- An element of `steps` is an interval of a day of 24 hours by the local clock, in whole steps of the quantity.
CREATE TABLE class_profile (
    version  integer  NOT NULL REFERENCES class_version,
    category text     NOT NULL CHECK (category <> ''),
    quantity smallint NOT NULL REFERENCES quantity,
    step_s   integer  NOT NULL CHECK (step_s > 0),
    day_type text     NOT NULL CHECK (day_type IN ('workday', 'weekend', 'holiday')),
    points   integer  CHECK (points > 0), -- null: imported
    days     integer  CHECK (days >= points),
    steps    bigint[] NOT NULL CHECK (cardinality(steps) * step_s = 86400 AND 0 <= ALL (steps)),
    PRIMARY KEY (version, category, quantity, step_s, day_type),
    CONSTRAINT class_profile_origin CHECK ((points IS NULL) = (days IS NULL))
);

-- Which class profiles a day's values stand on: the newest up to that version; 0: on none.
ALTER TABLE validated_day ADD COLUMN profiles integer NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW validated AS
SELECT d.usage_point_id, d.quantity, d.step_s, d.day,
       d.start + (n - 1) * d.step_s * interval '1 second' AS "time",
       d.steps[n] AS value,
       CASE WHEN d.raw IS NULL THEN d.steps[n] ELSE d.raw[n] END AS raw,
       (ARRAY['none', 'actual', 'estimated', 'substituted', 'edited'])[coalesce(get_byte(d.source, n - 1), 1) + 1] AS source,
       (ARRAY['none', 'raw', 'outage', 'register', 'linear', 'like_day', 'class', 'edit'])
           [coalesce(get_byte(d.method, n - 1), 1) + 1] AS rule,
       coalesce(get_byte(d.reason, n - 1), 0) AS reason,
       coalesce(d.failed[n], 0) AS failed,
       d.version, d.run, r.parameters, d.profiles
FROM validated_day d
JOIN vee_run r ON r.number = d.run
CROSS JOIN LATERAL generate_subscripts(d.steps, 1) n
WHERE NOT EXISTS (
    SELECT FROM validated_day later
    WHERE later.usage_point_id = d.usage_point_id AND later.quantity = d.quantity AND later.step_s = d.step_s
      AND later.day = d.day AND later.version > d.version
);

-- When nobody has a contract at a usage point, as somebody said; `to` null: until it is ended. What was said is ended or
-- withdrawn by a further row.
CREATE TABLE point_vacancy (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    "from"         timestamptz NOT NULL,
    "to"           timestamptz CHECK ("to" > "from"),
    actor          text        NOT NULL CHECK (actor <> ''),
    reason         text        NOT NULL DEFAULT '',
    entered        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX point_vacancy_point ON point_vacancy (usage_point_id, "from");

CREATE TABLE point_vacancy_end (
    vacancy_id bigint      NOT NULL REFERENCES point_vacancy,
    "to"       timestamptz, -- null: it is withdrawn
    actor      text        NOT NULL CHECK (actor <> ''),
    reason     text        NOT NULL DEFAULT '',
    entered    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT point_vacancy_end_reason CHECK ("to" IS NOT NULL OR reason <> '')
);
CREATE UNIQUE INDEX point_vacancy_ended_once ON point_vacancy_end (vacancy_id) WHERE "to" IS NOT NULL;
CREATE UNIQUE INDEX point_vacancy_withdrawn_once ON point_vacancy_end (vacancy_id) WHERE "to" IS NULL;

CREATE VIEW vacancy AS
SELECT v.id, v.usage_point_id, v."from", coalesce(v."to", e."to") AS "to", v.actor, v.reason, v.entered
FROM point_vacancy v
LEFT JOIN point_vacancy_end e ON e.vacancy_id = v.id AND e."to" IS NOT NULL
WHERE NOT EXISTS (SELECT FROM point_vacancy_end w WHERE w.vacancy_id = v.id AND w."to" IS NULL);
COMMENT ON VIEW vacancy IS 'what counts: with its end, and not what was withdrawn';

SELECT keep(t) FROM unnest('{class_version,class_profile,point_vacancy,point_vacancy_end}'::regclass[]) AS t;
