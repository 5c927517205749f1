-- name: known_names
SELECT 'line' AS kind, id, name FROM line WHERE name = ANY (%(line)s)
UNION ALL SELECT 'meter', id, name FROM meter WHERE name = ANY (%(meter)s)
UNION ALL SELECT 'usage point', id, name FROM usage_point WHERE name = ANY (%(point)s)
UNION ALL SELECT 'feeder', id, name FROM feeder WHERE name = ANY (%(feeder)s)
UNION ALL SELECT 'area', id, name FROM area WHERE name = ANY (%(area)s)
UNION ALL SELECT 'plan', id, name FROM plan WHERE name = ANY (%(plan)s) AND valid_to IS NULL;

-- name: add_line
INSERT INTO line (name, url, protocol, options) VALUES (%s, %s, %s, %s);

-- Its state comes with the first row of its history.
-- name: add_meter
INSERT INTO meter (name, address, model, line_id, multiplier, quantities, state, created)
VALUES (%s, %s, %s, %s, %s, %s, 'planned', coalesce(%s, now()));

-- name: add_usage_point
INSERT INTO usage_point (name, address, options, tariff, category, capacity_kw, rated_current_a)
VALUES (%s, %s, %s, %s, %s, %s, %s);

-- name: add_plan
INSERT INTO plan (
    name, valid_from, kind, calendar, period_s, quantities, minute, days, zone, models, areas, tariffs, lines, meters
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s);

-- name: add_feeder
INSERT INTO feeder (name, address, options) VALUES (%s, %s, %s);

-- name: add_area
INSERT INTO area (name, timezone, address, options) VALUES (%s, %s, %s, %s);

-- name: add_meter_state
INSERT INTO meter_state (meter_id, "from", state, actor, reason) VALUES (%s, coalesce(%s, now()), %s, %s, %s);

-- name: add_installation
INSERT INTO meter_installation (usage_point_id, meter_id, "from", "to") VALUES (%s, %s, %s, %s);

-- name: add_area_feeder
INSERT INTO area_feeder (area_id, feeder_id, "from", "to") VALUES (%s, %s, %s, %s);

-- name: add_area_point
INSERT INTO area_point (usage_point_id, area_id, "from", "to", phase, branch) VALUES (%s, %s, %s, %s, %s, %s);

-- name: add_total
INSERT INTO total_meter (meter_id, area_id, feeder_id, "from", "to") VALUES (%s, %s, %s, %s, %s);

-- name: add_multiplier
INSERT INTO meter_multiplier (meter_id, "from", multiplier, actor, reason) VALUES (%s, %s, %s, %s, %s);

-- name: add_register
INSERT INTO register_mark (meter_id, "time", quantity, edge, value, source, actor, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s);

-- name: add_exchange
INSERT INTO meter_exchange (old_meter_id, new_meter_id, "at", actor, reason) VALUES (%s, %s, %s, %s, %s);

-- name: stored_installations
SELECT meter_id, "from" FROM meter_installation;

-- name: stored_states
SELECT meter_id, "from", state FROM meter_state;

-- name: stored_area_feeders
SELECT area_id, "from" FROM area_feeder;

-- name: stored_area_points
SELECT usage_point_id, "from" FROM area_point;

-- name: stored_totals
SELECT meter_id, "from" FROM total_meter;

-- name: stored_multipliers
SELECT meter_id, "from" FROM meter_multiplier;

-- name: stored_registers
SELECT meter_id, quantity, "time", edge FROM register_mark;

-- name: stored_exchanges
SELECT new_meter_id FROM meter_exchange;
