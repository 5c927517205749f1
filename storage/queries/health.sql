-- name: settings
SELECT name, setting FROM pg_settings
WHERE name IN ('synchronous_commit', 'fsync', 'full_page_writes', 'max_connections', 'TimeZone', 'server_version',
               'max_locks_per_transaction', 'superuser_reserved_connections');

-- name: connections
SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend';

-- name: letters
SELECT state, count(*) FROM dead_letter WHERE state IN ('dead', 'quarantined') GROUP BY state ORDER BY state;

-- name: unrolled
SELECT min(start), count(DISTINCT start) FROM dirty WHERE level = 1 AND start < %s;
