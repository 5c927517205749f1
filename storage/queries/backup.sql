-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: now
SELECT now();

-- name: no_migration
SELECT pg_advisory_xact_lock_shared(hashtextextended('headend.migrate', 0));

-- name: migrations
SELECT version, name, checksum, applied FROM migration ORDER BY version;

-- Our tables: those beside `migration`, without partitions, temporary tables and what belongs to extensions.
-- name: tables
SELECT c.relname, c.relkind = 'p'
FROM pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass)
  AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname;

-- name: columns
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum;

-- The time that partitions below a table are made by.
-- name: partition_time
SELECT a.attname
FROM pg_partition_tree(%s::regclass) t
JOIN pg_partitioned_table p ON p.partrelid = t.relid
JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::smallint[])
WHERE a.atttypid = 'timestamptz'::regtype
LIMIT 1;

-- name: hypertable_time
SELECT column_name FROM timescaledb_information.dimensions
WHERE hypertable_name = %s AND dimension_number = 1;

-- name: partitions
SELECT c.relname, p.relname, pg_get_expr(c.relpartbound, c.oid)
FROM pg_partition_tree(%s::regclass) t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_class p ON p.oid = t.parentrelid
WHERE t.level > 0
ORDER BY t.level, c.relname;

-- name: sequences
SELECT t.relname, a.attname, format('%%I.%%I', n.nspname, s.relname)
FROM pg_class s
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
                AND d.refclassid = 'pg_class'::regclass
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND t.relname = ANY (%s)
  AND t.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass)
ORDER BY 1, 2;

-- What refers to what: (table, table that it needs first).
-- name: references
SELECT DISTINCT f.relname, t.relname
FROM pg_constraint k
JOIN pg_class f ON f.oid = k.conrelid
JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND f.oid <> t.oid AND k.conparentid = 0
  AND f.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass);

-- Triggers of ours; what they did when the rows were new is in the backup.
-- name: triggers
SELECT c.relname, t.tgname
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relname = ANY (%s) AND t.tgname NOT LIKE 'ts\_%%'
  AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass)
ORDER BY 1, 2;

-- name: has_day_partitions
SELECT to_regprocedure(%s) IS NOT NULL;

-- name: set_sequence
SELECT setval(%s::regclass, %s, %s);

-- name: set_applied
UPDATE migration SET applied = %s WHERE version = %s;
