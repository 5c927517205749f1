-- Every change of a row writes it anew under its transaction's number, which only grows. What the places of `ledger.sql`
-- are made of belongs to it.
-- name: stamp
SELECT concat_ws(' ',
    (SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM line),
    (SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM meter),
    (SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM meter_installation),
    (SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM usage_point),
    (SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM area_point),
    (SELECT concat(count(*), '/', sum(xmin::text::bigint)) FROM total_meter)
);
