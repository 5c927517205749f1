-- Registers that a person read: from the meter by eye, with a hand-held terminal, as the customer told them, or estimated
-- in the office. They stand beside captures and never change one. Rows are added: a wrong one is withdrawn by a further row.
CREATE TABLE register_read (
    id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id  integer     NOT NULL REFERENCES meter,
    quantity  smallint    NOT NULL REFERENCES quantity,
    "time"    timestamptz NOT NULL,
    value     bigint      CHECK (value >= 0), -- steps of the quantity, the meter's own; null: this row withdraws another
    kind      text        NOT NULL CHECK (kind IN ('manual', 'hand-held', 'customer', 'estimated')),
    actor     text        NOT NULL CHECK (actor <> ''),
    reason    text        NOT NULL DEFAULT '',
    withdraws bigint      UNIQUE REFERENCES register_read,
    entered   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT register_read_form CHECK ((value IS NULL) = (withdraws IS NOT NULL)),
    CONSTRAINT register_read_reason CHECK (reason <> '' OR (withdraws IS NULL AND kind <> 'estimated'))
);
CREATE INDEX register_read_meter ON register_read (meter_id, "time");

CREATE FUNCTION register_read_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was read is not changed afterwards, it is withdrawn' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER register_read_stands BEFORE UPDATE ON register_read
    FOR EACH ROW EXECUTE FUNCTION register_read_stands();

CREATE VIEW register_read_valid AS
SELECT r.id, r.meter_id, r.quantity, r."time", r.value, r.kind, r.actor, r.reason, r.entered
FROM register_read r
WHERE r.withdraws IS NULL AND NOT EXISTS (SELECT FROM register_read w WHERE w.withdraws = r.id);
COMMENT ON VIEW register_read_valid IS 'what persons read and nobody withdrew; value in steps of the quantity';
