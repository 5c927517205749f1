-- A meter's events, too, are read by who works its line.
ALTER TABLE request
    DROP CONSTRAINT request_kind_check,
    ADD CONSTRAINT request_kind_check CHECK (kind IN ('read', 'ping', 'events', 'recollect'));
