-- name: recoverable
SELECT meter_id, time, layout, lacking, tried IS NULL
FROM ledger(%(start)s, %(end)s, %(meters)s, %(at)s)
WHERE state = 'open'
  -- What nobody has tried yet may still be under way; what was tried is given time, more each time.
  AND CASE WHEN tried IS NULL THEN time < %(untried)s ELSE tried + least(tries, 12) * %(pause)s < %(now)s END
ORDER BY time DESC, meter_id, layout
LIMIT %(limit)s;

-- name: states
SELECT state, reason, count(*) FROM ledger(%(start)s, %(end)s, %(meters)s, coalesce(%(now)s, now())) GROUP BY 1, 2;

-- name: by_meter
SELECT meter_id, state, reason, count(*)
FROM ledger(%(start)s, %(end)s, %(meters)s, coalesce(%(now)s, now())) GROUP BY 1, 2, 3 ORDER BY 1;

-- name: by_day
SELECT (time AT TIME ZONE %(zone)s)::date, state, count(*)
FROM ledger(%(start)s, %(end)s, %(meters)s, coalesce(%(now)s, now())) GROUP BY 1, 2 ORDER BY 1;

-- name: slots
SELECT meter_id, layout, time, lacking, state, reason, tries, tried
FROM ledger(%(start)s, %(end)s, %(meters)s, coalesce(%(now)s, now()))
WHERE state = ANY (%(states)s)
ORDER BY time DESC, meter_id, layout
LIMIT %(limit)s;

-- Given up or tried often: to be tried again, at once.
-- name: reopen
UPDATE miss SET final = false, tries = 0, received = 'epoch', reason = 'recollect'
FROM ledger(%(start)s, %(end)s, %(meters)s, now()) l
WHERE l.state IN ('open', 'unrecoverable')
  AND miss.meter_id = l.meter_id AND miss.time = l.time AND miss.layout = l.layout
  AND miss.time >= %(start)s AND miss.time < %(end)s;

-- name: places
SELECT meter_id, coalesce(array_agg(area) FILTER (WHERE area IS NOT NULL), '{}'), max(tariff)
FROM (
    SELECT i.meter_id, a.name AS area, u.tariff
    FROM meter_installation i
    JOIN usage_point u ON u.id = i.usage_point_id
    LEFT JOIN area_point ap ON ap.usage_point_id = u.id
        AND ap."from" <= %(at)s AND (ap."to" IS NULL OR ap."to" > %(at)s)
    LEFT JOIN area a ON a.id = ap.area_id
    WHERE i."from" <= %(at)s AND (i."to" IS NULL OR i."to" > %(at)s)
    UNION ALL
    SELECT t.meter_id, a.name, NULL
    FROM total_meter t JOIN area a ON a.id = t.area_id
    WHERE t."from" <= %(at)s AND (t."to" IS NULL OR t."to" > %(at)s)
) placed
GROUP BY meter_id;
