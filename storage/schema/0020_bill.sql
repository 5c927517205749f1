-- What was agreed with a customer, from when on; before the first row it is what the point's options say.
CREATE TABLE point_contract (
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    "from"         timestamptz NOT NULL,
    capacity_kva   numeric     CHECK (capacity_kva > 0),
    contract_kw    numeric     CHECK (contract_kw > 0),
    basic_charge   text        NOT NULL DEFAULT '',
    actor          text        NOT NULL CHECK (actor <> ''),
    reason         text        NOT NULL DEFAULT '',
    entered        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (usage_point_id, "from")
);

-- Tariff files by the SHA-256 of their bytes, as they were when something was billed by them.
CREATE TABLE tariff_text (
    digest  bytea       PRIMARY KEY CHECK (length(digest) = 32),
    name    text        NOT NULL,
    text    text        NOT NULL,
    entered timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One usage point's final bill of one cycle. A bill is never changed: a further version supersedes it. Amounts and
-- energies within JSON are strings holding exact decimals.
CREATE TABLE bill (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    usage_point_id integer     NOT NULL REFERENCES usage_point,
    cycle          date        NOT NULL, -- its first day
    version        integer     NOT NULL CHECK (version > 0),
    "start"        timestamptz NOT NULL, -- within the cycle: when the point was first supplied
    "end"          timestamptz NOT NULL,
    tariff         bytea       NOT NULL REFERENCES tariff_text,
    currency       text        NOT NULL,
    total          numeric     NOT NULL,
    exact          numeric     NOT NULL, -- the sum of the lines, before the total was rounded
    arrears        numeric     NOT NULL, -- added to what is owed, beside the bill
    energy         numeric     NOT NULL, -- kWh
    estimated      numeric     NOT NULL, -- kWh of it
    completeness   numeric     NOT NULL CHECK (completeness BETWEEN 0 AND 1),
    digest         bytea       NOT NULL CHECK (length(digest) = 32), -- of reads, quantities and amounts
    determinants   json        NOT NULL,
    registers      json        NOT NULL,
    lines          json        NOT NULL,
    context        json        NOT NULL, -- what it was rated with beside the determinants
    carried        json        NOT NULL, -- {"carried", "credits", "notes"}: what the next cycle goes on from
    actor          text        NOT NULL CHECK (actor <> ''),
    reason         text        NOT NULL DEFAULT '',
    difference     json, -- to the version before, line by line
    made           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT bill_span CHECK ("start" < "end"),
    CONSTRAINT bill_reason CHECK (version = 1 OR (reason <> '' AND difference IS NOT NULL)),
    CONSTRAINT bill_version UNIQUE (usage_point_id, cycle, version)
);
CREATE INDEX bill_cycle ON bill (cycle);

CREATE FUNCTION bill_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a bill is not changed, it is superseded' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER bill_stands BEFORE UPDATE ON bill FOR EACH ROW EXECUTE FUNCTION bill_stands();

CREATE VIEW bill_current AS
SELECT b.* FROM bill b
WHERE NOT EXISTS (
    SELECT FROM bill n WHERE n.usage_point_id = b.usage_point_id AND n.cycle = b.cycle AND n.version > b.version
);
COMMENT ON VIEW bill_current IS 'the newest version of each usage point and cycle';
