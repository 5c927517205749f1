-- What becomes of a suspicion. A case is of one meter; what a scan says of it, who looks at it and what was found are
-- entries. Rows are added, never changed: the status is that of the last entry that has one.
CREATE TABLE theft_case (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id integer     NOT NULL REFERENCES meter,
    opened   timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor    text        NOT NULL CHECK (actor <> '')
);
CREATE INDEX theft_case_meter ON theft_case (meter_id);
SELECT keep('theft_case');

CREATE TABLE theft_case_entry (
    id            bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id       bigint           NOT NULL REFERENCES theft_case,
    at            timestamptz      NOT NULL DEFAULT clock_timestamp(),
    actor         text             NOT NULL CHECK (actor <> ''),
    kind          text             NOT NULL CHECK (kind IN ('scan', 'status', 'outcome')),
    status        text             CHECK (status IN ('new', 'assigned', 'inspected-confirmed', 'inspected-clear', 'closed')),
    note          text             NOT NULL DEFAULT '',
    -- of a scan: the local days that it saw, [first, until), and what it said
    first         date,
    until         date             CHECK (until > first),
    score         double precision CHECK (score BETWEEN 0 AND 1),
    rank          integer          CHECK (rank > 0),
    estimated_kwh numeric,
    evidence      jsonb,
    -- of an outcome: when inspectors were there, and whether they found theft
    inspected     date,
    found         boolean,
    CONSTRAINT theft_case_entry_scan CHECK (
        num_nulls(first, until, score, rank, estimated_kwh, evidence) = CASE kind WHEN 'scan' THEN 0 ELSE 6 END
    ),
    CONSTRAINT theft_case_entry_outcome CHECK (
        num_nulls(inspected, found) = CASE kind WHEN 'outcome' THEN 0 ELSE 2 END
    ),
    CONSTRAINT theft_case_entry_status CHECK (kind = 'scan' OR status IS NOT NULL)
);
CREATE INDEX theft_case_entry_case ON theft_case_entry (case_id, id);
SELECT keep('theft_case_entry');

CREATE VIEW theft_case_now AS
SELECT c.id, c.meter_id, c.opened, s.status, s.at AS since, s.actor
FROM theft_case c
CROSS JOIN LATERAL (
    SELECT status, at, actor FROM theft_case_entry e
    WHERE e.case_id = c.id AND e.status IS NOT NULL ORDER BY e.id DESC LIMIT 1
) s;
