-- Who holds a token that is good now; the digest finds it, no secret is compared.
-- name: by_token
SELECT p.name, p.is_person, t.id
FROM api_token t JOIN person p ON p.name = t.person
WHERE t.digest = %(digest)s AND t.expires > clock_timestamp()
  AND NOT EXISTS (SELECT FROM token_end e WHERE e.token_id = t.id)
  AND coalesce((SELECT s.enabled FROM person_state s WHERE s.person = p.name ORDER BY number DESC LIMIT 1), true);

-- name: persons
SELECT p.name, p.is_person,
       coalesce((SELECT s.enabled FROM person_state s WHERE s.person = p.name ORDER BY number DESC LIMIT 1), true), p.at
FROM person p
WHERE %(names)s::text[] IS NULL OR p.name = ANY (%(names)s)
ORDER BY p.name;

-- name: grants
SELECT g.person, g.id, g.role, r.steps, r.oversight, r.administers, g.functions, g.areas
FROM person_grant g JOIN role r ON r.name = g.role
WHERE NOT EXISTS (SELECT FROM grant_end e WHERE e.grant_id = g.id)
  AND (%(names)s::text[] IS NULL OR g.person = ANY (%(names)s))
ORDER BY g.person, g.id;

-- name: roles
SELECT name, steps, oversight, administers FROM role ORDER BY name;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('headend.people', 0));

-- name: add
INSERT INTO person (name, is_person, by) VALUES (%(name)s, %(is_person)s, %(by)s);

-- name: set_state
INSERT INTO person_state (person, number, enabled, reason, by)
SELECT %(person)s, coalesce(max(number), 0) + 1, %(enabled)s, %(reason)s, %(by)s FROM person_state WHERE person = %(person)s;

-- name: grant
INSERT INTO person_grant (person, role, functions, areas, by)
VALUES (%(person)s, %(role)s, %(functions)s, %(areas)s, %(by)s) RETURNING id;

-- name: end_grant
INSERT INTO grant_end (grant_id, by) VALUES (%(id)s, %(by)s);

-- Administrators there have ever been, whether or not they still are.
-- name: administrators_ever
SELECT count(DISTINCT g.person) FROM person_grant g JOIN role r ON r.name = g.role WHERE r.administers;

-- name: tokens
SELECT t.id, t.person, t.label, t.at, t.expires, t.by, e.at
FROM api_token t LEFT JOIN token_end e ON e.token_id = t.id
WHERE %(person)s::text IS NULL OR t.person = %(person)s
ORDER BY t.id;

-- name: new_token
INSERT INTO api_token (person, digest, label, expires, by)
VALUES (%(person)s, %(digest)s, %(label)s, clock_timestamp() + %(life)s, %(by)s) RETURNING id, expires;

-- name: end_token
INSERT INTO token_end (token_id, by) VALUES (%(id)s, %(by)s);

-- name: end_tokens
INSERT INTO token_end (token_id, by)
SELECT t.id, %(by)s FROM api_token t
WHERE t.person = %(person)s AND NOT EXISTS (SELECT FROM token_end e WHERE e.token_id = t.id);
