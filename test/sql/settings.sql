-- Settings given before the library is loaded, in the session, for the database, for the
-- role, are kept; names that do not exist are thrown away.
-- covers: pgretrieve simd_guc
\c -
SET pgretrieve.enable_nearest = off;
SET pgretrieve.simd = scalar;
SET hnsw.ef_search = 77;
SET hnsw.rerank = off;
SET pgretrieve.nothing = 1;
SET hnsw.nothing = 1;
SELECT '[1]'::vector;
SHOW pgretrieve.enable_nearest;
SHOW pgretrieve.simd;
SHOW hnsw.ef_search;
SHOW hnsw.rerank;
SET pgretrieve.nothing = 1;

DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET pgretrieve.enable_nearest = off', current_database()); END $$;
DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I SET hnsw.ef_search = 78', current_user, current_database()); END $$;
\c -
CREATE TEMP TABLE settings_t (v vector(2));
EXPLAIN (COSTS OFF) SELECT * FROM settings_t ORDER BY v <+> '[1,1]' LIMIT 1;
SHOW pgretrieve.enable_nearest;
SHOW hnsw.ef_search;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET pgretrieve.enable_nearest', current_database()); END $$;
DO $$ BEGIN EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET hnsw.ef_search', current_user, current_database()); END $$;
