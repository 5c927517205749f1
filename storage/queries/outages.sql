-- name: evidence
SELECT m.id, m.name, l.name, c.received, c.v1, n.first, u.last, g.last_gasp, g.restored
FROM meter m
JOIN line l ON l.id = m.line_id
LEFT JOIN LATERAL (
    SELECT max(received) AS received, max(v1) FILTER (WHERE layout = %(layout)s) AS v1
    FROM capture
    WHERE meter_id = m.id AND time = (
        SELECT time FROM capture WHERE meter_id = m.id AND time >= %(since)s AND time <= %(now)s
        ORDER BY time DESC LIMIT 1
    )
) c ON true
LEFT JOIN LATERAL (
    SELECT min(received) AS first
    FROM miss
    WHERE meter_id = m.id AND time >= %(since)s AND reason = 'no_answer' AND received > coalesce(c.received, %(since)s)
) n ON true
LEFT JOIN LATERAL (
    SELECT max(received) AS last
    FROM miss
    WHERE meter_id = m.id AND time >= %(since)s AND reason IN ('unreachable', 'link_closed')
      AND received > greatest(c.received, n.first, %(since)s)
) u ON true
LEFT JOIN LATERAL (
    SELECT max(heard) FILTER (WHERE kind = 'last_gasp') AS last_gasp,
           max(heard) FILTER (WHERE kind = 'power_restored') AS restored
    FROM (
        -- by our clock where it came at once; the meter's own where it was on its way for long
        SELECT kind, start, meter_id,
               CASE WHEN received - start BETWEEN '-10 min' AND '10 min' THEN received ELSE start END AS heard
        FROM meter_event
    ) e
    WHERE meter_id = m.id AND start >= %(since)s AND kind IN ('last_gasp', 'power_restored')
) g ON true
WHERE m.name = ANY (%(names)s);

-- name: open_outages
SELECT id, area, level, place FROM outage WHERE restored IS NULL AND area = ANY (%(areas)s) FOR UPDATE;

-- name: keep_outage
INSERT INTO outage (area, level, place, start, not_before, seen, confidence, meters, evidence)
VALUES (%(area)s, %(level)s, %(place)s, %(start)s, %(not_before)s, %(seen)s, %(confidence)s, %(meters)s, %(evidence)s)
ON CONFLICT (area, level, place) WHERE restored IS NULL DO UPDATE
SET start = least(outage.start, excluded.start), seen = excluded.seen, confidence = excluded.confidence,
    meters = excluded.meters, evidence = excluded.evidence
RETURNING id;

-- name: restore_outage
UPDATE outage SET restored = %(at)s WHERE id = %(id)s;

-- name: outages
SELECT id, area, level, place, start, not_before, seen, restored, confidence, meters, evidence
FROM outage
WHERE (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s))
  AND (%(areas)s::text[] IS NULL OR area = ANY (%(areas)s))
  AND (%(since)s::timestamptz IS NULL OR coalesce(restored, 'infinity') >= %(since)s)
  AND (%(open)s::boolean IS NULL OR (restored IS NULL) = %(open)s)
ORDER BY start DESC, id DESC;
