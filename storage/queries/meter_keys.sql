-- An address alone may stand on many lines: two are enough to know that it says too little.
-- name: find
SELECT 'name' AS kind, m.name, '' AS line, m.id, m.state
FROM meter m
WHERE m.name = ANY (%(names)s) AND m.state IN ('active', 'suspended')
UNION ALL
SELECT 'place', m.address, l.name, m.id, m.state
FROM unnest(%(lines)s::text[], %(places)s::text[]) AS k (line, address)
JOIN line l ON l.name = k.line
JOIN meter m ON m.line_id = l.id AND m.address = k.address AND m.state IN ('active', 'suspended')
UNION ALL
SELECT 'address', k.address, '', f.id, f.state
FROM unnest(%(addresses)s::text[]) AS k (address)
CROSS JOIN LATERAL (
    SELECT m.id, m.state FROM meter m WHERE m.address = k.address AND m.state IN ('active', 'suspended') LIMIT 2
) f;

-- Another whenever a row was added, changed or deleted since: a changed row has a later xmin, a deleted one does not count.
-- name: revision
SELECT m.count, m.sum, l.count, l.sum
FROM (SELECT count(*), coalesce(sum(xmin::text::bigint), 0) FROM meter) m (count, sum),
     (SELECT count(*), coalesce(sum(xmin::text::bigint), 0) FROM line) l (count, sum);
