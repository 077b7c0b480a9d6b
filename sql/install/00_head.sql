-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgretrieve" to load this file. \quit

-- COST: 1 is the planner's cost of a built-in operator. Distances have a support
-- function that knows better (src/types/distance_cost.c); input and output
-- functions keep 1, as core's do.

-- Access methods and settings have no schema, and clients look types up by bare
-- name: one of the two names, or pgvector, is all that a database can have.
DO $$
DECLARE
	other name;
BEGIN
	SELECT extname INTO other FROM pg_catalog.pg_extension
	WHERE extname IN ('pgretrieve', 'vector') ORDER BY oid LIMIT 1;
	IF (SELECT count(*) FROM pg_catalog.pg_extension WHERE extname IN ('pgretrieve', 'vector')) > 1 THEN
		RAISE EXCEPTION 'this database has extension "%"', other USING
			ERRCODE = 'duplicate_object',
			DETAIL = 'Both define the same types, operators and access methods.',
			HINT = 'Dump the database, and restore it into one that has the extension of the other name.';
	END IF;
END $$;

