-- What a meter gave at one moment, in one row. A value is a whole number of steps of the quantity that layout_item puts
-- at its position. quality: null when all is good, else one byte a position, the first in the lowest byte.
CREATE TABLE capture (
    meter_id integer     NOT NULL,
    layout   smallint    NOT NULL,
    source   smallint    NOT NULL,
    time     timestamptz NOT NULL,
    received timestamptz NOT NULL,
    v1 bigint, v2 bigint, v3 bigint, v4 bigint, v5 bigint, v6 bigint, v7 bigint, v8 bigint,
    quality  bigint
);
SELECT create_hypertable('capture', by_range('time', INTERVAL '1 day'), create_default_indexes => false);
-- Not (meter_id, layout, time): "latest" would read a meter's whole history.
CREATE UNIQUE INDEX capture_key ON capture (meter_id, time, layout);
