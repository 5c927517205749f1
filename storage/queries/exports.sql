-- One batch at a time is made, in every process: its number has no hole before it.
-- name: lock
SELECT pg_advisory_lock(hashtextextended('headend.export', 0));

-- name: unlock
SELECT pg_advisory_unlock(hashtextextended('headend.export', 0));

-- name: next
SELECT coalesce(max(sequence), 0) + 1,
       (SELECT manifest_sha256 FROM export_batch ORDER BY sequence DESC LIMIT 1), now()
FROM export_batch;

-- name: add
INSERT INTO export_batch (sequence, name, subject, digest, format, what, "start", "end", as_of, request, content,
                          completeness, manifest, manifest_sha256, actor, created, supersedes, reason, difference)
VALUES (%(sequence)s, %(name)s, %(subject)s, %(digest)s, %(format)s, %(what)s, %(start)s, %(end)s, %(as_of)s,
        %(request)s, %(content)s, %(completeness)s, %(manifest)s, %(manifest_sha256)s, %(actor)s, %(created)s,
        %(supersedes)s, %(reason)s, %(difference)s);

-- A day without any value has nothing but zeros as sources.
-- name: held
SELECT usage_point_id, quantity, max(run), bool_or(source IS NULL OR btrim(source, '\x00'::bytea) <> '')
FROM validated_day
WHERE usage_point_id = ANY (%(points)s::integer[]) AND quantity = ANY (%(quantities)s::smallint[])
  AND step_s = %(step_s)s AND day >= %(since)s::date AND day < %(until)s::date
  AND (%(as_of)s::bigint IS NULL OR run <= %(as_of)s::bigint)
GROUP BY usage_point_id, quantity;

-- The newest of a subject first.
-- name: of_subject
SELECT name, as_of FROM export_batch WHERE subject = %(subject)s ORDER BY sequence DESC;

-- name: by_digest
SELECT name FROM export_batch WHERE digest = %(digest)s;

-- Large documents come as texts: what decodes them is then ours to choose.
-- name: batch
SELECT b.sequence, b.name, b.subject, b.digest, b.format, b.what, b."start", b."end", b.as_of, b.request,
       b.content::text, b.manifest, b.actor, b.created, s.name, b.reason, b.difference, n.name
FROM export_batch b
LEFT JOIN export_batch s ON s.sequence = b.supersedes
LEFT JOIN export_batch n ON n.supersedes = b.sequence
WHERE b.name = %(name)s OR b.sequence::text = %(name)s;

-- name: completeness
SELECT completeness::text FROM export_batch WHERE sequence = %(sequence)s;

-- name: states
SELECT b.sequence, b.name, b.format, b.what, b."start", b."end", b.as_of, b.completeness -> 'total', b.actor, b.created,
       s.name, b.reason, n.name, r.actor, r."at", r.note,
       (SELECT array_agg(DISTINCT d.target ORDER BY d.target) FROM export_delivery d WHERE d.sequence = b.sequence AND d.done),
       a.kind, a.findings
FROM export_batch b
LEFT JOIN export_batch s ON s.sequence = b.supersedes
LEFT JOIN export_batch n ON n.supersedes = b.sequence
LEFT JOIN export_release r ON r.sequence = b.sequence
LEFT JOIN LATERAL (
    SELECT kind, findings FROM export_answer WHERE sequence = b.sequence ORDER BY id DESC LIMIT 1
) a ON true
WHERE %(sequence)s::integer IS NULL OR b.sequence = %(sequence)s
ORDER BY b.sequence DESC
LIMIT %(most)s;

-- name: release
INSERT INTO export_release (sequence, actor, note) VALUES (%(sequence)s, %(actor)s, %(note)s)
ON CONFLICT (sequence) DO NOTHING;

-- name: attempt
INSERT INTO export_delivery (sequence, target, destination, actor, started, finished, done, detail)
VALUES (%(sequence)s, %(target)s, %(destination)s, %(actor)s, %(started)s, %(finished)s, %(done)s, %(detail)s);

-- name: attempts
SELECT target, destination, actor, started, finished, done, detail FROM export_delivery
WHERE sequence = %(sequence)s ORDER BY id;

-- One daemon at a time brings batches to targets by itself.
-- name: courier
SELECT pg_try_advisory_lock(hashtextextended('headend.export.courier', 0));

-- name: courier_done
SELECT pg_advisory_unlock(hashtextextended('headend.export.courier', 0));

-- Released and not yet there, by number; what was superseded meanwhile is not sent. What failed rests, each time twice as
-- long, up to six hours.
-- name: due
SELECT b.name FROM export_release r JOIN export_batch b USING (sequence)
CROSS JOIN LATERAL (
    SELECT count(*) AS failures, max(finished) AS last FROM export_delivery d
    WHERE d.sequence = r.sequence AND d.target = %(target)s AND NOT d.done
) f
WHERE NOT EXISTS (SELECT FROM export_delivery d WHERE d.sequence = r.sequence AND d.target = %(target)s AND d.done)
  AND NOT EXISTS (SELECT FROM export_batch n WHERE n.supersedes = r.sequence)
  AND r."at" >= %(since)s
  AND (cardinality(%(formats)s::text[]) = 0 OR b.format = ANY (%(formats)s::text[]))
  AND (f.last IS NULL OR f.last + least(interval '1 minute' * 2 ^ least(f.failures, 10), interval '6 hours') <= now())
ORDER BY b.sequence;

-- name: answer
INSERT INTO export_answer (sequence, kind, actor, digest, document, findings)
VALUES (%(sequence)s, %(kind)s, %(actor)s, %(digest)s, %(document)s, %(findings)s)
ON CONFLICT (sequence, digest) DO NOTHING;

-- name: answers
SELECT kind, actor, "at", document, findings FROM export_answer WHERE sequence = %(sequence)s ORDER BY id;
