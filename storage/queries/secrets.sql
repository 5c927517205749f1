-- name: get
SELECT id, meter, kind, state, key_id, wrapped, data, by, at, made_for FROM meter_secret
WHERE meter = %(meter)s AND kind = %(kind)s AND state = %(state)s ORDER BY id DESC LIMIT 1;

-- name: all
SELECT id, meter, kind, state, key_id, wrapped, data, by, at, made_for FROM meter_secret
WHERE %(meters)s::text[] IS NULL OR meter = ANY (%(meters)s) ORDER BY meter, kind, id;

-- The password that was made for an order.
-- name: made
SELECT id, meter, kind, state, key_id, wrapped, data, by, at, made_for FROM meter_secret
WHERE meter = %(meter)s AND kind = %(kind)s AND made_for = %(made_for)s;

-- What was made for an order after the current one was, and given up: its frame may have come late.
-- name: given_up
SELECT id, meter, kind, state, key_id, wrapped, data, by, at, made_for FROM meter_secret p
WHERE meter = %(meter)s AND kind = %(kind)s AND state = 'past' AND made_for <> ''
  AND id > (SELECT c.id FROM meter_secret c WHERE c.meter = p.meter AND c.kind = p.kind AND c.state = 'current')
ORDER BY id DESC LIMIT 1;

-- name: take_up
UPDATE meter_secret SET state = 'next' WHERE id = %(id)s AND state = 'past';

-- name: retire
UPDATE meter_secret SET state = 'past' WHERE meter = %(meter)s AND kind = %(kind)s AND state = 'current';

-- name: put
INSERT INTO meter_secret (meter, kind, state, key_id, wrapped, data, by)
VALUES (%(meter)s, %(kind)s, 'current', %(key_id)s, %(wrapped)s, %(data)s, %(by)s);

-- Only for a command that is being sent; once, and not where there is a next one.
-- name: make
INSERT INTO meter_secret (meter, kind, state, key_id, wrapped, data, by, made_for)
SELECT s.meter, %(kind)s, 'next', %(key_id)s, %(wrapped)s, %(data)s, %(by)s, s.key
FROM command_open s WHERE s.key = %(made_for)s AND s.meter = %(meter)s AND s.state = 'sent'
ON CONFLICT DO NOTHING;

-- name: give_up
UPDATE meter_secret SET state = 'past'
WHERE meter = %(meter)s AND kind = %(kind)s AND state = 'next' AND (%(made_for)s::text = '' OR made_for = %(made_for)s);

-- name: has_next
SELECT FROM meter_secret WHERE meter = %(meter)s AND kind = %(kind)s AND state = 'next' FOR UPDATE;

-- name: promote
UPDATE meter_secret SET state = 'current' WHERE meter = %(meter)s AND kind = %(kind)s AND state = 'next';

-- name: rewrap
UPDATE meter_secret SET key_id = %(key_id)s, wrapped = %(wrapped)s WHERE id = %(id)s AND key_id = %(before)s;

-- Tries of an order at a meter, in their order.
-- name: tries
SELECT of, coalesce(outcome, 'silent') FROM password_try WHERE key = %(key)s AND meter = %(meter)s ORDER BY number;

-- name: begin_try
INSERT INTO password_try (key, meter, number, of) VALUES (%(key)s, %(meter)s, %(number)s, %(of)s);

-- name: end_try
UPDATE password_try SET outcome = %(outcome)s
WHERE key = %(key)s AND meter = %(meter)s AND number = %(number)s AND outcome IS NULL;

-- Those of these meters for which a password of this kind is kept.
-- name: known
SELECT DISTINCT meter FROM meter_secret WHERE meter = ANY (%(meters)s) AND kind = %(kind)s AND state = 'current';
