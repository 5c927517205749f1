-- name: lock
SELECT pg_advisory_lock(hashtextextended('headend.migrate', 0));

-- name: unlock
SELECT pg_advisory_unlock(hashtextextended('headend.migrate', 0));

-- name: make_migration
CREATE TABLE IF NOT EXISTS migration (
    version  integer     PRIMARY KEY,
    name     text        NOT NULL,
    checksum text        NOT NULL,
    applied  timestamptz NOT NULL DEFAULT now()
);

-- name: applied
SELECT version, name, checksum FROM migration ORDER BY version;

-- name: has_migration
SELECT to_regclass('migration') IS NOT NULL;

-- name: record
INSERT INTO migration (version, name, checksum) VALUES (%s, %s, %s);

-- Who may not see what is loaded takes the extension where somebody who may has made it.
-- name: timescale_loaded
SELECT CASE
    WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN true
    WHEN pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')
        THEN current_setting('shared_preload_libraries') LIKE '%timescaledb%'
    ELSE false
END AND EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb');

-- name: make_timescale
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- A capture table with native partitions stays plain, whatever is installed later.
-- name: level
SELECT CASE
    WHEN NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN 'plain'
    WHEN EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('capture') AND relkind = 'p') THEN 'plain'
    WHEN current_setting('timescaledb.license', true) = 'timescale' THEN 'timescale-community'
    ELSE 'timescale-apache'
END;

-- name: quantities
SELECT id, name, name_zh, obis, unit, step, kind FROM quantity;

-- name: layouts
SELECT id, name FROM layout;

-- name: layout_items
SELECT layout, pos, quantity FROM layout_item;

-- name: insert_quantity
INSERT INTO quantity (id, name, name_zh, obis, unit, step, kind) VALUES (%s, %s, %s, %s, %s, %s, %s);

-- name: insert_layout
INSERT INTO layout (id, name) VALUES (%s, %s);

-- name: insert_layout_item
INSERT INTO layout_item (layout, pos, quantity) VALUES (%s, %s, %s);

-- name: birth
SELECT (extract(epoch FROM applied) * 1000000)::bigint FROM migration ORDER BY version LIMIT 1;
