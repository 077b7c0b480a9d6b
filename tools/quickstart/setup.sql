-- The table of the quick start. One row a section of the manual. psql variable: width
-- (of a section's vector).
CREATE EXTENSION pgretrieve;

CREATE TABLE docs (
    id        text PRIMARY KEY,
    title     text NOT NULL,
    body      text NOT NULL,
    words     text NOT NULL,          -- what is searched: title and body
    embedding vector(:width),           -- one vector a section
    tokens    multivector(128, i8)    -- one vector a word (or piece of one), for MaxSim
);
