-- name: lines
SELECT id, name, url, protocol, options FROM line ORDER BY name;

-- name: meters
SELECT m.id, m.name, m.address, m.model, l.name, m.line_id, m.multiplier, m.quantities, m.state, m.created
FROM meter m
JOIN line l ON l.id = m.line_id
WHERE (%(names)s::text[] IS NULL OR m.name = ANY (%(names)s))
  AND (%(states)s::text[] IS NULL OR m.state = ANY (%(states)s))
ORDER BY m.name;

-- name: set_meter_state
INSERT INTO meter_state (meter_id, "from", state, actor, reason)
SELECT id, coalesce(%(at)s, now()), %(state)s, %(actor)s, %(reason)s FROM meter WHERE name = %(name)s;

-- name: usage_points
SELECT id, name, address, options, tariff, category, capacity_kw, rated_current_a
FROM usage_point ORDER BY name;

-- name: installations
SELECT p.name, m.name, i."from", i."to", i.usage_point_id, i.meter_id
FROM meter_installation i
JOIN usage_point p ON p.id = i.usage_point_id
JOIN meter m ON m.id = i.meter_id
WHERE %(points)s::text[] IS NULL OR p.name = ANY (%(points)s)
ORDER BY p.name, i."from";

-- name: end_installation
UPDATE meter_installation SET "to" = %(at)s
WHERE meter_id = (SELECT id FROM meter WHERE name = %(meter)s) AND "to" IS NULL;

-- name: plans
SELECT id, name, valid_from, kind, calendar, period_s, quantities, minute, days, zone, models, areas, tariffs, lines,
       meters, horizon_s
FROM plan WHERE valid_to IS NULL ORDER BY name;

-- name: lock_plans
LOCK TABLE plan IN SHARE ROW EXCLUSIVE MODE;

-- name: end_plan
UPDATE plan SET valid_to = greatest(valid_from, %(at)s) WHERE id = %(id)s;

-- name: beat
INSERT INTO daemon (name, pid, host, started, seen, counters) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET
    pid = excluded.pid, host = excluded.host, started = excluded.started, seen = excluded.seen,
    counters = excluded.counters;

-- name: daemons
SELECT name, pid, host, started, seen, counters FROM daemon ORDER BY name;
