-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION pgretrieve UPDATE TO '1.1'" to load this file. \quit

-- From the objects of 1.0 to those of sql/install: whatever is added, changed or
-- dropped there is added, changed or dropped here too. test/t/005_update.pl compares
-- the two, object by object.
