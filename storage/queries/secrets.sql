-- name: get
SELECT id, meter, kind, state, key_id, wrapped, data, by, at FROM meter_secret
WHERE meter = %(meter)s AND kind = %(kind)s AND state = %(state)s ORDER BY id DESC LIMIT 1;

-- name: all
SELECT id, meter, kind, state, key_id, wrapped, data, by, at FROM meter_secret
WHERE %(meters)s::text[] IS NULL OR meter = ANY (%(meters)s) ORDER BY meter, kind, id;

-- name: retire
UPDATE meter_secret SET state = 'past' WHERE meter = %(meter)s AND kind = %(kind)s AND state = %(state)s;

-- name: put
INSERT INTO meter_secret (meter, kind, state, key_id, wrapped, data, by)
VALUES (%(meter)s, %(kind)s, %(state)s, %(key_id)s, %(wrapped)s, %(data)s, %(by)s);

-- name: has_next
SELECT FROM meter_secret WHERE meter = %(meter)s AND kind = %(kind)s AND state = 'next' FOR UPDATE;

-- name: promote
UPDATE meter_secret SET state = 'current' WHERE meter = %(meter)s AND kind = %(kind)s AND state = 'next';

-- name: rewrap
UPDATE meter_secret SET key_id = %(key_id)s, wrapped = %(wrapped)s WHERE id = %(id)s AND key_id = %(before)s;
