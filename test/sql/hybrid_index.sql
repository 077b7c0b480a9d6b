-- hybrid_search over bm25 and hnsw indexes: what its plain SQL gives without them, with
-- narrow filters, NULLs, duplicates, an empty leg, partitions, row-level security; index_recall.
-- covers: hybrid_sql hybrid_plans index_recall
CREATE TABLE hi_docs (id int PRIMARY KEY, body text, lang text, v vector(8), tokens multivector(4, f16));
INSERT INTO hi_docs SELECT i, CASE WHEN i % 31 > 0 THEN
    (SELECT string_agg((ARRAY['apple', 'banana', 'cherry', 'index', 'vector', 'search', 'fusion', 'zebra'])[1 + (hashint4(i * 31 + j) & 7)], ' ') FROM generate_series(1, 2 + i % 9) j) || CASE WHEN i % 50 = 3 THEN ' walrus' ELSE '' END END,
  (ARRAY['en', 'de'])[1 + i % 2], CASE WHEN i % 17 > 0 THEN (SELECT array_agg(hashint4(i / 3 * 100 + d) & 127) FROM generate_series(1, 8) d)::vector END,	-- three rows share a vector
  CASE WHEN i % 13 > 0 THEN ARRAY[ARRAY[hashint4(i) & 15, 1, 2, 3], ARRAY[4, hashint4(-i) & 15, 6, 7]]::real[]::multivector END FROM generate_series(1, 1000) i;
CREATE INDEX hi_body ON hi_docs USING bm25 (body) WITH (config = 'simple');
CREATE INDEX hi_v ON hi_docs USING hnsw (v vector_cosine_ops);
ANALYZE hi_docs;
SET hnsw.ef_search = 1000;		-- more than there are rows: exact

-- The function through indexes; its SQL without.
CREATE FUNCTION hi_same(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ran text; n bigint; plain text; m bigint;
BEGIN
  SET LOCAL enable_seqscan = off;
  EXECUTE format('SELECT string_agg(s::text, E''\n'' ORDER BY rank), count(*) FROM hybrid_search(%s) s', call) INTO ran, n;
  SET LOCAL enable_seqscan = on;
  SET LOCAL enable_indexscan = off;
  EXECUTE format('SELECT hybrid_search_sql(%s)', call) INTO plain;
  EXECUTE format('SELECT string_agg(s::text, E''\n'' ORDER BY rank), count(*) FROM (%s) s', plain) INTO plain, m;
  SET LOCAL enable_indexscan = on;
  RETURN CASE WHEN ran IS NOT DISTINCT FROM plain THEN n || ' same' ELSE format(E'differ: %s and %s rows\n%s\n---\n%s', n, m, ran, plain) END;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ': ' || SQLERRM;
END $$;
SELECT q, rest, hi_same(format('NULL::hi_docs, ARRAY[leg(''body'', ''<@>'', %L, depth => 40), leg(''v'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', depth => 40)], 12%s', q, rest)) FROM unnest(ARRAY['zebra index', 'walrus', 'nowhere', NULL]) q,
  unnest(ARRAY['', ', method => ''cc''', ', method => ''cc'', filter => ''{"lang": "en"}'', rerank => leg(''tokens'', ''@#'', ''[[1,2,3,4]]'', depth => 30)', ', where_sql => ''id % 100 = $1'', where_values => ''{3}''', ', where_sql => ''id % 100 = 3'', method => ''cc''', ', filter => ''{"id": [3, 53, 62]}''', ', filter => ''{"lang": "fr"}''']) rest;
SELECT pg_stat_force_next_flush();
SELECT indexrelname, idx_scan > 0 AS used FROM pg_stat_user_indexes WHERE indexrelname IN ('hi_body', 'hi_v') ORDER BY 1;
SELECT index_recall('hi_v', 10, 20), index_recall('hi_v', 5, ARRAY['[1,2,3,4,5,6,7,8]', '[8,7,6,5,4,3,2,1]']::vector[]);
-- rows that came after the build
INSERT INTO hi_docs VALUES (2000, 'walrus walrus', 'en', '[1,2,3,4,5,6,7,8]', '[[9,9,9,9]]');
DELETE FROM hi_docs WHERE id = 3;
SELECT (hit).id, leg_ranks FROM hybrid_search(NULL::hi_docs, ARRAY[leg('body', '<@>', 'walrus'), leg('v', '<=>', '[1,2,3,4,5,6,7,8]')], 1);
SELECT hi_same('''hi_docs'', ''id'', ARRAY[leg(''body'', ''<@>'', ''walrus''), leg(''v'', ''<=>'', ''[1,2,3,4,5,6,7,8]'')], 100');

-- in PL/pgSQL, prepared with a generic plan, as a join
CREATE FUNCTION hi_find(q text, n int) RETURNS SETOF int LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT (hit).id FROM hybrid_search(NULL::hi_docs, ARRAY[leg('body', '<@>', q), leg('v', '<=>', '[1,2,3,4,5,6,7,8]')], n) ORDER BY rank;
END $$;
SET plan_cache_mode = force_generic_plan;
PREPARE hi_p AS SELECT array_agg(hit::int ORDER BY rank) FROM hybrid_search('hi_docs', 'id', ARRAY[leg('body', '<@>', $1), leg('v', '<=>', $2)], $3);
EXECUTE hi_p ('walrus', '[1,2,3,4,5,6,7,8]', 4);
RESET plan_cache_mode;
SELECT array_agg(f) FROM hi_find('walrus', 4) f;
SELECT q, array_agg(hit::int ORDER BY rank) FROM unnest(ARRAY['walrus', 'zebra']) q, hybrid_search('hi_docs', 'id', ARRAY[leg('body', '<@>', q), leg('v', '<=>', '[1,2,3,4,5,6,7,8]')], 4) GROUP BY q ORDER BY q;

-- partitions: each has both indexes; the legs' order is that of the whole
CREATE TABLE hi_parts (id int, region int, body text, v vector(8), PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE hi_part_0 PARTITION OF hi_parts FOR VALUES IN (0);
CREATE TABLE hi_part_1 PARTITION OF hi_parts FOR VALUES IN (1);
INSERT INTO hi_parts SELECT id, id % 2, body, v FROM hi_docs;
CREATE INDEX hi_parts_body ON hi_parts USING bm25 (body) WITH (config = 'simple');
CREATE INDEX hi_parts_v ON hi_parts USING hnsw (v vector_cosine_ops);
ANALYZE hi_parts;
SELECT m, hi_same(format('NULL::hi_parts, ARRAY[leg(''body'', ''<@>'', ''walrus apple'', depth => 40), leg(''v'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', depth => 40)], 12%s', m)) FROM unnest(ARRAY['', ', method => ''cc''', ', filter => ''{"region": 1}''']) m;
SELECT count(DISTINCT (hit).region) AS both_partitions FROM hybrid_search(NULL::hi_parts, ARRAY[leg('body', '<@>', 'walrus'), leg('v', '<=>', '[1,2,3,4,5,6,7,8]')]);

-- row-level security: a role's own rows only, and as many as asked for
CREATE ROLE pgr_hi_reader;
GRANT SELECT ON hi_docs TO pgr_hi_reader;
ALTER TABLE hi_docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY german ON hi_docs TO pgr_hi_reader USING (lang = 'de' AND id % 10 = 3);
SET ROLE pgr_hi_reader;
SELECT m, hi_same(format('NULL::hi_docs, ARRAY[leg(''body'', ''<@>'', ''walrus apple''), leg(''v'', ''<=>'', ''[1,2,3,4,5,6,7,8]'')], 20, method => %L', m)) FROM unnest(ARRAY['rrf', 'cc']) m;
SELECT count(*) FILTER (WHERE (hit).lang = 'de' AND (hit).id % 10 = 3), count(*) FROM hybrid_search(NULL::hi_docs, ARRAY[leg('body', '<@>', 'walrus apple'), leg('v', '<=>', '[1,2,3,4,5,6,7,8]')], 20);
RESET ROLE;
RESET hnsw.ef_search;
DROP TABLE hi_docs, hi_parts;
DROP ROLE pgr_hi_reader;
DROP FUNCTION hi_same, hi_find;

-- a lexical leg under a filter does not walk through rows that do not match, to fill its depth
CREATE TABLE hi_walk (id int PRIMARY KEY, tenant int, body text);
INSERT INTO hi_walk SELECT i, i % 300, 'common ' || CASE WHEN i % 10 = 0 THEN 'word' ELSE 'other' END FROM generate_series(1, 3000) i;
CREATE INDEX hi_walk_body ON hi_walk USING bm25 (body) WITH (config = 'simple');
VACUUM ANALYZE hi_walk;
SET enable_seqscan = off;
SET enable_sort = off;
BEGIN;
SELECT pg_stat_get_xact_tuples_fetched('hi_walk_body'::regclass) AS before \gset
SELECT count(*), min(hit::int % 300) FROM hybrid_search('hi_walk', 'id', ARRAY[leg('body', '<@>', 'word')], 20, '{"tenant": [0, 1, 2]}');
SELECT pg_stat_get_xact_tuples_fetched('hi_walk_body'::regclass) - :before < 400 AS only_matches_read;
ROLLBACK;
-- the condition is there for an index alone, and only where something keeps rows out
SELECT f, i, conditions FROM (SELECT f, i, (length(s) - length(replace(s, '@@@', ''))) / 3 AS conditions FROM
	(VALUES (NULL, 'body'), ('{"tenant": 1}', 'body'), ('{"tenant": 1}', 'upper')) v (f, i),
	LATERAL hybrid_search_sql('hi_walk', 'id', ARRAY[CASE i WHEN 'body' THEN leg('body', '<@>', 'word') ELSE leg_expr('upper(body)', '<@>', 'word') END], filter => f::jsonb) s) x;
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE hi_walk;
