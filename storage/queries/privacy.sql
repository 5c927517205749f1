-- name: write
INSERT INTO access_log (actor, os_user, host, action, meters, "from", "to", detail)
VALUES (%(actor)s, %(os_user)s, %(host)s, %(action)s, %(meters)s, %(start)s, %(end)s, %(detail)s);

-- Newest first. A row about all meters is about each.
-- name: accesses
SELECT a.id, a.at, a.actor, a.os_user, a.host, a.action,
       (SELECT array_agg(m.name ORDER BY m.name) FROM meter m WHERE m.id = ANY (a.meters)),
       a.meters IS NULL, a."from", a."to", a.detail
FROM access_log a
WHERE (%(since)s::timestamptz IS NULL OR a.at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR a.at < %(until)s)
  AND (%(actor)s::text IS NULL OR a.actor = %(actor)s OR a.os_user = %(actor)s)
  AND (%(meter)s::text IS NULL OR a.meters IS NULL
       OR a.meters @> ARRAY[(SELECT id FROM meter WHERE name = %(meter)s)])
ORDER BY a.id DESC
LIMIT %(limit)s;

-- name: lock_point
SELECT id FROM usage_point WHERE name = %s FOR UPDATE;

-- name: blank_point
UPDATE usage_point SET address = NULL, options = '{}', name = coalesce(%(rename)s, name) WHERE id = %(id)s;

-- Labels are conclusions about habits.
-- name: delete_labels
DELETE FROM label WHERE usage_point_id = %(id)s;

-- name: stays
SELECT meter_id, "from", least("to", %(until)s) FROM meter_installation
WHERE usage_point_id = %(id)s AND "from" < %(until)s ORDER BY "from";

-- name: delete_captures
DELETE FROM capture WHERE meter_id = %(meter)s AND time >= %(start)s AND time < %(end)s;

-- A withdrawal has the time of what it withdraws.
-- name: delete_register_reads
DELETE FROM register_read WHERE meter_id = %(meter)s AND "time" >= %(start)s AND "time" < %(end)s;

-- name: delete_registers
DELETE FROM rollup_register WHERE meter_id = %(meter)s AND level = %(level)s AND start >= %(start)s AND start < %(end)s;

-- name: delete_values
DELETE FROM rollup_value WHERE meter_id = %(meter)s AND level = %(level)s AND start >= %(start)s AND start < %(end)s;

-- name: mark
INSERT INTO dirty (level, start, meters) VALUES (%(level)s, %(start)s, ARRAY[%(meter)s::integer]);

-- A day of which any part is forgotten goes whole.
-- name: delete_validated
DELETE FROM validated_day WHERE usage_point_id = %(id)s AND start < %(until)s;

-- What was deleted is not asked for again.
-- name: give_up
INSERT INTO miss AS m (meter_id, layout, time, reason, received, tries, final)
SELECT meter_id, layout, time, 'forgotten', now(), 0, true
FROM expected(%(start)s, %(end)s, ARRAY[%(meter)s::integer])
ON CONFLICT (meter_id, time, layout) DO UPDATE SET reason = 'forgotten', final = true;

-- name: forgotten
INSERT INTO point_forgotten (usage_point_id, actor, reason, readings, until, captures)
VALUES (%(id)s, %(actor)s, %(reason)s, %(readings)s, %(until)s, %(captures)s);

-- name: list_forgotten
SELECT u.name, f.at, f.actor, f.reason, f.readings, f.until, f.captures
FROM point_forgotten f JOIN usage_point u ON u.id = f.usage_point_id ORDER BY f.id;
