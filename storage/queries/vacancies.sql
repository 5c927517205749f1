-- One writer a usage point at a time.
-- name: lock_point
SELECT id FROM usage_point WHERE name = %(point)s FOR UPDATE;

-- name: overlapping
SELECT id, "from", "to" FROM vacancy
WHERE usage_point_id = %(id)s AND tstzrange("from", "to") && tstzrange(%(start)s, %(end)s) ORDER BY "from" LIMIT 1;

-- name: add
INSERT INTO point_vacancy (usage_point_id, "from", "to", actor, reason)
VALUES (%(id)s, %(start)s, %(end)s, %(actor)s, %(reason)s) RETURNING id;

-- name: going_on
SELECT id, "from" FROM vacancy WHERE usage_point_id = %(id)s AND "to" IS NULL;

-- name: there
SELECT FROM vacancy WHERE usage_point_id = %(id)s AND id = %(number)s;

-- name: add_end
INSERT INTO point_vacancy_end (vacancy_id, "to", actor, reason) VALUES (%(number)s, %(end)s, %(actor)s, %(reason)s);

-- By point and time, those that were withdrawn too.
-- name: listed
SELECT v.id, p.name, v."from", coalesce(v."to", e."to"), v.actor, v.reason, v.entered,
       e.actor, e.reason, e.entered, w.actor, w.reason, w.entered
FROM point_vacancy v
JOIN usage_point p ON p.id = v.usage_point_id
LEFT JOIN point_vacancy_end e ON e.vacancy_id = v.id AND e."to" IS NOT NULL
LEFT JOIN point_vacancy_end w ON w.vacancy_id = v.id AND w."to" IS NULL
WHERE (%(points)s::text[] IS NULL OR p.name = ANY (%(points)s))
ORDER BY p.name, v."from", v.id;
