-- What one has asked for since: commands of these functions, whatever became of them.
-- name: asked
SELECT count(*) FROM command_order o JOIN command_target t ON t.key = o.key AND t.version = o.version
WHERE o.requester = %(person)s AND o.function = ANY (%(functions)s) AND o.at > %(since)s
  AND o.version = (SELECT max(version) FROM command_order v WHERE v.key = o.key);

-- name: since
SELECT at FROM person WHERE name = %(person)s;

-- Areas in which one has asked for something since, besides in this order.
-- name: areas
SELECT DISTINCT t.area FROM command_order o JOIN command_target t ON t.key = o.key AND t.version = o.version
WHERE o.requester = %(person)s AND o.at > %(since)s AND o.key <> %(key)s;

-- Models of the meters that were switched since.
-- name: switched_models
SELECT DISTINCT m.model FROM meter_event e JOIN meter m ON m.id = e.meter_id
WHERE e.kind = ANY (%(kinds)s) AND e.start > %(since)s AND e.start <= %(now)s;

-- What is written down of meters that were switched without an order, and whose model says that they do that by
-- themselves: when what was paid is used up; above their limit, where they were overloaded in the hour before.
-- name: own_trips
INSERT INTO meter_event (meter_id, kind, source, severity, start, is_open, received, changed, contents)
SELECT e.meter_id, 'own_trip', %(source)s, %(severity)s, e.start, false, %(now)s, %(now)s, jsonb_build_object(
    'by', CASE WHEN m.model = ANY (%(limited)s) AND had.overload THEN 'overload' ELSE 'prepayment' END,
    'alarm_before', CASE WHEN had.alarm THEN 'yes' ELSE 'no' END
)
FROM meter_event e
JOIN meter m ON m.id = e.meter_id
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(x.kind LIKE 'overload_l_'), false), coalesce(bool_or(x.kind = 'trip_alarm'), false)
    FROM meter_event x
    WHERE x.meter_id = e.meter_id AND (x.kind LIKE 'overload_l_' OR x.kind = 'trip_alarm')
      AND x.start <= e.start + %(slack)s AND (x.is_open OR coalesce(x."end", x.start) > e.start - INTERVAL '1 hour')
) had (overload, alarm)
WHERE e.kind = ANY (%(kinds)s) AND e.start > %(since)s AND e.start <= %(now)s
  AND (m.model = ANY (%(prepaid)s) OR m.model = ANY (%(limited)s) AND had.overload)
  AND NOT EXISTS (
      SELECT FROM meter_event o WHERE o.meter_id = e.meter_id AND o.kind = 'own_trip' AND o.start = e.start
  )
  AND NOT was_ordered(m.name, e.start, %(slack)s)
ON CONFLICT ON CONSTRAINT meter_event_once DO NOTHING;

-- Meters that were switched since without anybody's order, by area: an event of the relay, and no command sent in the
-- hour before or shortly after, as far as the meter's clock may be behind; nor a trip of its own.
-- name: unsolicited
SELECT a.name, count(DISTINCT m.id), min(m.name)
FROM meter_event e
JOIN meter m ON m.id = e.meter_id
JOIN meter_installation i ON i.meter_id = m.id AND i."from" <= e.start AND (i."to" IS NULL OR i."to" > e.start)
JOIN area_point ap ON ap.usage_point_id = i.usage_point_id AND ap."from" <= e.start AND (ap."to" IS NULL OR ap."to" > e.start)
JOIN area a ON a.id = ap.area_id
WHERE e.kind = ANY (%(kinds)s) AND e.start > %(since)s AND e.start <= %(now)s
  AND NOT was_ordered(m.name, e.start, %(slack)s)
  AND NOT EXISTS (
      SELECT FROM meter_event o WHERE o.meter_id = e.meter_id AND o.kind = 'own_trip' AND o.start = e.start
  )
GROUP BY a.name;
