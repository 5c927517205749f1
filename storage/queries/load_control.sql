-- name: add_programme
INSERT INTO load_programme (name, document, by) VALUES (%(name)s, %(document)s, %(by)s);

-- name: programmes
SELECT DISTINCT ON (name) name, document, by, at FROM load_programme
WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY name, id DESC;

-- name: change_members
INSERT INTO load_member (programme, usage_point_id, joined, event, reason, by)
SELECT %(programme)s, p.id, %(joined)s, %(event)s, %(reason)s, %(by)s
FROM usage_point p WHERE p.name = ANY (%(points)s);

-- name: unknown_points
SELECT n FROM unnest(%(points)s::text[]) AS n WHERE NOT EXISTS (SELECT FROM usage_point p WHERE p.name = n) ORDER BY n;

-- Who belongs to a programme; `out_of`: the events that a member wants no part in.
-- name: members
SELECT p.name, l.by, l.at, coalesce(e.out_of, '{}')
FROM (
    SELECT DISTINCT ON (usage_point_id) usage_point_id, joined, by, at FROM load_member
    WHERE programme = %(programme)s AND event IS NULL ORDER BY usage_point_id, id DESC
) l
JOIN usage_point p ON p.id = l.usage_point_id
LEFT JOIN (
    SELECT usage_point_id, array_agg(event ORDER BY event) FILTER (WHERE NOT joined) AS out_of
    FROM (
        SELECT DISTINCT ON (usage_point_id, event) usage_point_id, event, joined FROM load_member
        WHERE programme = %(programme)s AND event IS NOT NULL ORDER BY usage_point_id, event, id DESC
    ) x GROUP BY usage_point_id
) e USING (usage_point_id)
WHERE l.joined ORDER BY p.name;

-- Where points stand at a moment, with the meter that measures them, and why they must not be cut.
-- name: places
SELECT w.point, w.meter, coalesce(w.area, ''),
       coalesce((
           SELECT 'protected: ' || e.category FROM protection_entry e
           WHERE (e.meter = w.meter OR e.point = w.point) AND (e.until IS NULL OR e.until > %(at)s)
             AND NOT EXISTS (SELECT FROM protection_end d WHERE d.entry_id = e.id)
           ORDER BY e.id LIMIT 1
       ), '')
FROM meter_place(%(at)s) w
WHERE w.point IS NOT NULL AND (%(points)s::text[] IS NULL OR w.point = ANY (%(points)s))
ORDER BY w.point, w.meter;

-- name: areas
SELECT name FROM area ORDER BY name;

-- Calls that were not cancelled, and whose order has not ended without a switch.
-- name: calls
SELECT p.name, c.start, c."end"
FROM load_call c JOIN usage_point p ON p.id = c.usage_point_id JOIN meter m ON m.id = c.meter_id
WHERE c.start >= %(since)s AND NOT EXISTS (SELECT FROM load_event_end e WHERE e.event = c.event)
  AND NOT EXISTS (
      SELECT FROM command_transition x WHERE x.key = c.order_key AND x.meter = m.name
        AND x.after IN ('rejected', 'expired', 'recalled', 'stopped', 'failed')
  )
ORDER BY p.name, c.start;

-- name: add_event
INSERT INTO load_event (id, programme, start, "end", kw, areas, reason, missing_w, by)
VALUES (%(id)s, %(programme)s, %(start)s, %(end)s, %(kw)s, %(areas)s, %(reason)s, %(missing_w)s, %(by)s);

-- name: add_calls
INSERT INTO load_call (event, usage_point_id, round, meter_id, start, "end", available_w, order_key)
SELECT %(event)s, p.id, %(round)s, m.id, %(start)s, %(end)s, c.watts, %(order_key)s
FROM unnest(%(points)s::text[], %(meters)s::text[], %(watts)s::bigint[]) AS c (point, meter, watts)
JOIN usage_point p ON p.name = c.point
JOIN meter m ON m.name = c.meter;

-- name: add_left_out
INSERT INTO load_left_out (event, usage_point_id, why)
SELECT %(event)s, p.id, c.why FROM unnest(%(points)s::text[], %(whys)s::text[]) AS c (point, why)
JOIN usage_point p ON p.name = c.point;

-- name: events
SELECT e.id, e.programme, e.start, e."end", e.kw, e.areas, e.reason, e.missing_w, e.by, e.at, d.why,
       (SELECT count(*) FROM load_call c WHERE c.event = e.id),
       (SELECT max(version) FROM load_delivery l WHERE l.event = e.id)
FROM load_event e LEFT JOIN load_event_end d ON d.event = e.id
WHERE %(id)s::text IS NULL OR e.id = %(id)s
ORDER BY e.start DESC, e.id;

-- With what became of the command that was to cut; empty: there is none.
-- name: called
SELECT c.round, c.start, c."end", p.name, m.name, c.available_w, c.order_key, coalesce(s.after, '')
FROM load_call c JOIN usage_point p ON p.id = c.usage_point_id JOIN meter m ON m.id = c.meter_id
LEFT JOIN LATERAL (
    SELECT x.after FROM command_transition x WHERE x.key = c.order_key AND x.meter = m.name ORDER BY x.number DESC LIMIT 1
) s ON true
WHERE c.event = %(event)s ORDER BY c.round, p.name;

-- name: left_out
SELECT p.name, l.why FROM load_left_out l JOIN usage_point p ON p.id = l.usage_point_id
WHERE l.event = %(event)s ORDER BY p.name;

-- name: cancel
INSERT INTO load_event_end (event, why, by) VALUES (%(event)s, %(why)s, %(by)s);

-- name: add_deliveries
INSERT INTO load_delivery (event, version, usage_point_id, round, baseline_kwh, used_kwh, amount, currency, reason, by)
SELECT %(event)s, %(version)s, p.id, d.round, d.baseline, d.used, d.amount, %(currency)s, d.reason, %(by)s
FROM unnest(
    %(points)s::text[], %(rounds)s::integer[], %(baselines)s::numeric[], %(used)s::numeric[], %(amounts)s::numeric[],
    %(reasons)s::text[]
) AS d (point, round, baseline, used, amount, reason)
JOIN usage_point p ON p.name = d.point;

-- name: add_balances
INSERT INTO load_balance (usage_point_id, balance, of, by)
SELECT p.id, b.balance, b.of, %(by)s
FROM unnest(%(points)s::text[], %(balances)s::numeric[], %(ofs)s::timestamptz[]) AS b (point, balance, of)
JOIN usage_point p ON p.name = b.point;

-- name: add_notice
INSERT INTO load_notice (usage_point_id, kind, proof, of, by)
SELECT id, %(kind)s, %(proof)s, %(of)s, %(by)s FROM usage_point WHERE name = %(point)s;

-- What was last seen done at points: cut for this reason, or given back for whatever.
-- name: switched
SELECT DISTINCT ON (t.point) t.point, o.function, x.at
FROM command_target t
JOIN command_order o ON o.key = t.key AND o.version = t.version
JOIN command_transition x ON x.key = t.key AND x.meter = t.meter AND x.after = 'verified'
WHERE t.point = ANY (%(points)s) AND (o.function = 'close' OR (o.function = 'trip' AND o.reason = %(reason)s))
ORDER BY t.point, x.at DESC;

-- Points of which an order to cut or to give back is not at its end.
-- name: ordered
SELECT DISTINCT ON (t.point) t.point, s.key
FROM command_open s
JOIN command_target t ON t.key = s.key AND t.version = s.version AND t.meter = s.meter
JOIN command_order o ON o.key = s.key AND o.version = s.version
WHERE t.point = ANY (%(points)s) AND o.function IN ('trip', 'close')
ORDER BY t.point, s.at DESC;

-- How accounts stand: the newest balance, and what was told since the last one above the threshold.
-- name: standings
SELECT p.name, b.balance, b.of, n.warned, n.noticed, coalesce(n.proof, '')
FROM usage_point p
JOIN LATERAL (
    SELECT balance, of FROM load_balance x WHERE x.usage_point_id = p.id ORDER BY x.of DESC, x.id DESC LIMIT 1
) b ON true
LEFT JOIN LATERAL (
    SELECT max(of) AS above FROM load_balance x WHERE x.usage_point_id = p.id AND x.balance > %(above)s
) s ON true
LEFT JOIN LATERAL (
    SELECT min(of) FILTER (WHERE kind = 'warned') AS warned, min(of) FILTER (WHERE kind = 'noticed') AS noticed,
           (array_agg(proof ORDER BY of) FILTER (WHERE kind = 'noticed'))[1] AS proof
    FROM load_notice x WHERE x.usage_point_id = p.id AND (s.above IS NULL OR x.of > s.above)
) n ON true
WHERE p.name = ANY (%(points)s)
ORDER BY p.name;
