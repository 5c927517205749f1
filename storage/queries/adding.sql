-- name: known_names
SELECT 'line' AS kind, id, name FROM line WHERE name = ANY (%(line)s)
UNION ALL SELECT 'meter', id, name FROM meter WHERE name = ANY (%(meter)s)
UNION ALL SELECT 'usage point', id, name FROM usage_point WHERE name = ANY (%(point)s)
UNION ALL SELECT 'feeder', id, name FROM feeder WHERE name = ANY (%(feeder)s)
UNION ALL SELECT 'area', id, name FROM area WHERE name = ANY (%(area)s)
UNION ALL SELECT 'plan', id, name FROM plan WHERE name = ANY (%(plan)s) AND valid_to IS NULL;

-- name: transaction_time
SELECT now();

-- What comes in a file comes by the hundred thousand, so everything comes by COPY.
-- name: add_line
COPY line (name, url, protocol, options) FROM STDIN;

-- A meter's state comes with the first row of its history.
-- name: add_meter
COPY meter (name, address, model, line_id, multiplier, quantities, state, created) FROM STDIN;

-- name: add_usage_point
COPY usage_point (name, address, options, tariff, category, capacity_kw, rated_current_a) FROM STDIN;

-- name: add_plan
COPY plan (
    name, valid_from, kind, calendar, period_s, quantities, minute, days, zone, models, areas, tariffs, lines, meters,
    horizon_s
) FROM STDIN;

-- name: add_feeder
COPY feeder (name, address, options) FROM STDIN;

-- name: add_area
COPY area (name, timezone, address, options) FROM STDIN;

-- name: add_meter_state
COPY meter_state (meter_id, "from", state, actor, reason) FROM STDIN;

-- name: add_installation
COPY meter_installation (usage_point_id, meter_id, "from", "to") FROM STDIN;

-- name: add_area_feeder
COPY area_feeder (area_id, feeder_id, "from", "to") FROM STDIN;

-- name: add_area_point
COPY area_point (usage_point_id, area_id, "from", "to", phase, branch) FROM STDIN;

-- name: add_total
COPY total_meter (meter_id, area_id, feeder_id, "from", "to") FROM STDIN;

-- name: add_multiplier
COPY meter_multiplier (meter_id, "from", multiplier, actor, reason) FROM STDIN;

-- name: add_register
COPY register_mark (meter_id, "time", quantity, edge, value, source, actor, reason) FROM STDIN;

-- name: add_exchange
COPY meter_exchange (old_meter_id, new_meter_id, "at", actor, reason) FROM STDIN;

-- name: add_vacancy
COPY point_vacancy (usage_point_id, "from", "to", actor, reason) FROM STDIN;

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

-- What was withdrawn is not said again by the same file.
-- name: stored_vacancies
SELECT usage_point_id, "from" FROM point_vacancy;
