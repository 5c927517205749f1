-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('headend.rules', 0));

-- name: add_stop
INSERT INTO stop (area, why, by) VALUES (%(area)s, %(why)s, %(by)s) RETURNING id, area, why, by, at;

-- name: end_stop
INSERT INTO stop_end (stop_id, change_id, by) VALUES (%(id)s, %(change)s, %(by)s);

-- name: add_entry
INSERT INTO protection_entry (category, meter, point, evidence, until, by)
VALUES (%(category)s, %(meter)s, %(point)s, %(evidence)s, %(until)s, %(by)s)
RETURNING id, category, meter, point, evidence, until, by, at;

-- name: end_entry
INSERT INTO protection_end (entry_id, change_id, by) VALUES (%(id)s, %(change)s, %(by)s);

-- name: recall
INSERT INTO recall (key, point, why, by, at) VALUES (%(key)s, %(point)s, %(why)s, %(by)s, %(at)s);

-- name: add_hold
INSERT INTO hold (person, area, rule, why, by, at)
VALUES (%(person)s, %(area)s, %(rule)s, %(why)s, %(by)s, %(at)s) RETURNING id, person, area, rule, why, at;

-- name: end_hold
INSERT INTO hold_end (hold_id, why, by, at) VALUES (%(id)s, %(why)s, %(by)s, %(at)s);

-- name: set_policy
INSERT INTO command_policy (version, document, change_id, by)
VALUES (%(version)s, %(document)s, %(change)s, %(by)s);

-- name: set_weather
INSERT INTO area_weather (area, low_c, high_c, by, at) VALUES (%(area)s, %(low)s, %(high)s, %(by)s, %(at)s)
ON CONFLICT (area) DO UPDATE SET low_c = excluded.low_c, high_c = excluded.high_c, by = excluded.by, at = excluded.at;

-- name: changes
SELECT c.id, c.kind, c.what, c.bound, c.by, c.at, c.expires, a.people, a.times
FROM rule_change c
LEFT JOIN LATERAL (
    SELECT array_agg(by ORDER BY at) AS people, array_agg(at ORDER BY at) AS times FROM rule_change_approval WHERE change_id = c.id
) a ON true
WHERE c.expires > %(now)s AND NOT EXISTS (SELECT FROM rule_change_end e WHERE e.change_id = c.id)
ORDER BY c.id;

-- name: add_change
INSERT INTO rule_change (kind, what, bound, by, at, expires)
VALUES (%(kind)s, %(what)s, %(bound)s, %(by)s, %(at)s, %(expires)s) RETURNING id;

-- name: join_change
INSERT INTO rule_change_approval (change_id, by, at) VALUES (%(id)s, %(by)s, %(at)s);

-- name: end_change
INSERT INTO rule_change_end (change_id, done, by, at) VALUES (%(id)s, true, %(by)s, %(at)s);

-- name: record
INSERT INTO decision (digest, document) VALUES (%(digest)s, %(document)s) ON CONFLICT DO NOTHING;

-- name: recorded
SELECT document FROM decision WHERE digest = %(digest)s;

-- name: has_area
SELECT 1 FROM area WHERE name = %(area)s;

-- name: has_point
SELECT 1 FROM usage_point WHERE name = %(point)s;

-- Names of no meter, of no usage point.
-- name: strangers
SELECT name FROM unnest(%(meters)s::text[]) AS name WHERE NOT EXISTS (SELECT FROM meter m WHERE m.name = name.name)
UNION
SELECT name FROM unnest(%(points)s::text[]) AS name WHERE NOT EXISTS (SELECT FROM usage_point p WHERE p.name = name.name)
ORDER BY 1;
