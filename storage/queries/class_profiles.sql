-- Versions one after the other, without a hole.
-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('headend.class_version', 0));

-- name: add_version
INSERT INTO class_version (number, actor, reason, since, until, as_of, least, file)
SELECT coalesce(max(number), 0) + 1, %(actor)s, %(reason)s, %(since)s, %(until)s, %(as_of)s, %(least)s, %(file)s
FROM class_version
RETURNING number;

-- name: add_profile
INSERT INTO class_profile (version, category, quantity, step_s, day_type, points, days, steps)
VALUES (%(version)s, %(category)s, %(quantity)s, %(step_s)s, %(day_type)s, %(points)s, %(days)s, %(steps)s);

-- name: versions
SELECT v.number, v.at, v.actor, v.reason, v.since, v.until, v.as_of, v.least, v.file,
       (SELECT count(*) FROM class_profile p WHERE p.version = v.number)
FROM class_version v ORDER BY v.number;

-- name: last
SELECT coalesce(max(number), 0) FROM class_version;

-- What holds as of a version: the newest of each up to it.
-- name: holding
SELECT DISTINCT ON (category, quantity, step_s, day_type)
       version, category, quantity, step_s, day_type, points, days, steps
FROM class_profile
WHERE version <= %(version)s AND (%(step_s)s::integer IS NULL OR step_s = %(step_s)s)
ORDER BY category, quantity, step_s, day_type, version DESC;
