-- What is measured and what stands where in a capture. Filled from the program's table of quantities; rows never change.
CREATE TABLE quantity (
    id       smallint PRIMARY KEY,
    name     text     NOT NULL UNIQUE,
    name_zh  text     NOT NULL,
    obis     text     NOT NULL UNIQUE,
    unit     text     NOT NULL,
    step     numeric  NOT NULL CHECK (step > 0),
    kind     text     NOT NULL
);
COMMENT ON COLUMN quantity.step IS 'a stored value is a whole number of steps; value * step is exact in the unit';

CREATE TABLE layout (
    id   smallint PRIMARY KEY,
    name text     NOT NULL UNIQUE
);

CREATE TABLE layout_item (
    layout   smallint NOT NULL REFERENCES layout,
    pos      smallint NOT NULL CHECK (pos BETWEEN 1 AND 8),
    quantity smallint NOT NULL UNIQUE REFERENCES quantity, -- one home: no value is stored twice under two names
    PRIMARY KEY (layout, pos)
);
