-- hybrid_search: against its plain SQL, against SQL written by hand; filters, ties, keys,
-- partitions, privileges, injection, profiles.
-- covers: hybrid_sql hybrid_resolve hybrid_filter hybrid_leg hybrid_search

-- The lexical leg of this test: words in common, a negative number, as <@> has it.
CREATE SCHEMA hs;
CREATE FUNCTION hs.negative_rank(tsvector, tsquery) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT -ts_rank($1, $2)::float8 $$;
CREATE OPERATOR hs.<@> (LEFTARG = tsvector, RIGHTARG = tsquery, PROCEDURE = hs.negative_rank);

CREATE TABLE hs_docs (id bigint PRIMARY KEY, title text, words tsvector, lang text, year int, tags text[], meta jsonb, published date,
  embedding vector(8), half halfvec(8), sparse sparsevec(50), tokens multivector(4, f16), place point);
INSERT INTO hs_docs SELECT i, 'Title ' || i,
  to_tsvector('simple', (SELECT string_agg((ARRAY['apple', 'banana', 'cherry', 'index', 'vector', 'search', 'fusion', 'zebra'])[1 + (hashint4(i * 31 + j) & 7)], ' ') FROM generate_series(1, 4) j)),
  (ARRAY['en', 'de', NULL])[1 + i % 3], 2000 + i % 25, ARRAY['t' || i % 5, 'u' || i % 7], jsonb_build_object('a', i % 4), date '2020-01-01' + i,
  CASE WHEN i % 11 > 0 THEN (SELECT array_agg(hashint4(i / 3 * 100 + d) & 127) FROM generate_series(1, 8) d)::vector END,	-- three rows share a vector
  (SELECT array_agg(hashint4(i * 100 + d) & 127) FROM generate_series(1, 8) d)::vector,
  ('{' || 1 + i % 40 || ':1,50:' || i % 3 || '}/50')::sparsevec,
  CASE WHEN i % 13 > 0 THEN ARRAY[ARRAY[hashint4(i) & 15, 1, 2, 3], ARRAY[4, hashint4(-i) & 15, 6, 7]]::real[]::multivector END,
  point(hashint4(i) & 7, hashint4(i * 5) & 7)
FROM generate_series(1, 600) i;
UPDATE hs_docs SET embedding = '[0,0,0,0,0,0,0,0]' WHERE id = 5;		-- no cosine
UPDATE hs_docs SET words = NULL WHERE id % 29 = 0;
ANALYZE hs_docs;

-- The same rows, ranks and scores from the function and from its SQL; how many.
CREATE FUNCTION hs_same(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ran text; n bigint; plain text; m bigint;
BEGIN
  EXECUTE format('SELECT string_agg(s::text, E''\n'' ORDER BY rank), count(*) FROM hybrid_search(%s) s', call) INTO ran, n;
  EXECUTE format('SELECT hybrid_search_sql(%s)', call) INTO plain;
  EXECUTE format('SELECT string_agg(s::text, E''\n'' ORDER BY rank), count(*) FROM (%s) s', plain) INTO plain, m;
  RETURN CASE WHEN ran IS NOT DISTINCT FROM plain THEN n || ' same' ELSE format(E'differ: %s and %s rows\n%s\n---\n%s', n, m, ran, plain) END;
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- one call
SELECT (hit).id, (hit).title, rank, round(score::numeric, 6) AS score, leg_ranks, (leg_scores[1])::numeric(6, 5) AS lexical, leg_scores[2]::numeric(6, 5) AS dense
FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'apple | zebra'), leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]')], 5);
-- a typed value, and one typed by its text; the key's form
SELECT hit, rank FROM hybrid_search('hs_docs', 'id', ARRAY[leg('words', 'hs.<@>', 'apple | zebra'::tsquery), leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]'::vector)], 5);

-- RRF by hand: two lists, a FULL JOIN
WITH l AS (SELECT id, row_number() OVER (ORDER BY d, id) AS r FROM (SELECT id, -ts_rank(words, 'apple | zebra')::float8 AS d FROM hs_docs) x WHERE d < 0 ORDER BY d, id LIMIT 50),
  v AS (SELECT id, row_number() OVER (ORDER BY d, id) AS r FROM (SELECT id, embedding <=> '[1,2,3,4,5,6,7,8]' AS d FROM hs_docs) x WHERE d <= 2 ORDER BY d, id LIMIT 70),
  f AS (SELECT id, l.r AS lr, v.r AS vr, coalesce(0.3 / (10 + l.r), 0) + coalesce(0.7 / (10 + v.r), 0) AS s FROM l FULL JOIN v USING (id) ORDER BY s DESC, id LIMIT 20)
SELECT count(*), bool_and((h.hit).id = f.id AND abs(f.s - h.score) < 1e-12 AND h.leg_ranks IS NOT DISTINCT FROM ARRAY[lr, vr]::int[]) AS by_hand
FROM (SELECT *, row_number() OVER (ORDER BY s DESC, id) AS rank FROM f) f
  FULL JOIN hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'apple | zebra', 0.3, 50), leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]', 0.7, 70)], 20, rrf_k => 10) h USING (rank);
-- convex combination by hand: every score of the union in both legs
WITH s AS (SELECT id, coalesce(ts_rank(words, 'apple | zebra')::float8, 0) AS l, nullif(-(embedding <=> '[1,2,3,4,5,6,7,8]'), 'NaN') AS v FROM hs_docs),
  u AS ((SELECT id FROM s WHERE l > 0 ORDER BY l DESC, id LIMIT 30) UNION (SELECT id FROM s WHERE v IS NOT NULL ORDER BY v DESC, id LIMIT 30)),
  n AS (SELECT id, l, v, 0.4 * l / max(l) OVER () + 0.6 * coalesce((v + 2) / (max(v) OVER () + 2), 0) AS s FROM s JOIN u USING (id) ORDER BY s DESC, id LIMIT 20)
SELECT count(*), bool_and((h.hit).id = n.id AND abs(n.s - h.score) < 1e-12 AND leg_scores IS NOT DISTINCT FROM ARRAY[l, v]) AS by_hand, count(*) FILTER (WHERE leg_ranks[1] IS NULL OR leg_ranks[2] IS NULL) > 0 AS filled
FROM (SELECT *, row_number() OVER (ORDER BY s DESC, id) AS rank FROM n) n
  FULL JOIN hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'apple | zebra', 0.4, 30), leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]', 0.6, 30)], 20, method => 'cc') h USING (rank);
-- rerank by hand: the first 25 fused, by fused score and MaxSim, each scaled to 0..1 within them; those without tokens have 0 of it
CREATE FUNCTION hs_scaled(x float8, low float8, high float8) RETURNS float8 LANGUAGE sql AS $$ SELECT CASE WHEN high > low THEN (x - low) / (high - low) ELSE 1 END $$;
SELECT method, w, count(*), bool_and((h.hit).id = r.id AND h.score = r.score AND h.rerank_score IS NOT DISTINCT FROM r.m AND abs(h.mixed_score - r.mixed) < 1e-12) AS by_hand, count(*) FILTER (WHERE rerank_score IS NULL) > 0 AS without
FROM unnest(ARRAY['rrf', 'cc']) method, unnest(ARRAY[0, 0.25, NULL, 0.7, 1]::float8[]) w, LATERAL
  (SELECT id, score, m, mixed, row_number() OVER (ORDER BY mixed DESC, m DESC NULLS LAST, score DESC, id) AS rank FROM
    (SELECT *, (1 - coalesce(w, 0.4)) * hs_scaled(score, min(score) OVER (), max(score) OVER ()) + coalesce(w, 0.4) * coalesce(hs_scaled(m, min(m) OVER (), max(m) OVER ()), 0) AS mixed FROM
      (SELECT (hit).id, score, -((hit).tokens @# '[[1,2,3,4],[0,1,0,1]]') AS m FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'index'), leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')], 25, method => method)) x) y) r
  JOIN LATERAL hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'index'), leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')], 25, method => method, rerank => leg('tokens', '@#', '[[1,2,3,4],[0,1,0,1]]', depth => 25), rerank_weight => w) h USING (rank) GROUP BY method, w ORDER BY method, w;
DROP FUNCTION hs_scaled;
-- nothing to rerank by, no row but one, all alike, a weight without a query, more rows than are to be reranked; without a rerank nothing is mixed
SELECT array_agg(rank), array_agg(mixed_score) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')], 3, '{"id": [13, 26, 39]}', rerank => leg('tokens', '@#', '[[1,2,3,4],[0,1,0,1]]', depth => 25));
SELECT (hit).id, score > 0 AS fused, rerank_score IS NULL AS none, mixed_score FROM unnest(ARRAY[12, 13]) i, hybrid_search(NULL::hs_docs, ARRAY[leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')], 3, jsonb_build_object('id', i), rerank => leg('tokens', '@#', '[[1,2,3,4],[0,1,0,1]]', depth => 25));
SELECT array_agg((hit).id ORDER BY rank) = array_agg((hit).id ORDER BY score DESC, (hit).id) AS as_fused, min(rerank_score) = max(rerank_score) AS alike, max(mixed_score) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'index'), leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')], 9, '{"tokens": {"<>": null}}', rerank => leg('tokens', '@#', '[[0,0,0,0]]'));
SELECT count(mixed_score), count(rerank_score) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'index'), leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')], rerank => leg('tokens', '@#', NULL), rerank_weight => 0.5);
SELECT count(mixed_score), count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'index'), leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')], 40, rerank => leg('tokens', '@#', '[[1,2,3,4],[0,1,0,1]]', depth => 25));
SELECT count(mixed_score), count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'index'), leg('embedding', '<->', '[1,2,3,4,5,6,7,8]')]);
SELECT w, try(format('SELECT count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], rerank => leg(''tokens'', ''@#'', ''[[1,2,3,4]]''), rerank_weight => %L)', w)),
  left(try(format('SELECT hybrid_search_sql(''hs_docs'', ''id'', ARRAY[leg(''place'', ''<->'', ''(0,0)'')], rerank => leg(''tokens'', ''@#'', ''[[1,2,3,4]]''), rerank_weight => %L)', w)), 100) FROM unnest(ARRAY[-0.001, 1.001, 'NaN', 'Infinity', '-Infinity', 0, 1, NULL]::float8[]) w;
SELECT f, try(f || '(NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], rerank_weight => 0.4)') FROM unnest(ARRAY['SELECT count(*) FROM hybrid_search', 'SELECT hybrid_search_sql']) f;

-- the function and its SQL: every kind of leg, method, filter
SELECT legs, hs_same(format('NULL::hs_docs, ARRAY[%s], 15%s', legs, rest)), rest FROM unnest(ARRAY[
  'leg(''words'', ''hs.<@>'', ''apple'')', 'leg(''sparse'', ''<#>'', ''{3:1,50:1}/50'')', 'leg(''half'', ''<#>'', ''[1,2,3,4,5,6,7,8]'')', 'leg(''embedding'', ''<+>'', ''[1,2,3,4,5,6,7,8]'', depth => 3)',
  'leg(''tokens'', ''@#'', ''[[1,2,3,4]]'')', 'leg(''place'', ''<->'', ''(3,3)'', depth => 20)', 'leg_expr(''subvector(embedding, 1, 4)'', ''<=>'', ''[1,2,3,4]'')',
  'leg(''words'', ''hs.<@>'', ''apple''), leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', 0.5), leg(''sparse'', ''<#>'', ''{3:1}/50'', 2), leg(''place'', ''<->'', ''(3,3)'', 0)']) legs,
  unnest(ARRAY['', ', ''{"lang": "en", "year": {">=": 2010}}''', ', method => ''cc''', ', method => ''cc'', norm => ''minmax'', rerank => leg(''tokens'', ''@#'', ''[[1,2,3,4]]'', depth => 20)', ', rerank => leg(''tokens'', ''@#'', ''[[1,2,3,4]]''), rerank_weight => 1', ', method => ''cc'', norm => ''dbsf'', where_sql => ''id % 100 = $1'', where_values => ''{3}''']) rest;
-- legs without a match, without a query; nothing at all
SELECT hs_same('NULL::hs_docs, ARRAY[leg(''words'', ''hs.<@>'', ''nowhere''), leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'')]'), hs_same('NULL::hs_docs, ARRAY[leg(''words'', ''hs.<@>'', ''nowhere''), leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'')], method => ''cc'''),
  hs_same('NULL::hs_docs, ARRAY[leg(''words'', ''hs.<@>'', NULL), leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'')]'), hs_same('NULL::hs_docs, ARRAY[leg(''words'', ''hs.<@>'', ''nowhere'')]'), hs_same('NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[0,0,0,0,0,0,0,0]'')]');
SELECT leg_ranks, leg_scores[1] IS NULL AS no_query FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', NULL), leg('place', '<->', '(3,3)')], 2);
SELECT count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', NULL)]);
SELECT try('SELECT hybrid_search_sql(NULL::hs_docs, ARRAY[leg(''words'', ''hs.<@>'', NULL)])');
-- only what matches is in a lexical or sparse leg; a vector leg has all rows with a distance
SELECT count(*) FILTER (WHERE (hit).words @@ 'apple') = count(*) AS all_match, count(*) = (SELECT count(*) FROM hs_docs WHERE words @@ 'apple') AS all_there FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'apple')], 1000);
SELECT count(*) = (SELECT count(*) FROM hs_docs WHERE sparse <#> '{50:1}/50' < 0) AS sparse FROM hybrid_search(NULL::hs_docs, ARRAY[leg('sparse', '<#>', '{50:1}/50')], 1000);
SELECT count(*) = (SELECT count(*) FROM hs_docs WHERE embedding <=> '[1,0,0,0,0,0,0,0]' <= 2) AS dense FROM hybrid_search(NULL::hs_docs, ARRAY[leg('embedding', '<=>', '[1,0,0,0,0,0,0,0]')], 1000);
-- k is filled however small a depth
SELECT count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]', depth => 1)], 40);

-- ties at the depth, by scan and by an index that does not know the key: 600 rows on 64 places
SET client_min_messages = warning;
SELECT array_agg(hit ORDER BY rank) = (SELECT array_agg(id::text ORDER BY place <-> '(3,3)', id) FROM (SELECT id, place FROM hs_docs ORDER BY place <-> '(3,3)', id LIMIT 13) x) AS scanned FROM hybrid_search('hs_docs', 'id', ARRAY[leg('place', '<->', '(3,3)', depth => 13)], 13);
CREATE INDEX hs_place ON hs_docs USING gist (place);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT n, array_agg(hit::bigint ORDER BY rank) = (SELECT array_agg(id ORDER BY d, id) FROM (SELECT id, (place <-> '(3,3)') AS d FROM hs_docs ORDER BY 2, 1 LIMIT n) x) AS by_index FROM (VALUES (1), (2), (13), (20), (100), (599), (600), (601)) v (n),
  LATERAL hybrid_search('hs_docs', 'id', ARRAY[leg('place', '<->', '(3,3)', depth => 1)], n) GROUP BY n ORDER BY n;
SELECT hs_same('''hs_docs'', ''id'', ARRAY[leg(''place'', ''<->'', ''(3,3)'', depth => 7), leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', depth => 7)], 5, ''{"lang": "en"}''');
RESET enable_seqscan;
RESET enable_sort;
SELECT pg_stat_force_next_flush();
SELECT pg_stat_get_numscans('hs_place'::regclass) > 0 AS index_was_used;
UPDATE hs_docs SET place = '(1,1)';
SELECT array_agg(hit::bigint) = (SELECT array_agg(i::bigint) FROM generate_series(1, 12) i) AS all_equal FROM hybrid_search('hs_docs', 'id', ARRAY[leg('place', '<->', '(3,3)', depth => 2)], 12);
RESET client_min_messages;

-- conditions
SELECT f, (SELECT count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], 1000, f::jsonb)) = n AS ok, n FROM (VALUES
  ('{}', (SELECT count(*) FROM hs_docs)), ('{"lang": "en"}', (SELECT count(*) FROM hs_docs WHERE lang = 'en')), ('{"lang": null}', (SELECT count(*) FROM hs_docs WHERE lang IS NULL)), ('{"lang": ["en", null]}', (SELECT count(*) FROM hs_docs WHERE lang = 'en' OR lang IS NULL)),
  ('{"lang": []}', 0), ('{"year": {">=": 2003, "<": 2006}}', (SELECT count(*) FROM hs_docs WHERE year BETWEEN 2003 AND 2005)), ('{"year": {"in": [2001, 2002]}, "lang": "en"}', (SELECT count(*) FROM hs_docs WHERE year IN (2001, 2002) AND lang = 'en')),
  ('{"lang": {"<>": "en"}}', (SELECT count(*) FROM hs_docs WHERE lang IS DISTINCT FROM 'en')), ('{"lang": {"<>": null}}', (SELECT count(*) FROM hs_docs WHERE lang IS NOT NULL)), ('{"$not": {"lang": "en", "year": 2001}}', (SELECT count(*) FROM hs_docs WHERE (lang = 'en' AND year = 2001) IS NOT TRUE)),
  ('{"$or": [{"lang": "en"}, {"year": {"<=": 2001}}]}', (SELECT count(*) FROM hs_docs WHERE lang = 'en' OR year <= 2001)), ('{"$and": [{"lang": "en"}, {"$or": [{"year": 2001}, {"year": 2003}]}]}', (SELECT count(*) FROM hs_docs WHERE lang = 'en' AND year IN (2001, 2003))),
  ('{"title": {"like": "Title 1_"}}', 10), ('{"title": {"ilike": "title 1%"}}', (SELECT count(*) FROM hs_docs WHERE title ILIKE 'title 1%')), ('{"tags": {"contains": ["t1", "u1"]}}', (SELECT count(*) FROM hs_docs WHERE tags @> '{t1,u1}')), ('{"tags": {"contains": []}}', 600),
  ('{"meta": {"contains": {"a": 1}}}', (SELECT count(*) FROM hs_docs WHERE meta @> '{"a": 1}')), ('{"meta": {"contains": "a"}}', 0), ('{"meta": {"contains": 1}}', 0), ('{"published": {">": "2021-01-01"}}', (SELECT count(*) FROM hs_docs WHERE published > '2021-01-01')), ('{"id": {"=": 7}}', 1), ('{"id": "7"}', 1)) v (f, n);
SELECT f, try(format('SELECT count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], 10, %L)', f)) FROM unnest(ARRAY['[]', '1', '"lang"', '{"nope": 1}', '{"ctid": "(0,1)"}', '{"year": "x"}', '{"year": true}', '{"year": {"~": 1}}', '{"year": {}}', '{"year": {">": null}}', '{"year": {"in": 1}}',
  '{"year": {"like": "2"}}', '{"title": {"like": 2}}', '{"place": "(1,1)"}', '{"place": {"<": "(1,1)"}}', '{"tags": {"contains": "t1"}}', '{"tags": {"contains": [null]}}', '{"year": {"contains": [1]}}', '{"$or": []}', '{"$or": {"lang": "en"}}', '{"$and": [1]}', '{"$not": [1]}', '{"$nor": []}']) f;

-- SQL conditions with values apart
SELECT w, try(format('SELECT count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], 1000, where_sql => %L, where_values => %L)', w, v)) FROM (VALUES
  ('lang = $1', '{en}'), ('lang = $1 AND year > $2', '{en,2010}'), ('lang = $2 OR year = $1 OR lang = $2', '{2001,en}'), ('title = $1', '{"it''s $2 \\ E"}'), ('lang IS NOT DISTINCT FROM $1', '{NULL}'), ('hs_docs.id = ANY ($1)', '{"{1,2,3}"}'),
  ('true -- $9', NULL), ('/* $1 */ id < 10', NULL), ('title = ''$1'' OR lang = $1', '{en}'), ('EXISTS (SELECT FROM hs_docs o WHERE o.id = hs_docs.id AND o.year = $1)', '{2001}'), ('id < 5 OR id = ' || '$1', '{7}'),
  ('id = $2', '{1}'), ('id = $0', '{1}'), ('id = $1', '{x}'), ('nope = 1', NULL), ('id', NULL), ('', NULL), ('true; DROP TABLE hs_docs', NULL), ('true) OR (true', NULL), ('true FROM hs_docs', NULL), ('true, true', NULL), ('true LIMIT 1', NULL), ('true AS x', NULL), ('true UNION SELECT true', NULL), ('/* open', NULL), ('''open', NULL), ('count(*) > 0', NULL)) x (w, v);

-- bad input
SELECT c, try(format('SELECT count(*) FROM hybrid_search(%s)', c)) FROM unnest(ARRAY[
  'NULL::hs_docs, NULL', 'NULL::hs_docs, ''{}''', 'NULL::hs_docs, ARRAY[NULL]::hybrid_leg[]', 'NULL::hs_docs, ARRAY[leg(''nope'', ''<=>'', ''[1]'')]', 'NULL::hs_docs, ARRAY[leg(''ctid'', ''<=>'', ''[1]'')]',
  'NULL::hs_docs, ARRAY[leg(NULL, ''<=>'', ''[1]'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', NULL, ''[1]'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2]'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2]''::halfvec)]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''x'')]',
  'NULL::hs_docs, ARRAY[leg(''embedding'', ''<==>'', ''[1]'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', '''', ''[1]'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''='', ''[1,2,3,4,5,6,7,8]'')]', 'NULL::hs_docs, ARRAY[leg(''title'', ''<=>'', ''[1]'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', 7)]',
  'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', weight => -1)]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', weight => ''NaN'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', weight => ''inf'')]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', weight => NULL)]',
  'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', depth => 0)]', 'NULL::hs_docs, ARRAY[leg(''embedding'', ''<=>'', ''[1,2,3,4,5,6,7,8]'', floor => ''NaN'')]', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], 0', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], -1',
  'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], method => ''borda''', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], norm => ''l2''', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], rrf_k => -1', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], rrf_k => ''NaN''', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], method => NULL',
  'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], rerank => leg(''tokens'', ''@#'', ''[[1,2]]'')', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], rerank => leg(''nope'', ''@#'', ''[[1,2]]'')', 'NULL::hs_docs, ARRAY[leg_expr(''nope + 1'', ''<->'', ''(0,0)'')]', 'NULL::hs_docs, ARRAY[leg_expr(''place, 1'', ''<->'', ''(0,0)'')]',
  '1, ARRAY[leg(''place'', ''<->'', ''(0,0)'')]', 'NULL::hybrid_leg, ARRAY[leg(''place'', ''<->'', ''(0,0)'')]', '''hs_nope'', ''id'', ARRAY[leg(''place'', ''<->'', ''(0,0)'')]', 'NULL::regclass, ''id'', ARRAY[leg(''place'', ''<->'', ''(0,0)'')]', '0::regclass, ''id'', ARRAY[leg(''place'', ''<->'', ''(0,0)'')]',
  '''hs_docs'', NULL, ARRAY[leg(''place'', ''<->'', ''(0,0)'')]', '''hs_docs'', ''nope'', ARRAY[leg(''place'', ''<->'', ''(0,0)'')]', '''hs_docs'', ''place'', ARRAY[leg(''place'', ''<->'', ''(0,0)'')]', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], key => ''{lang}''', 'NULL::hs_docs, ARRAY[leg(''place'', ''<->'', ''(0,0)'')], key => ''{NULL}''']) c;

-- injection: every text argument with SQL in it is an unknown name, a bad value, or data
CREATE FUNCTION hs_harm() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'harm done'; END $$;
SELECT c, try(format('SELECT count(*) FROM hybrid_search(%s)', c)) FROM unnest(ARRAY[
  $$NULL::hs_docs, ARRAY[leg('place <-> point(0,0) OR hs_harm() --', '<->', '(0,0)')]$$, $$NULL::hs_docs, ARRAY[leg('"place"', '<->', '(0,0)')]$$, $$NULL::hs_docs, ARRAY[leg('place', '<-> (SELECT hs_harm())::text::point --', '(0,0)')]$$, $$NULL::hs_docs, ARRAY[leg('place', 'OPERATOR(public.<->)', '(0,0)')]$$,
  $$NULL::hs_docs, ARRAY[leg('place', 'pg_catalog.<->', '(0,0)')]$$, $$NULL::hs_docs, ARRAY[leg('place', '"x".y.<->', '(0,0)')]$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)'' || hs_harm() || ''')]$$, $$NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', 'apple'') OR hs_harm() --')]$$,
  $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], method => 'rrf); SELECT hs_harm()'$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], norm => 'tmm(hs_harm())'$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], key => ARRAY['id, hs_harm()']$$, $$'hs_docs; SELECT hs_harm()', 'id', ARRAY[leg('place', '<->', '(0,0)')]$$, $$'hs_docs', 'id::text || hs_harm()::text', ARRAY[leg('place', '<->', '(0,0)')]$$,
  $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], filter => '{"lang = ''en'' OR hs_harm() --": 1}'$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], filter => '{"lang": "x'' OR hs_harm() OR ''"}'$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], filter => '{"title": {"like": "%'' OR hs_harm() --"}}'$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], filter => '{"lang": {"= 1 OR hs_harm() --": "x"}}'$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], filter => '{"tags": {"contains": ["x''] OR hs_harm() --"]}}'$$,
  $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], where_sql => 'lang = $1', where_values => ARRAY['x'' OR hs_harm() --']$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], where_sql => 'lang = E$1', where_values => ARRAY['\'' OR hs_harm() --']$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], where_sql => 'lang = U&$1', where_values => ARRAY['\'' OR hs_harm() --']$$, $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], where_sql => 'lang = $1 OR title = ''\$1''', where_values => ARRAY['\'' OR hs_harm() OR $q$, hs_harm() --']$$,
  $$NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], rerank => leg('tokens', '@#', '[[1,2,3,4]]''::multivector OR hs_harm() --')$$]) c;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT count(*) FROM hybrid_search(NULL::hs_docs, ARRAY[leg('place', '<->', '(0,0)')], filter => jsonb_build_object('lang', E'x\\'' OR hs_harm() --'), where_sql => 'lang = $1', where_values => ARRAY[E'\\'' OR hs_harm() --']);
RESET standard_conforming_strings;
RESET escape_string_warning;
-- what the SQL shown holds is quoted alike
SELECT hybrid_search_sql('hs_docs', 'id', ARRAY[leg('words', 'hs.<@>', 'a''b')], 3, jsonb_build_object('title', E'x\\''y'), 'lang = $1', ARRAY[E'\\'' OR true']);

-- names that must be quoted, and names that the statement uses itself
CREATE TABLE "pool" (key_1 int PRIMARY KEY, rank int, score int, leg int, distance float8, hit text, pool vector(1), fused text);
INSERT INTO "pool" SELECT i, i, i, i, i, i, ARRAY[i]::vector, i FROM generate_series(1, 30) i;
CREATE TABLE "fused" AS TABLE "pool";
ALTER TABLE "fused" ADD PRIMARY KEY (key_1);
CREATE TABLE "hit" AS TABLE "pool";
ALTER TABLE "hit" ADD PRIMARY KEY (key_1);
CREATE TABLE "Odd ""name" ("the Key" text PRIMARY KEY, "Vec tor" vector(1), "Odd ""name" int);
INSERT INTO "Odd ""name" SELECT 'k' || i, ARRAY[i]::vector, i % 3 FROM generate_series(1, 30) i;
SELECT t, hs_same(format('NULL::%I, ARRAY[leg(''pool'', ''<->'', ''[10]'', 0.5, 10), leg(''pool'', ''<#>'', ''[1]'', 0.5, 10)], 8, ''{"score": {"<": 25}}'', method => %L, rerank => leg(''pool'', ''<->'', ''[12]'')', t, m)) FROM unnest(ARRAY['pool', 'fused', 'hit']) t, unnest(ARRAY['rrf', 'cc']) m;
SELECT hs_same('NULL::"Odd ""name", ARRAY[leg(''Vec tor'', ''<->'', ''[10]''), leg_expr(''"Vec tor" + ''''[1]'''''', ''<->'', ''[3]'')], 8, ''{"Odd \"name": 1}'', ''"Odd ""name"."Odd ""name" = $1'', ''{1}'', ''cc''');
SELECT array_agg(hit ORDER BY rank) FROM hybrid_search('"Odd ""name"', 'the Key', ARRAY[leg('Vec tor', '<->', '[10]')], 4, '{"Odd \"name": 1}');
DROP TABLE "pool", "fused", "hit", "Odd ""name";

-- keys: of several columns, unique but no primary key, none, shared by rows
CREATE TABLE hs_chunks (doc int, part int, v vector(2), w tsvector, u int UNIQUE, lang text, PRIMARY KEY (doc, part));
INSERT INTO hs_chunks SELECT i % 40, i / 40, ARRAY[hashint4(i) & 255, hashint4(-i) & 255]::vector, to_tsvector('simple', (ARRAY['apple', 'zebra', 'index'])[1 + (hashint4(i * 3) & 3)]), nullif(i, 77), (ARRAY['en', 'de'])[1 + i % 2] FROM generate_series(1, 400) i;
SELECT hs_same('NULL::hs_chunks, ARRAY[leg(''v'', ''<->'', ''[100,100]''), leg(''w'', ''hs.<@>'', ''apple'')], 9, method => ''cc'''), hs_same('NULL::hs_chunks, ARRAY[leg(''v'', ''<->'', ''[100,100]'')], 500, key => ''{u}'''), hs_same('NULL::hs_chunks, ARRAY[leg(''v'', ''<->'', ''[100,100]'')], 9, key => ''{part,u}''');
-- the best chunk of each document, within its leg's depth
SELECT m, hs_same(format('''hs_chunks'', ''doc'', ARRAY[leg(''v'', ''<->'', ''[100,100]'', 1, 60), leg(''w'', ''hs.<@>'', ''apple'', 1, 60)], 12, ''{"lang": "en"}'', method => %L, rerank => leg(''v'', ''<+>'', ''[1,2]'')', m)) FROM unnest(ARRAY['rrf', 'cc']) m;
SELECT array_agg(hit::int ORDER BY rank) = (SELECT array_agg(doc ORDER BY d, doc) FROM (SELECT doc, min(v <-> '[100,100]') AS d FROM hs_chunks GROUP BY doc ORDER BY d, doc LIMIT 7) x) AS best_chunk FROM hybrid_search('hs_chunks', 'doc', ARRAY[leg('v', '<->', '[100,100]', depth => 1000)], 7);
-- conditions hold for the rows that a score is filled in from, and for the rerank's
SELECT m, count(*), bool_and(rerank_score = (SELECT -min(v <+> '[1,2]') FROM hs_chunks c WHERE doc = hit::int AND part < 4)) AS reranked, bool_and(m = 'rrf' OR leg_scores[1] = (SELECT -min(v <-> '[100,100]') FROM hs_chunks c WHERE doc = hit::int AND part < 4)) AS filled, count(*) FILTER (WHERE leg_ranks[1] IS NULL) > 0 AS some_filled
FROM unnest(ARRAY['rrf', 'cc']) m, hybrid_search('hs_chunks', 'doc', ARRAY[leg('v', '<->', '[100,100]', 1, 25), leg('v', '<->', '[200,30]', 1, 25)], 25, '{"part": {"<": 4}}', method => m, rerank => leg('v', '<+>', '[1,2]')) GROUP BY m ORDER BY m;
CREATE TABLE hs_keyless AS TABLE hs_chunks;
SELECT try('SELECT count(*) FROM hybrid_search(NULL::hs_keyless, ARRAY[leg(''v'', ''<->'', ''[1,1]'')])'), try('SELECT count(*) FROM hybrid_search(NULL::hs_keyless, ARRAY[leg(''v'', ''<->'', ''[1,1]'')], key => ''{doc,part}'')'), try('SELECT count(*) FROM hybrid_search(''hs_keyless'', ''u'', ARRAY[leg(''v'', ''<->'', ''[1,1]'')])');

-- views, partitions (columns in another order), inheritance
CREATE VIEW hs_view AS SELECT doc * 1000 + part AS id, v, w, lang FROM hs_chunks WHERE doc > 5;
SELECT hs_same('NULL::hs_view, ARRAY[leg(''v'', ''<->'', ''[100,100]''), leg(''w'', ''hs.<@>'', ''apple'')], 9, ''{"lang": "de"}'', method => ''cc'', key => ''{id}''');
CREATE TABLE hs_parts (id int, region text, v vector(2), gone int, w tsvector, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
ALTER TABLE hs_parts DROP gone;
CREATE TABLE hs_part_a (w tsvector, v vector(2), region text NOT NULL, id int NOT NULL);
ALTER TABLE hs_parts ATTACH PARTITION hs_part_a FOR VALUES IN ('a');
CREATE TABLE hs_part_b PARTITION OF hs_parts FOR VALUES IN ('b');
INSERT INTO hs_parts SELECT i % 200, CASE WHEN i < 200 THEN 'a' ELSE 'b' END, ARRAY[hashint4(i) & 63, hashint4(-i) & 63]::vector, to_tsvector('simple', (ARRAY['apple', 'zebra', 'index'])[1 + (hashint4(i * 3) & 3)]) FROM generate_series(0, 399) i;
SELECT m, hs_same(format('NULL::hs_parts, ARRAY[leg(''v'', ''<->'', ''[10,10]''), leg(''w'', ''hs.<@>'', ''apple'')], 9, method => %L, rerank => leg(''v'', ''<#>'', ''[1,0]'')', m)) FROM unnest(ARRAY['rrf', 'cc']) m;
SELECT count(DISTINCT (hit).region) AS both_partitions, count(*) FROM hybrid_search(NULL::hs_parts, ARRAY[leg('v', '<->', '[10,10]')], 30);
SELECT array_agg(((hit).id, (hit).region)::text ORDER BY rank) = (SELECT array_agg((id, region)::text ORDER BY d, id, region) FROM (SELECT id, region, v <-> '[10,10]' AS d FROM hs_parts ORDER BY d, id, region LIMIT 30) x) AS exact FROM hybrid_search(NULL::hs_parts, ARRAY[leg('v', '<->', '[10,10]')], 30);

-- BM25 as a leg: column of text, query as typed by a user, through its index
CREATE TABLE hs_text (id int PRIMARY KEY, body text, lang text, v vector(2));
INSERT INTO hs_text SELECT i, (SELECT string_agg((ARRAY['apple', 'banana', 'index', 'vector', 'search', 'zebra'])[1 + (hashint4(i * 31 + j) & 1023) % 6], ' ') FROM generate_series(1, 1 + i % 7) j) || CASE WHEN i % 100 = 0 THEN ' walrus' ELSE '' END, (ARRAY['en', 'de'])[1 + i % 2], ARRAY[hashint4(i) & 63, hashint4(-i) & 63]::vector FROM generate_series(1, 2000) i;
INSERT INTO hs_text VALUES (3000, NULL, 'en', '[1,1]'), (3001, '', 'en', '[1,1]');
CREATE INDEX hs_text_body ON hs_text USING bm25 (body) WITH (config = 'simple');
ANALYZE hs_text;
SELECT q, m, hs_same(format('NULL::hs_text, ARRAY[leg(''body'', ''<@>'', %L), leg(''v'', ''<->'', ''[10,10]'')], 12%s', q, m)) FROM unnest(ARRAY['walrus', 'zebra index', 'nowhere', '']) q,
  unnest(ARRAY['', ', method => ''cc''', ', ''{"lang": "en"}'', rerank => leg(''v'', ''<+>'', ''[1,2]'', depth => 30)', ', where_sql => ''id % 200 = $1'', where_values => ''{0}'', method => ''cc''']) m;
SELECT count(*) = 20 AS matches_only, count(*) FILTER (WHERE (hit).body LIKE '%walrus%') AS walrus FROM hybrid_search(NULL::hs_text, ARRAY[leg('body', '<@>', 'walrus')], 100);
SELECT bool_and((hit).id = id) AS as_ordered FROM (SELECT id, row_number() OVER (ORDER BY d, id) AS rank FROM (SELECT id, body <@> 'zebra index' AS d FROM hs_text) x WHERE d < 0 LIMIT 30) o JOIN hybrid_search(NULL::hs_text, ARRAY[leg('body', '<@>', 'zebra index')], 30) h USING (rank);
SET client_min_messages = warning;
DROP TABLE hs_text;
RESET client_min_messages;

-- inside functions, prepared, with generic plans, lateral
CREATE FUNCTION hs_find(q text, n int) RETURNS SETOF bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY SELECT (hit).id FROM hybrid_search(NULL::hs_docs, ARRAY[leg('words', 'hs.<@>', q), leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]')], n) ORDER BY rank;
END $$;
SELECT count(*), array_agg(f) = (SELECT array_agg(hit::bigint ORDER BY rank) FROM hybrid_search('hs_docs', 'id', ARRAY[leg('words', 'hs.<@>', 'zebra'), leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]')], 6)) AS same FROM hs_find('zebra', 6) f;
SET plan_cache_mode = force_generic_plan;
PREPARE hs_p (text, vector, int) AS SELECT array_agg(hit ORDER BY rank) FROM hybrid_search('hs_docs', 'id', ARRAY[leg('words', 'hs.<@>', $1), leg('embedding', '<=>', $2)], $3);
EXECUTE hs_p ('zebra', '[1,2,3,4,5,6,7,8]', 3);
EXECUTE hs_p ('apple', '[8,7,6,5,4,3,2,1]', 4);
RESET plan_cache_mode;
-- an untyped parameter is text, read as what the operator takes
PREPARE hs_u AS SELECT array_agg(hit ORDER BY rank) FROM hybrid_search('hs_docs', 'id', ARRAY[leg('words', 'hs.<@>', $1), leg('embedding', '<=>', $2)], $3);
EXECUTE hs_u ('apple', '[8,7,6,5,4,3,2,1]', 4);
SELECT q, array_agg(hit ORDER BY rank) FROM unnest(ARRAY['apple', 'zebra']) q, LATERAL hybrid_search('hs_docs', 'id', ARRAY[leg('words', 'hs.<@>', q), leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]')], 3) GROUP BY q ORDER BY q;
-- a kept plan follows changes: of a column, of the search_path, of what a condition calls
CREATE TABLE hs_change (id int PRIMARY KEY, v vector(1), w text);
INSERT INTO hs_change SELECT i, ARRAY[i]::vector, i % 2 FROM generate_series(1, 9) i;
CREATE FUNCTION hs_again(text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(hit, ',' ORDER BY rank) FROM hybrid_search('public.hs_change', 'id', ARRAY[leg('v', '<->', '[5]')], 3, '{"w": "1"}', $1) $$;
SELECT hs_again(NULL), hs_again('id < 5');
ALTER TABLE hs_change ALTER w TYPE int USING 1 - w::int, ALTER v TYPE halfvec(1);
SELECT hs_again(NULL), hs_again('id < 5');
CREATE FUNCTION hs.keep(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 > 4';
CREATE FUNCTION public.keep(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 < 4';
SELECT hs_again('keep(id)');
SET search_path = hs, public;
SELECT hs_again('keep(id)');
RESET search_path;
SELECT hs_again('keep(id)');
-- many statements, and one inside another
SELECT count(DISTINCT f) FROM generate_series(1, 200) i, LATERAL hs_again('id <> 1' || repeat(' AND true', i)) f;
CREATE FUNCTION hs_nested(i int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN i <= 5 AND hs_again('id <> ' || i || repeat(' AND true', i * 30)) IS NOT NULL; END $$;
SELECT hs_again('hs_nested(id)');
DROP TABLE hs_change;
DROP FUNCTION hs_again, hs_nested, public.keep;
-- one snapshot, the caller's: rows of this transaction are seen
BEGIN;
INSERT INTO hs_docs (id, words, embedding) VALUES (9999, 'apple:1 apple:2 apple:3 zebra:4', '[1,2,3,4,5,6,7,8]');
SELECT hit FROM hybrid_search('hs_docs', 'id', ARRAY[leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]')], 1);
ROLLBACK;

-- the caller's privileges and policies
CREATE ROLE pgr_hs_owner;
CREATE ROLE pgr_hs_reader;
GRANT CREATE ON SCHEMA public TO pgr_hs_owner;
GRANT USAGE ON SCHEMA hs TO PUBLIC;
SET ROLE pgr_hs_owner;
CREATE TABLE hs_secret (id int PRIMARY KEY, who text, v vector(2), hidden text);
INSERT INTO hs_secret SELECT i, CASE WHEN i % 3 = 0 THEN 'pgr_hs_reader' ELSE 'x' END, ARRAY[i, 1]::vector, 'h' FROM generate_series(1, 30) i;
SET ROLE pgr_hs_reader;
SELECT try('SELECT count(*) FROM hybrid_search(NULL::hs_secret, ARRAY[leg(''v'', ''<->'', ''[1,1]'')])'), try('SELECT hybrid_search_sql(''hs_secret'', ''id'', ARRAY[leg(''v'', ''<->'', ''[1,1]'')]) LIKE ''WITH%''');
SET ROLE pgr_hs_owner;
GRANT SELECT (id, v) ON hs_secret TO pgr_hs_reader;
SET ROLE pgr_hs_reader;
SELECT try('SELECT count(*) FROM hybrid_search(''hs_secret'', ''id'', ARRAY[leg(''v'', ''<->'', ''[1,1]'')])') AS keys, try('SELECT count(*) FROM hybrid_search(NULL::hs_secret, ARRAY[leg(''v'', ''<->'', ''[1,1]'')])') AS rows, try('SELECT count(*) FROM hybrid_search(''hs_secret'', ''id'', ARRAY[leg(''v'', ''<->'', ''[1,1]'')], filter => ''{"hidden": "h"}'')') AS filter;
SET ROLE pgr_hs_owner;
GRANT SELECT ON hs_secret TO pgr_hs_reader;
ALTER TABLE hs_secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON hs_secret USING (who = current_user);
SET ROLE pgr_hs_reader;
SELECT array_agg((hit).id ORDER BY rank) AS own_rows FROM hybrid_search(NULL::hs_secret, ARRAY[leg('v', '<->', '[1,1]'), leg('v', '<=>', '[1,1]')], 100, method => 'cc', rerank => leg('v', '<->', '[9,1]'));
SELECT hs_same('NULL::hs_secret, ARRAY[leg(''v'', ''<->'', ''[1,1]'')], 5'), hs_same('''hs_secret'', ''who'', ARRAY[leg(''v'', ''<->'', ''[1,1]'')], 5');

-- profiles: in a table of whoever asked for it; those are used who may act as the caller or as the relation's owner
SELECT replace(try('SELECT rank_profile_table()'), current_database(), 'this'), try('SELECT rank_profile_table(''pg_catalog'')'), try('SELECT rank_profile_table(''public'')');
SELECT try('SELECT count(*) FROM profile_search(NULL::hs_secret, ''near'', ''{}'')'), try('SELECT count(*) FROM profile_search(NULL::hs_secret, ''near'', ''{}'', profile_schema => NULL)');
RESET ROLE;
CREATE SCHEMA "hs Profiles" AUTHORIZATION pgr_hs_owner;
GRANT USAGE ON SCHEMA "hs Profiles" TO pgr_hs_reader;
SET ROLE pgr_hs_owner;
SELECT rank_profile_table('hs Profiles');
SELECT rank_profile_table('hs Profiles') AS again;
SELECT relowner::regrole, relacl, (SELECT count(*) FROM pg_depend d WHERE d.objid = c.oid AND deptype = 'e') AS of_extension FROM pg_class c WHERE relname = 'rank_profile';
INSERT INTO "hs Profiles".rank_profile (relation, name, legs, rerank, k, filter) VALUES ('hs_secret', 'near', ARRAY[leg('v', '<->', NULL, 2), leg('v', '<=>', NULL)], leg('v', '<->', NULL), 4, '{"hidden": "h"}');
SELECT count(*) AS all_rows FROM profile_search(NULL::hs_secret, 'near', ARRAY['[1,1]', '[1,1]', '[9,1]'], 100, profile_schema => 'hs Profiles');
SET ROLE pgr_hs_reader;
SELECT c, try(c) FROM unnest(ARRAY['SELECT count(*) FROM profile_search(NULL::hs_secret, ''near'', ''{}'', profile_schema => ''hs Profiles'')', 'UPDATE "hs Profiles".rank_profile SET k = 1', 'LOCK TABLE "hs Profiles".rank_profile IN ACCESS SHARE MODE', 'LOCK TABLE "hs Profiles".rank_profile']) c;
SET ROLE pgr_hs_owner;
GRANT SELECT ON "hs Profiles".rank_profile TO pgr_hs_reader;
SET ROLE pgr_hs_reader;
SELECT array_agg((hit).id ORDER BY rank) AS own_rows FROM profile_search(NULL::hs_secret, 'near', ARRAY['[1,1]', '[1,1]', '[9,1]'], profile_schema => 'hs Profiles');
SELECT array_agg(hit ORDER BY rank) = (SELECT array_agg(hit ORDER BY rank) FROM hybrid_search('hs_secret', 'id', ARRAY[leg('v', '<->', '[1,1]', 2), leg('v', '<=>', '[1,1]')], 3, '{"id": {">": 5}}', rerank => leg('v', '<->', '[9,1]'))) AS as_written
FROM profile_search_keys('hs_secret', 'near', ARRAY['[1,1]', '[1,1]', '[9,1]'], 3, '{"id": {">": 5}}', profile_schema => 'hs Profiles');
SELECT array_agg(hit ORDER BY rank) AS one_leg FROM profile_search_keys('hs_secret', 'near', ARRAY['[1,1]', NULL, NULL], 3, where_sql => 'id < $1', where_values => '{20}', profile_schema => 'hs Profiles');
SELECT c, try('SELECT count(*) FROM profile_search' || c || ', profile_schema => ''hs Profiles'')') FROM unnest(ARRAY['_keys(''hs_secret'', ''nope'', ''{}''', '_keys(''hs_secret'', ''near'', ''{}''', '_keys(''hs_secret'', ''near'', NULL', '_keys(''hs_secret'', NULL, ''{}''', '(NULL::hs_docs, ''near'', ''{}''', '(NULL::hs_secret, ''near'''' OR true --'', ''{}''', '_keys(0::regclass, ''near'', ''{}''', '(7, ''near'', ''{}''']) c;
-- a profile's weight, the default's, the caller's; none without a rerank
SET ROLE pgr_hs_owner;
INSERT INTO "hs Profiles".rank_profile (relation, name, legs, rerank, rerank_weight) SELECT 'hs_secret', n, ARRAY[leg('v', '<->', NULL)], CASE WHEN n NOT LIKE 'none%' THEN leg('v', '<->', NULL, depth => 9) END, w
FROM unnest(ARRAY['one', 'half', 'default', 'none', 'none_half', 'two'], ARRAY[1, 0.5, NULL, NULL, 0.5, 2]) x(n, w);
CREATE FUNCTION pg_temp.hs_mixed(profile text, w float8 DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
  SELECT try(format('SELECT array_agg(hit || '':'' || round(mixed_score::numeric, 3) ORDER BY rank) FROM profile_search_keys(''hs_secret'', %L, %L, 4, profile_schema => ''hs Profiles'', rerank_weight => %L)', profile, CASE WHEN profile LIKE 'none%' THEN '{"[1,1]"}' ELSE '{"[1,1]","[9,1]"}' END, w)) $$;
SELECT n, pg_temp.hs_mixed(n), pg_temp.hs_mixed(n, 1) AS one, pg_temp.hs_mixed(n, 0.5) AS half, pg_temp.hs_mixed(n, 'NaN') AS nan FROM unnest(ARRAY['one', 'half', 'default', 'none', 'none_half', 'two']) n;
-- a table made before there were weights: the rerank replaces
ALTER TABLE "hs Profiles".rank_profile DROP rerank_weight;
SELECT n, pg_temp.hs_mixed(n), pg_temp.hs_mixed(n, 0.5) AS half, pg_temp.hs_mixed(n, 'NaN') AS nan, pg_temp.hs_mixed(n, 1.5) AS more FROM unnest(ARRAY['one', 'default', 'none']) n;
DROP FUNCTION pg_temp.hs_mixed;
RESET ROLE;
-- one who is neither the caller nor above the relation's owner is not trusted
CREATE TABLE hs_mine (id int PRIMARY KEY, v vector(2));
SET ROLE pgr_hs_owner;
INSERT INTO "hs Profiles".rank_profile (relation, name, legs) VALUES ('hs_mine', 'near', ARRAY[leg_expr('pg_read_file(v)', '<->', NULL)]);
RESET ROLE;
SELECT try('SELECT count(*) FROM profile_search_keys(''hs_mine'', ''near'', ''{"[1,1]"}'', profile_schema => ''hs Profiles'')');
SELECT try('SELECT count(*) FROM profile_search_keys(''hs_secret'', ''near'', ''{"[1,1]",NULL,NULL}'', profile_schema => ''hs Profiles'')');
-- one made by hand is read as far as it goes
CREATE SCHEMA hs_hand;
CREATE TABLE hs_hand.rank_profile (relation oid, name varchar, legs hybrid_leg[], rerank hybrid_leg, k int, method text, rrf_k real, norm text, filter json, key name[]);
INSERT INTO hs_hand.rank_profile (relation, name, legs) VALUES ('hs_mine'::regclass, 'near', ARRAY[leg('v', '<->', NULL)]), ('hs_mine'::regclass, 'none', NULL);
INSERT INTO hs_mine VALUES (1, '[1,2]');
SELECT n, try(format('SELECT array_agg(hit) FROM profile_search_keys(''hs_mine'', %L, ''{"[1,1]"}'', profile_schema => ''hs_hand'')', n)) FROM unnest(ARRAY['near', 'none', 'other']) n;
DROP TABLE hs_hand.rank_profile;
CREATE TABLE hs_hand.rank_profile (relation oid, name text);
SELECT try('SELECT count(*) FROM profile_search_keys(''hs_mine'', ''near'', ''{"[1,1]"}'', profile_schema => ''hs_hand'')');
DROP TABLE hs_hand.rank_profile;
CREATE VIEW hs_hand.rank_profile AS SELECT 1 AS relation;
SELECT try('SELECT count(*) FROM profile_search_keys(''hs_mine'', ''near'', ''{"[1,1]"}'', profile_schema => ''hs_hand'')');
DROP SCHEMA hs_hand CASCADE;
ALTER TABLE hs_mine DROP v;
SELECT rank_profile_table();
INSERT INTO pgretrieve_profiles.rank_profile (relation, name, legs) VALUES ('hs_mine', 'near', ARRAY[leg('v', '<->', NULL)]);
ALTER TABLE hs_mine RENAME TO hs_renamed;
SELECT try('SELECT count(*) FROM profile_search_keys(''hs_renamed'', ''near'', ''{"[1,1]"}'')');
DROP TABLE hs_renamed;
DROP SCHEMA pgretrieve_profiles, "hs Profiles" CASCADE;

-- whatever the search_path: the extension's objects are found where they are
CREATE SCHEMA "the ext";
ALTER EXTENSION pgretrieve SET SCHEMA "the ext";
SET search_path = pg_catalog;
SELECT count(*) FROM "the ext".hybrid_search('public.hs_docs', 'id', ARRAY["the ext".leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]'), "the ext".leg('sparse', '<#>', '{3:1}/50'), "the ext".leg('words', 'hs.<@>', 'apple')], method => 'cc', rerank => "the ext".leg('tokens', '@#', '[[1,2,3,4]]'));
SELECT "the ext".hybrid_search_sql('public.hs_docs', 'id', ARRAY["the ext".leg('sparse', '<#>', '{3:1}/50', 0.3), "the ext".leg('embedding', '<=>', '[1,2,3,4,5,6,7,8]')], 5, method => 'cc');
SELECT "the ext".rank_profile_table();
INSERT INTO pgretrieve_profiles.rank_profile (relation, name, legs) VALUES ('public.hs_docs', 'p', ARRAY["the ext".leg('embedding', '<=>', NULL)]);
SELECT count(*) FROM "the ext".profile_search(NULL::public.hs_docs, 'p', ARRAY['[1,2,3,4,5,6,7,8]']);
DROP SCHEMA pgretrieve_profiles CASCADE;
RESET search_path;
ALTER EXTENSION pgretrieve SET SCHEMA public;
DROP SCHEMA "the ext";

-- a notice where a leg reads a whole table of some size
CREATE TABLE hs_large AS SELECT i AS id, point(i, i) AS p, repeat('x', 500) AS filler, ARRAY[i]::vector AS v FROM generate_series(1, 3000) i;
ALTER TABLE hs_large ADD PRIMARY KEY (id);
SELECT array_agg(hit) FROM hybrid_search('hs_large', 'id', ARRAY[leg('v', '<->', '[7]'), leg('p', '<->', '(7,7)')], 3);
CREATE INDEX ON hs_large USING gist (p);
SELECT array_agg(hit) FROM hybrid_search('hs_large', 'id', ARRAY[leg('p', '<->', '(7,7)')], 3);
SELECT array_agg(hit) FROM hybrid_search('hs_large', 'id', ARRAY[leg_expr('p + point(1,1)', '<->', '(7,7)')], 3);
CREATE INDEX ON hs_large USING gist ((p + point(1,1)));
SELECT array_agg(hit) FROM hybrid_search('hs_large', 'id', ARRAY[leg_expr('p + point(1,1)', '<->', '(7,7)')], 3);

DROP TABLE hs_docs, hs_chunks, hs_keyless, hs_parts, hs_secret, hs_large CASCADE;
REVOKE CREATE ON SCHEMA public FROM pgr_hs_owner;
DROP ROLE pgr_hs_owner, pgr_hs_reader;
DROP FUNCTION hs_same, hs_harm, hs_find;
DROP SCHEMA hs CASCADE;

-- the floor of an operator: its greatest distance negated, where there is one
CREATE TABLE hs_floor (id int PRIMARY KEY, v vector(2), b bit(4), s sparsevec(4));
SELECT op, substring(hybrid_search_sql(NULL::hs_floor, ARRAY[leg(col, op, value)], method => 'cc') from 'norm_[a-z]+\([^)]*\)') FROM (VALUES ('v', '<=>', '[1,2]'), ('v', '<->', '[1,2]'), ('b', '<%>', '0110'), ('b', '<~>', '0110'), ('s', '<#>', '{1:1}/4')) x(col, op, value);
DROP TABLE hs_floor;
