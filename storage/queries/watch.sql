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

-- Meters that were switched since without anybody's order, by area: an event of the relay, and no command sent in the
-- hour before or the minute after.
-- name: unsolicited
SELECT a.name, count(DISTINCT m.id), min(m.name)
FROM meter_event e
JOIN meter m ON m.id = e.meter_id
JOIN meter_installation i ON i.meter_id = m.id AND i."from" <= e.start AND (i."to" IS NULL OR i."to" > e.start)
JOIN area_point ap ON ap.usage_point_id = i.usage_point_id AND ap."from" <= e.start AND (ap."to" IS NULL OR ap."to" > e.start)
JOIN area a ON a.id = ap.area_id
WHERE e.kind = ANY (%(kinds)s) AND e.start > %(since)s AND e.start <= %(now)s
  AND NOT EXISTS (
      SELECT FROM command_transition t WHERE t.meter = m.name AND t.after = 'sent'
      AND t.at BETWEEN e.start - INTERVAL '1 hour' AND e.start + INTERVAL '1 minute'
  )
GROUP BY a.name;
