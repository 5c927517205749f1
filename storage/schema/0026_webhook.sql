-- Who is told over HTTP what happened: results of commands, events of meters. `secret` signs what is sent, so it is kept
-- as it is. What a webhook is told of is bound by the rights that its person has when it is sent.
CREATE TABLE webhook (
    id       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person   text        NOT NULL CHECK (person <> ''),
    url      text        NOT NULL CHECK (url <> ''),
    kinds    text[]      NOT NULL CHECK (cardinality(kinds) > 0 AND kinds <@ '{command,event}'),
    secret   text        NOT NULL CHECK (length(secret) >= 32),
    created  timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries    integer     NOT NULL DEFAULT 0, -- in vain, since it was reached last
    next_try timestamptz NOT NULL DEFAULT 'epoch',
    busy     timestamptz NOT NULL DEFAULT 'epoch', -- until then a daemon is at it
    reached  timestamptz,
    failure  text -- of the last try
);

-- What is still to be told, oldest first. `area` is where the meter stood.
CREATE TABLE webhook_delivery (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id bigint      NOT NULL REFERENCES webhook ON DELETE CASCADE,
    kind       text        NOT NULL,
    area       text,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    body       jsonb       NOT NULL
);
CREATE INDEX webhook_delivery_next ON webhook_delivery (webhook_id, id);

-- In the transaction of what happened: told if and only if it is committed.
CREATE FUNCTION webhook_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM webhook WHERE 'event' = ANY (kinds)) THEN
        INSERT INTO webhook_delivery (webhook_id, kind, area, body)
        SELECT w.id, 'event', a.name, jsonb_build_object(
            'id', e.id, 'meter', m.name, 'kind', e.kind, 'severity', e.severity, 'start', e.start, 'end', e."end",
            'open', e.is_open, 'received', e.received
        )
        FROM added e
        JOIN meter m ON m.id = e.meter_id
        LEFT JOIN meter_installation i ON i.meter_id = m.id AND tstzrange(i."from", i."to") @> now()
        LEFT JOIN area_point p ON p.usage_point_id = i.usage_point_id AND tstzrange(p."from", p."to") @> now()
        LEFT JOIN area a ON a.id = p.area_id
        CROSS JOIN webhook w
        WHERE 'event' = ANY (w.kinds)
        ORDER BY e.id;
        NOTIFY webhook;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_event AFTER INSERT ON meter_event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION webhook_event();

CREATE FUNCTION webhook_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM webhook WHERE 'command' = ANY (kinds)) THEN
        INSERT INTO webhook_delivery (webhook_id, kind, area, body)
        SELECT w.id, 'command', g.area, jsonb_build_object(
            'order', t.key, 'meter', t.meter, 'number', t.number, 'before', t.before, 'state', t.after, 'why', t.why,
            'at', t.at
        )
        FROM added t
        JOIN command_target g ON g.key = t.key AND g.version = t.version AND g.meter = t.meter
        CROSS JOIN webhook w
        WHERE 'command' = ANY (w.kinds)
        ORDER BY t.at, t.key, t.meter, t.number;
        NOTIFY webhook;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_command AFTER INSERT ON command_transition REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION webhook_command();
