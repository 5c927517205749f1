-- Commands for these meters that somebody has to do something about.
-- name: waiting
SELECT s.key, s.meter, s.state, s.at, o.not_before, o.function,
       CASE WHEN s.state = 'sent' THEN (
           SELECT t.claim FROM command_transition t WHERE t.key = s.key AND t.meter = s.meter AND t.after = 'sent'
       ) ELSE '' END,
       EXISTS (SELECT FROM command_target x WHERE x.key = s.key AND x.version = s.version AND x.meter <> s.meter)
FROM command_open s
JOIN command_order o ON o.key = s.key AND o.version = s.version
WHERE s.state IN ('released', 'sent', 'acknowledged', 'unknown')
  AND s.meter = ANY (ARRAY(SELECT unnest(%(meters)s::text[])))
ORDER BY s.at, s.key, s.meter;

-- One command, and who let it go.
-- name: command
SELECT s.state, s.number, s.version, s.at, (
    SELECT t.by FROM command_transition t
    WHERE t.key = s.key AND t.meter = s.meter AND t.after = 'released' ORDER BY t.number DESC LIMIT 1
)
FROM command_open s WHERE s.key = %(key)s AND s.meter = %(meter)s;
