-- name: pause
INSERT INTO command_pause (key, why, by, at) VALUES (%(key)s, %(why)s, %(by)s, %(at)s) RETURNING id;

-- name: is_paused
SELECT EXISTS (SELECT FROM command_paused WHERE key = %(key)s);

-- All that hold; one that somebody has just ended stays as it was ended.
-- name: end_pauses
INSERT INTO command_pause_end (pause_id, why, by, at)
SELECT p.id, %(why)s, %(by)s, %(at)s FROM command_pause p
WHERE p.key = %(key)s AND NOT EXISTS (SELECT FROM command_pause_end e WHERE e.pause_id = p.id)
ON CONFLICT DO NOTHING;

-- When the first was sent, and how many came to their end since a moment after they were sent.
-- name: pace
SELECT (SELECT min(at) FROM command_transition WHERE key = %(key)s AND after = 'sent'),
       (SELECT count(*) FROM command_transition
        WHERE key = %(key)s AND at > %(since)s AND before IN ('sent', 'acknowledged', 'unknown') AND after = ANY (%(ends)s));

-- Those that stand in these states, by state and why, each with its first meters.
-- name: troubles
SELECT s.after, s.why, count(*), (array_agg(s.meter ORDER BY s.meter))[1:%(most)s]
FROM (
    SELECT DISTINCT ON (t.meter) t.meter, t.after, t.why FROM command_transition t WHERE t.key = %(key)s
    ORDER BY t.meter, t.number DESC
) s JOIN command_target c ON c.key = %(key)s AND c.version = %(version)s AND c.meter = s.meter
WHERE s.after = ANY (%(states)s)
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2;

-- name: page
SELECT meter, label, area FROM command_target
WHERE key = %(key)s AND version = %(version)s AND meter > %(after)s ORDER BY meter LIMIT %(limit)s;

-- name: steps
SELECT meter, after, at, why FROM command_transition WHERE key = %(key)s AND meter = ANY (%(meters)s)
ORDER BY meter, number;

-- What was told of frames, passwords hidden.
-- name: frames
SELECT meter, body FROM audit
WHERE subject = %(key)s AND action = 'result' AND meter = ANY (%(meters)s) AND body LIKE '%%"frames"%%' ORDER BY number;
