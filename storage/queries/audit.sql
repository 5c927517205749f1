-- name: append
INSERT INTO audit (by, action, subject, meter, body)
VALUES (%(by)s, %(action)s, %(subject)s, %(meter)s, %(body)s);

-- name: rows
SELECT number, at, by, action, subject, meter, body, role, previous, hash FROM audit
WHERE number > %(after)s AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(meter)s::text IS NULL OR meter = %(meter)s)
ORDER BY number LIMIT %(limit)s;

-- name: head
SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1;
