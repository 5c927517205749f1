-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('headend.label', 0));

-- name: points
SELECT id, name FROM usage_point WHERE name = ANY (%(names)s);

-- name: newest
SELECT max(l.valid_from) FROM label l JOIN usage_point p ON p.id = l.usage_point_id
WHERE p.name = ANY (%(names)s) AND l.label = %(label)s AND l.superseded IS NULL;

-- name: add_run
INSERT INTO label_run (valid_from, version, actor, source) VALUES (%(valid_from)s, %(version)s, %(actor)s, %(source)s)
RETURNING id;

-- name: supersede
UPDATE label SET superseded = %(at)s
WHERE superseded IS NULL AND label = %(label)s
  AND usage_point_id IN (SELECT id FROM usage_point WHERE name = ANY (%(names)s));

-- name: add
INSERT INTO label (run_id, usage_point_id, label, value, rule, version, evidence, valid_from, expires)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s);

-- name: current
SELECT p.name, l.label, l.value, l.rule, l.version, l.evidence, l.valid_from, l.expires, l.superseded, l.run_id
FROM label l JOIN usage_point p ON p.id = l.usage_point_id
WHERE l.valid_from <= %(at)s AND l.expires > %(at)s AND (l.superseded IS NULL OR l.superseded > %(at)s)
  AND (%(points)s::text[] IS NULL OR p.name = ANY (%(points)s))
  AND (%(labels)s::text[] IS NULL OR l.label = ANY (%(labels)s))
ORDER BY p.name COLLATE "C", l.label COLLATE "C";

-- name: history
SELECT p.name, l.label, l.value, l.rule, l.version, l.evidence, l.valid_from, l.expires, l.superseded, l.run_id
FROM label l JOIN usage_point p ON p.id = l.usage_point_id
WHERE p.name = %(point)s
ORDER BY l.label COLLATE "C", l.valid_from, l.id;

-- name: runs
SELECT id, valid_from, version, actor, source, entered FROM label_run ORDER BY id DESC LIMIT %(limit)s;
