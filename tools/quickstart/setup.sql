-- The table of the quick start. One row a section of the manual.
CREATE EXTENSION pgretrieve;

CREATE TABLE docs (
    id        text PRIMARY KEY,
    title     text NOT NULL,
    body      text NOT NULL,
    words     text NOT NULL,          -- what is searched: title and body
    embedding vector(256),            -- one vector a section
    tokens    multivector(128, f16)   -- one vector a word, for MaxSim
);
