-- The table of the quick start. One row a section of the manual.
CREATE EXTENSION pgretrieve;

CREATE TABLE docs (
    id        text PRIMARY KEY,
    title     text NOT NULL,
    body      text NOT NULL,
    embedding vector(256),            -- one vector a section
    tokens    multivector(128, f16),  -- one vector a word, for MaxSim
    words     text GENERATED ALWAYS AS (title || E'\n' || body) STORED
);
