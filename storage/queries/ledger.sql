-- name: recoverable
SELECT meter_id, time, layout, lacking
FROM ledger(%(start)s, %(end)s, %(meters)s)
WHERE state = 'open'
  -- What nobody has tried yet may still be under way; what was tried is given time, more each time.
  AND CASE WHEN tried IS NULL THEN time < %(untried)s ELSE tried + least(tries, 12) * %(pause)s < %(now)s END
ORDER BY time DESC, meter_id, layout
LIMIT %(limit)s;

-- name: states
SELECT state, reason, count(*) FROM ledger(%(start)s, %(end)s, %(meters)s) GROUP BY 1, 2;

-- name: by_day
SELECT (time AT TIME ZONE %(zone)s)::date, state, count(*)
FROM ledger(%(start)s, %(end)s, %(meters)s) GROUP BY 1, 2 ORDER BY 1;

-- name: slots
SELECT meter_id, layout, time, lacking, state, reason, tries, tried
FROM ledger(%(start)s, %(end)s, %(meters)s)
WHERE state = ANY (%(states)s)
ORDER BY time DESC, meter_id, layout
LIMIT %(limit)s;

-- Given up or tried often: to be tried again, at once.
-- name: reopen
UPDATE miss SET final = false, tries = 0, received = 'epoch', reason = 'recollect'
WHERE time >= %(start)s AND time < %(end)s AND (%(meters)s::integer[] IS NULL OR meter_id = ANY (%(meters)s))
  AND NOT EXISTS (
      SELECT FROM capture c
      WHERE c.meter_id = miss.meter_id AND c.time = miss.time AND c.layout = miss.layout
        AND c.time >= %(start)s AND c.time < %(end)s
        AND NOT EXISTS (
            SELECT FROM expected(%(start)s, %(end)s, ARRAY[miss.meter_id]) e
            WHERE e.time = miss.time AND e.layout = miss.layout AND capture_known(c) & e.positions <> e.positions
        )
  );

-- name: places
SELECT i.meter_id, a.name, u.tariff
FROM meter_installation i
JOIN usage_point u ON u.id = i.usage_point_id
LEFT JOIN area_point ap ON ap.usage_point_id = u.id AND ap."from" <= %(at)s AND (ap."to" IS NULL OR ap."to" > %(at)s)
LEFT JOIN area a ON a.id = ap.area_id
WHERE i."from" <= %(at)s AND (i."to" IS NULL OR i."to" > %(at)s)
UNION
SELECT t.meter_id, a.name, NULL
FROM total_meter t JOIN area a ON a.id = t.area_id
WHERE t."from" <= %(at)s AND (t."to" IS NULL OR t."to" > %(at)s);
