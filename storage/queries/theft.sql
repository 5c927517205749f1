-- One writer at a time is at a meter's cases; who may only add to them cannot lock their rows.
-- name: lock_meters
SELECT id, name FROM meter WHERE name = ANY (%(names)s) ORDER BY id FOR UPDATE;

-- name: lock_case
SELECT m.id FROM meter m WHERE m.id = (SELECT c.meter_id FROM theft_case c WHERE c.id = %(case)s) FOR UPDATE;

-- name: open_cases
SELECT n.meter_id, n.id FROM theft_case_now n WHERE n.meter_id = ANY (%(meters)s) AND n.status <> 'closed';

-- name: open
INSERT INTO theft_case (meter_id, actor) VALUES (%(meter)s, %(actor)s) RETURNING id;

-- name: add_scan
INSERT INTO theft_case_entry (case_id, actor, kind, status, first, until, score, rank, estimated_kwh, evidence)
VALUES (%(case)s, %(actor)s, 'scan', %(status)s, %(first)s, %(until)s, %(score)s, %(rank)s, %(kwh)s, %(evidence)s);

-- name: add_status
INSERT INTO theft_case_entry (case_id, actor, kind, status, note)
VALUES (%(case)s, %(actor)s, 'status', %(status)s, %(note)s);

-- name: add_outcome
INSERT INTO theft_case_entry (case_id, actor, kind, status, note, inspected, found)
VALUES (%(case)s, %(actor)s, 'outcome', %(status)s, %(note)s, %(inspected)s, %(found)s);

-- name: cases
SELECT n.id, m.name, n.opened, n.status, n.since, s.first, s.until, s.score, s.rank, s.estimated_kwh, s.evidence
FROM theft_case_now n
JOIN meter m ON m.id = n.meter_id
LEFT JOIN LATERAL (
    SELECT first, until, score, rank, estimated_kwh, evidence FROM theft_case_entry e
    WHERE e.case_id = n.id AND e.kind = 'scan' ORDER BY e.id DESC LIMIT 1
) s ON true
WHERE (%(ids)s::bigint[] IS NULL OR n.id = ANY (%(ids)s))
  AND (%(statuses)s::text[] IS NULL OR n.status = ANY (%(statuses)s))
  AND (%(meters)s::text[] IS NULL OR m.name = ANY (%(meters)s))
ORDER BY n.status = 'closed', s.score DESC NULLS LAST, n.id;

-- name: entries
SELECT at, actor, kind, status, note, score, rank, estimated_kwh, inspected, found
FROM theft_case_entry WHERE case_id = %(case)s ORDER BY id;

-- name: outcomes
SELECT m.name, e.inspected, e.found
FROM theft_case_entry e
JOIN theft_case c ON c.id = e.case_id
JOIN meter m ON m.id = c.meter_id
WHERE e.kind = 'outcome'
ORDER BY m.name, e.inspected, e.id;
