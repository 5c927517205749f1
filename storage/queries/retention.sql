-- name: capture_parts_plain
SELECT c.oid::regclass::text, lower(b.span), upper(b.span), pg_total_relation_size(c.oid)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
CROSS JOIN LATERAL (
    SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$) AS m
) e
CROSS JOIN LATERAL (SELECT tstzrange(e.m[1]::timestamptz, e.m[2]::timestamptz) AS span) b
WHERE i.inhparent = 'capture'::regclass
ORDER BY 2;

-- name: capture_parts_timescale
SELECT format('%%I.%%I', chunk_schema, chunk_name), range_start, range_end,
       pg_total_relation_size(format('%%I.%%I', chunk_schema, chunk_name)::regclass)
FROM timescaledb_information.chunks
WHERE hypertable_name = 'capture' AND %(parent)s = 'capture'
ORDER BY 2;

-- name: parts
SELECT c.oid::regclass::text, lower(b.span), upper(b.span), pg_total_relation_size(c.oid)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
CROSS JOIN LATERAL (
    SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$) AS m
) e
CROSS JOIN LATERAL (SELECT tstzrange(e.m[1]::timestamptz, e.m[2]::timestamptz) AS span) b
WHERE i.inhparent = %(parent)s::regclass
ORDER BY 2;

-- name: patience
SET LOCAL lock_timeout = '5s';

-- Hours that need captures of the part: those in it, the one that its first capture ends, and local ones across its edges.
-- name: captures_unrolled
SELECT EXISTS (
    SELECT FROM dirty
    WHERE level = 1 AND start >= %(start)s - interval '2 hours' AND start < %(end)s + interval '1 hour'
      AND start >= coalesce((SELECT since FROM retained WHERE kind = 'captures'), '-infinity')
);

-- name: parts_unrolled
SELECT EXISTS (
    SELECT FROM dirty WHERE level = %(above)s AND start >= %(start)s - interval '32 days' AND start < %(end)s
);

-- name: retained
SELECT kind, since FROM retained;

-- name: retain
INSERT INTO retained AS r (kind, since) VALUES (%s, %s)
ON CONFLICT (kind) DO UPDATE SET since = greatest(r.since, excluded.since);

-- name: drop_chunk
SELECT drop_chunks('capture', older_than => %(end)s::timestamptz, newer_than => %(start)s::timestamptz);

-- name: count_misses
SELECT count(*) FROM miss WHERE time < %s;

-- name: delete_misses
DELETE FROM miss WHERE time < %s;

-- What lasts stays. A storm goes with the last of its events.
-- name: count_events
SELECT count(*) FROM meter_event WHERE NOT is_open AND greatest(start, "end", received) < %s;

-- name: delete_events
WITH gone AS (
    SELECT id, storm_id FROM meter_event WHERE NOT is_open AND greatest(start, "end", received) < %s
), storms AS (
    DELETE FROM event_storm s
    USING (SELECT storm_id, count(*) AS events FROM gone WHERE storm_id IS NOT NULL GROUP BY storm_id) g
    WHERE s.id = g.storm_id AND g.events = (SELECT count(*) FROM meter_event e WHERE e.storm_id = s.id)
)
DELETE FROM meter_event e USING gone WHERE e.id = gone.id;

-- name: count_outages
SELECT count(*) FROM outage WHERE restored < %s;

-- name: delete_outages
DELETE FROM outage WHERE restored < %s;

-- The last reading of a clock stays. Who told which meter the time is never dropped.
-- name: count_clocks
SELECT count(*) FROM clock_survey s
WHERE at < %s AND EXISTS (SELECT FROM clock_survey n WHERE n.meter_id = s.meter_id AND n.at > s.at);

-- name: delete_clocks
DELETE FROM clock_survey s
WHERE at < %s AND EXISTS (SELECT FROM clock_survey n WHERE n.meter_id = s.meter_id AND n.at > s.at);

-- name: count_access
SELECT count(*) FROM access_log WHERE at < %s;

-- name: delete_access
DELETE FROM access_log WHERE at < %s;

-- name: has_dead_letters
SELECT to_regclass('dead_letter') IS NOT NULL;

-- name: count_dead_letters
SELECT count(*) FROM dead_letter WHERE received < %s;

-- name: delete_dead_letters
DELETE FROM dead_letter WHERE received < %s;

-- name: sizes
SELECT t.name, sum(pg_total_relation_size(p.relid))::bigint
FROM unnest(ARRAY['rollup_register_hour', 'rollup_register_day', 'rollup_register_month',
                  'rollup_value_hour', 'rollup_value_day', 'rollup_value_month', 'validated_day']) AS t (name)
CROSS JOIN LATERAL pg_partition_tree(t.name::regclass) p
GROUP BY t.name
UNION ALL
SELECT relname, pg_total_relation_size(oid)
FROM pg_class
WHERE relname IN ('dirty', 'miss', 'dead_letter', 'meter_event', 'outage', 'vee_edit')
  AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'capture'::regclass)
ORDER BY 1;
