-- The newest final bills that end where a cycle begins.
-- name: before
SELECT b.usage_point_id, b.id, b.version, b.registers, b.carried
FROM bill_current b
WHERE b.usage_point_id = ANY (%(points)s::integer[]) AND b."end" = %(moment)s;

-- name: current
SELECT b.usage_point_id, b.id, b.version, b.digest, b.total, b.context -> 'told'
FROM bill_current b
WHERE b.usage_point_id = ANY (%(points)s::integer[]) AND b.cycle = %(cycle)s;

-- name: bills
SELECT b.id, p.name, b.cycle, b.version, b."start", b."end", t.name, encode(b.tariff, 'hex'), b.currency, b.total, b.exact,
       b.arrears, b.energy, b.estimated, b.completeness, b.actor, b.reason, b.made,
       EXISTS (SELECT FROM bill n
               WHERE n.usage_point_id = b.usage_point_id AND n.cycle = b.cycle AND n.version > b.version)
FROM bill b
JOIN usage_point p ON p.id = b.usage_point_id
JOIN tariff_text t ON t.digest = b.tariff
WHERE (%(ids)s::bigint[] IS NULL OR b.id = ANY (%(ids)s::bigint[]))
  AND (%(points)s::text[] IS NULL OR p.name = ANY (%(points)s::text[]))
  AND (%(cycle)s::date IS NULL OR b.cycle = %(cycle)s)
  AND (%(all)s OR NOT EXISTS (SELECT FROM bill n WHERE n.usage_point_id = b.usage_point_id AND n.cycle = b.cycle
                              AND n.version > b.version))
ORDER BY b.cycle DESC, p.name, b.version DESC
LIMIT %(limit)s;

-- name: contents
SELECT id, determinants, registers, lines, context, carried, difference FROM bill WHERE id = ANY (%(ids)s::bigint[]);

-- name: keep_tariff
INSERT INTO tariff_text (digest, name, text) VALUES (%(digest)s, %(name)s, %(text)s) ON CONFLICT (digest) DO NOTHING;

-- name: keep
COPY bill (usage_point_id, cycle, version, "start", "end", tariff, currency, total, exact, arrears, energy, estimated,
           completeness, digest, determinants, registers, lines, context, carried, actor, reason, difference)
FROM STDIN;

-- name: kept
SELECT usage_point_id, id FROM bill
WHERE cycle = %(cycle)s AND usage_point_id = ANY (%(points)s::integer[])
ORDER BY usage_point_id, version;

-- name: tariff_text
SELECT name, text FROM tariff_text WHERE digest = decode(%(digest)s, 'hex');

-- name: add_contract
INSERT INTO point_contract (usage_point_id, "from", capacity_kva, contract_kw, basic_charge, actor, reason)
SELECT id, %(start)s, %(kva)s, %(kw)s, %(choice)s, %(actor)s, %(reason)s FROM usage_point WHERE name = %(point)s
RETURNING usage_point_id;

-- name: contracts
SELECT c."from", c.capacity_kva, c.contract_kw, c.basic_charge, c.actor, c.reason, c.entered
FROM point_contract c JOIN usage_point p ON p.id = c.usage_point_id
WHERE p.name = %(point)s ORDER BY c."from";
