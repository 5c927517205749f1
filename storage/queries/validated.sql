-- Runs one after the other, so that a number is seen only when all below it are.
-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('headend.vee_run', 0));

-- name: next_number
SELECT coalesce(max(number), 0) + 1 FROM vee_run;

-- name: keep_parameters
INSERT INTO vee_parameters (version, contents) VALUES (%(version)s, %(contents)s) ON CONFLICT (version) DO NOTHING;

-- name: same_parameters
SELECT contents = %(contents)s::jsonb FROM vee_parameters WHERE version = %(version)s;

-- name: add_run
INSERT INTO vee_run (number, actor, kind, reason, parameters)
VALUES (%(number)s, %(actor)s, %(kind)s, %(reason)s, %(parameters)s);

-- name: make_partition
SELECT validated_partition(%s::date);

-- name: add_days
COPY validated_day (usage_point_id, quantity, step_s, day, version, run, start, profiles, source, method, reason, failed, raw, steps)
FROM STDIN (FORMAT BINARY);

-- The planner would rather sort the wide rows of all days than go along the index.
-- name: by_index
SET LOCAL enable_sort = off;

-- The newest version of each day as of a run, by point, quantity and day.
-- name: days
COPY (
    SELECT DISTINCT ON (usage_point_id, quantity, step_s, day)
           usage_point_id, quantity, step_s, day, version, run, start, profiles, source, method, reason, failed, raw, steps
    FROM validated_day
    WHERE (%(points)s::integer[] IS NULL OR usage_point_id = ANY (%(points)s::integer[]))
      AND quantity = ANY (%(quantities)s::smallint[]) AND step_s = %(step_s)s
      AND day >= %(since)s::date AND day < %(until)s::date
      AND (%(as_of)s::bigint IS NULL OR run <= %(as_of)s::bigint)
    ORDER BY usage_point_id, quantity, step_s, day, version DESC
) TO STDOUT (FORMAT BINARY);

-- The same without raw values and failed checks, for those who only pass values on.
-- name: values_only
COPY (
    SELECT DISTINCT ON (usage_point_id, quantity, step_s, day)
           usage_point_id, quantity, step_s, day, version, run, start, profiles, source, method, reason,
           NULL::integer[], NULL::bigint[], steps
    FROM validated_day
    WHERE (%(points)s::integer[] IS NULL OR usage_point_id = ANY (%(points)s::integer[]))
      AND quantity = ANY (%(quantities)s::smallint[]) AND step_s = %(step_s)s
      AND day >= %(since)s::date AND day < %(until)s::date
      AND (%(as_of)s::bigint IS NULL OR run <= %(as_of)s::bigint)
    ORDER BY usage_point_id, quantity, step_s, day, version DESC
) TO STDOUT (FORMAT BINARY);

-- Newest versions in which a check failed.
-- name: failed
COPY (
    SELECT usage_point_id, quantity, step_s, day, version, run, start, profiles, source, method, reason, failed, raw, steps
    FROM validated_day d
    WHERE failed IS NOT NULL AND (%(points)s::integer[] IS NULL OR usage_point_id = ANY (%(points)s::integer[]))
      AND quantity = ANY (%(quantities)s::smallint[]) AND step_s = %(step_s)s
      AND day >= %(since)s::date AND day < %(until)s::date
      AND NOT EXISTS (
          SELECT FROM validated_day later
          WHERE later.usage_point_id = d.usage_point_id AND later.quantity = d.quantity AND later.step_s = d.step_s
            AND later.day = d.day AND later.version > d.version
      )
) TO STDOUT (FORMAT BINARY);

-- name: judged_by
SELECT r.number, p.contents FROM vee_run r JOIN vee_parameters p ON p.version = r.parameters
WHERE r.number = ANY (%(numbers)s::bigint[]);

-- All versions of one day, the first one first.
-- name: versions
COPY (
    SELECT usage_point_id, quantity, step_s, day, version, run, start, profiles, source, method, reason, failed, raw, steps
    FROM validated_day
    WHERE usage_point_id = %(point)s AND quantity = %(quantity)s AND step_s = %(step_s)s AND day = %(day)s::date
    ORDER BY version
) TO STDOUT (FORMAT BINARY);

-- name: pairs
SELECT p, q FROM unnest(%(points)s::integer[]) AS p CROSS JOIN unnest(%(quantities)s::smallint[]) AS q
WHERE EXISTS (
    SELECT FROM validated_day d
    WHERE d.usage_point_id = p AND d.quantity = q AND d.step_s = %(step_s)s
      AND d.day >= %(since)s::date AND d.day < %(until)s::date
);

-- How many of the days each point has, and how many of the points each day.
-- name: days_of_points
SELECT usage_point_id, count(DISTINCT day) FROM validated_day
WHERE usage_point_id = ANY (%(points)s::integer[]) AND quantity = ANY (%(quantities)s::smallint[])
  AND step_s = %(step_s)s AND day >= %(since)s::date AND day < %(until)s::date
GROUP BY usage_point_id;

-- name: points_of_days
SELECT day, count(DISTINCT usage_point_id) FROM validated_day
WHERE usage_point_id = ANY (%(points)s::integer[]) AND quantity = ANY (%(quantities)s::smallint[])
  AND step_s = %(step_s)s AND day >= %(since)s::date AND day < %(until)s::date
GROUP BY day;

-- name: runs
SELECT r.number, r.at, r.actor, r.kind, r.reason, r.parameters FROM vee_run r
WHERE (%(numbers)s::bigint[] IS NULL OR r.number = ANY (%(numbers)s)) ORDER BY r.number;

-- name: last_run
SELECT max(number) FROM vee_run;

-- name: add_edit
INSERT INTO vee_edit (run, usage_point_id, quantity, step_s, start, steps, actor, reason, at)
VALUES (%(run)s, %(point)s, %(quantity)s, %(step_s)s, %(start)s, %(steps)s, %(actor)s, %(reason)s, %(at)s);

-- name: edits
SELECT id, run, usage_point_id, quantity, step_s, start, steps, actor, reason, at
FROM vee_edit
WHERE usage_point_id = ANY (%(points)s::integer[]) AND quantity = ANY (%(quantities)s::smallint[])
  AND step_s = %(step_s)s AND start >= %(since)s AND start < %(until)s
  AND (%(as_of)s::bigint IS NULL OR run <= %(as_of)s::bigint)
ORDER BY id;

-- name: freeze
INSERT INTO frozen_day (usage_point_id, quantity, day, bill)
SELECT %(point)s, %(quantity)s, day::date, %(bill)s
FROM generate_series(%(since)s::date, %(until)s::date - 1, interval '1 day') day
ON CONFLICT DO NOTHING;

-- name: anew_since
SELECT day, run FROM validated_day
WHERE usage_point_id = %(point)s AND quantity = %(quantity)s AND day >= %(since)s::date AND day < %(until)s::date
  AND run > %(as_of)s::bigint
ORDER BY run DESC LIMIT 1;

-- name: frozen
SELECT DISTINCT usage_point_id, quantity, day FROM frozen_day
WHERE usage_point_id = ANY (%(points)s::integer[]) AND quantity = ANY (%(quantities)s::smallint[])
  AND day >= %(since)s::date AND day < %(until)s::date
ORDER BY 1, 2, 3;
