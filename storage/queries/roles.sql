-- name: make
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'headend_daemon') THEN
        CREATE ROLE headend_daemon LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server was quicker
END $$;

-- name: is_member
SELECT pg_has_role('headend_daemon', 'MEMBER');

-- name: join
GRANT headend_daemon TO CURRENT_USER;

-- name: schema
SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = 'migration'::regclass;

-- Our tables: schema, name, whether rows of it are only added, whether the daemon owns it.
-- name: tables
SELECT c.relname,
       EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'kept_stands'),
       c.relowner = 'headend_daemon'::regrole
FROM pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass) AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relispartition, c.relname;

-- name: views
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass) AND c.relkind = 'v'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relname;

-- Functions that make partitions: what they make is to belong to whom the table belongs to, whoever calls them.
-- name: makers
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass)
  AND p.proname LIKE '%\_partition' AND (NOT p.prosecdef OR p.proowner <> 'headend_daemon'::regrole);

-- What who is connected may do to rows that are only to be added, or to what only migrations fill.
-- name: excess
SELECT c.relname, v.privilege
FROM pg_class c
CROSS JOIN unnest('{INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER}'::text[]) AS v (privilege)
WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'migration'::regclass) AND c.relkind = 'r'
  AND (c.relname = ANY (%(seeded)s) OR v.privilege <> 'INSERT')
  AND (c.relname = ANY (%(seeded)s) OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'kept_stands'))
  AND (has_table_privilege(c.oid, v.privilege) OR pg_has_role(c.relowner, 'MEMBER'))
ORDER BY 1, 2;

-- name: who
SELECT current_user;
