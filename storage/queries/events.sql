-- name: write
INSERT INTO meter_event (meter_id, kind, source, severity, start, "end", is_open, received, changed, contents)
SELECT meter_id, kind, source, severity, start, "end", is_open, received, received, contents::jsonb
FROM unnest(
    %(meter_id)s::integer[], %(kind)s::text[], %(source)s::smallint[], %(severity)s::smallint[],
    %(start)s::timestamptz[], %(end)s::timestamptz[], %(is_open)s::boolean[], %(received)s::timestamptz[],
    %(contents)s::text[]
) AS e (meter_id, kind, source, severity, start, "end", is_open, received, contents)
ORDER BY meter_id, kind, start, source
ON CONFLICT ON CONSTRAINT meter_event_once DO UPDATE
SET "end" = excluded."end", is_open = false, changed = excluded.received,
    contents = meter_event.contents || excluded.contents
WHERE meter_event.is_open AND NOT excluded.is_open
RETURNING id, xmax = 0;

-- name: keep_states
INSERT INTO event_state (meter_id, state, changed)
SELECT meter_id, state::jsonb, %(now)s
FROM unnest(%(meters)s::integer[], %(states)s::text[]) AS s (meter_id, state)
ORDER BY meter_id
ON CONFLICT (meter_id) DO UPDATE SET state = excluded.state, changed = excluded.changed;

-- name: states
SELECT meter_id, state FROM event_state WHERE %(meters)s::integer[] IS NULL OR meter_id = ANY (%(meters)s);

-- name: events
SELECT e.id, e.meter_id, m.name, e.kind, e.source, e.severity, e.start, e."end", e.is_open, e.received, e.changed,
       e.contents, e.storm_id, e.acknowledged, e.actor, e.note
FROM meter_event e
JOIN meter m ON m.id = e.meter_id
WHERE (%(ids)s::bigint[] IS NULL OR e.id = ANY (%(ids)s))
  AND (%(meters)s::integer[] IS NULL OR e.meter_id = ANY (%(meters)s))
  AND (%(kinds)s::text[] IS NULL OR e.kind = ANY (%(kinds)s))
  AND (%(severity)s::smallint IS NULL OR e.severity >= %(severity)s)
  AND (%(since)s::timestamptz IS NULL OR e.start >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR e.start < %(until)s)
  AND (%(open)s::boolean IS NULL OR e.is_open = %(open)s)
  AND (%(acknowledged)s::boolean IS NULL OR (e.acknowledged IS NOT NULL) = %(acknowledged)s)
  AND (%(storm)s::bigint IS NULL OR e.storm_id = %(storm)s)
ORDER BY e.start DESC, e.id DESC
LIMIT %(limit)s;

-- name: acknowledge
UPDATE meter_event SET acknowledged = %(at)s, actor = %(actor)s, note = %(note)s
WHERE acknowledged IS NULL
  AND ((%(ids)s::bigint[] IS NOT NULL AND id = ANY (%(ids)s)) OR (%(storm)s::bigint IS NOT NULL AND storm_id = %(storm)s));

-- name: missing
SELECT asked.id FROM unnest(%(ids)s::bigint[]) AS asked (id)
WHERE NOT EXISTS (SELECT FROM meter_event e WHERE e.id = asked.id);

-- name: occurrences
SELECT e.id, e.kind, e.start, m.name, l.name, a.name, e.storm_id
FROM meter_event e
JOIN meter m ON m.id = e.meter_id
JOIN line l ON l.id = m.line_id
LEFT JOIN LATERAL (
    SELECT area.name
    FROM meter_installation i
    JOIN area_point p ON p.usage_point_id = i.usage_point_id AND p."from" <= e.start
        AND (p."to" IS NULL OR p."to" > e.start)
    JOIN area ON area.id = p.area_id
    WHERE i.meter_id = e.meter_id AND i."from" <= e.start AND (i."to" IS NULL OR i."to" > e.start)
    LIMIT 1
) a ON true
WHERE e.kind = ANY (%(kinds)s) AND e.start BETWEEN %(first)s AND %(last)s;

-- name: add_storm
INSERT INTO event_storm (kind, scope, place, first, last, events, meters, told)
VALUES (%(kind)s, %(scope)s, %(place)s, %(first)s, %(last)s, %(events)s, %(meters)s, %(now)s)
RETURNING id;

-- name: grow_storm
UPDATE event_storm
SET scope = %(scope)s, place = %(place)s, first = %(first)s, last = %(last)s, events = %(events)s, meters = %(meters)s
WHERE id = %(id)s;

-- name: join_storm
UPDATE meter_event SET storm_id = %(storm)s WHERE id = ANY (%(ids)s) AND storm_id IS DISTINCT FROM %(storm)s;

-- name: drop_storms
DELETE FROM event_storm s
WHERE s.id = ANY (%(ids)s) AND NOT EXISTS (SELECT FROM meter_event e WHERE e.storm_id = s.id);

-- name: storms
SELECT id, kind, scope, place, first, last, events, meters, told
FROM event_storm
WHERE (%(since)s::timestamptz IS NULL OR last >= %(since)s)
ORDER BY first DESC, id DESC;
