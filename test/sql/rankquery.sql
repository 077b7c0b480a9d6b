-- rankquery: what people type, text and binary form, builders, casts.
-- covers: rankquery rankquery_io rankquery_tsquery rankquery_build rankquery_parse rankquery_normal rankquery_tree rankquery_bound
\pset format unaligned
\pset tuples_only on

-- to_rankquery: words, phrases, signs, prefixes, edits, fields, boosts, groups
CREATE FUNCTION rq(q text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT replace(to_rankquery('english', q)::text, '{config=''pg_catalog.english''}', '') $$;
SELECT rq('quick brown foxes');
SELECT rq('the of and'), rq(''), rq('   ');
SELECT rq('dog dog dog^2 dog* 1:dog');
SELECT rq('"query planner" index* -oracle title:hnsw^3 fuzy~1');
SELECT to_rankquery('english', 'title:hnsw^3 BODY:"two words"~2^.5 title:(ann search)', '{title,body}');
SELECT rq('+must alpha (beta gamma) -eta NOT theta');
SELECT rq('-only -negative');
SELECT rq('alpha AND beta OR gamma AND delta AND NOT eps zeta');
SELECT rq('(alpha beta gamma)~2^2 || (one && two)');
SELECT rq('A:alpha d:beta D:"two words" 3:gamma 17:delta 12:30 C:\tmp http://example.com/x?y=1');
SELECT rq('e-mail'), rq('+e-mail'), rq('-e-mail'), rq('"e-mail address"');
SELECT rq('the* the~ word~9 word^1e9 word^-1 word^ ^2 ~ * "~2 +');
-- nothing that is typed is an error
SELECT rq('"unbalanced'), rq('((a b'), rq('a b))'), rq(')('), rq('"" () -() +"" NOT'), rq('AND AND a AND'), rq('!@#$%^&*'' \');
-- and whatever comes of a mixture of the syntax's pieces reads back as itself
SELECT count(*), count(*) FILTER (WHERE q <> q::text::rankquery), count(DISTINCT q::text) > 1000 FROM (SELECT to_rankquery('english', (SELECT string_agg((ARRAY['fox ', 'the ', 'dog', '"', ' "', '(', ')', '+', ' -', '* ', '~', '~2 ', '^', '^2.5 ', ' AND ', ' OR ', ' NOT ', '1:', 'title:', 'D:', '''', '\', '数据', ' ', ':', '&&', 'e-mail', '.'])[1 + (hashint8(i * 100 + j) & 2147483647) % 28], '' ORDER BY j)
	FROM generate_series(1, 1 + (hashint8(i) & 31)) j), '{title}', CASE i % 2 WHEN 0 THEN 'bigram' ELSE 'none' END) AS q FROM generate_series(1, 5000) i) x;
SELECT length(rq(repeat('(', 1000) || 'deep' || repeat(')', 1000)));
SELECT rq(repeat('-(a b +', 200) || 'x') IS NOT NULL;
-- a query of 100,000 words
SELECT length(to_rankquery('simple', string_agg('w' || i || CASE i % 3 WHEN 0 THEN '*' ELSE '' END, ' '))::text) FROM generate_series(1, 100000) i;
-- runs of scripts without spaces become bigrams
SELECT to_rankquery('simple', 'PostgreSQL数据库 "全文检索" 中 ภาษา', '{}', 'bigram');
SELECT to_rankquery('simple', 'a', '{}', 'trigram');
SET default_text_search_config = 'pg_catalog.simple';
SELECT to_rankquery('The Foxes');
RESET default_text_search_config;

-- the text form is read back as the same query
CREATE TABLE queries (id serial, q rankquery);
INSERT INTO queries (q) SELECT to_rankquery('english', w) FROM unnest(ARRAY['', 'a1 b1', '+a1 b1 c1 -d1', '"a1 b1 c1"~3:1', '(a1 b1 c1)~2 d1*^2.5', 'x~2 AND y', 'it''s o''clock', 'title:(a1 b1)']) w;
INSERT INTO queries (q) VALUES
	('''plain'''), ('{k1=0.9,b=0,docs=10,length=2.5,config=''simple''} ''a''=3 | ''b''^0.1'), ('!''a'''),
	('"''a'' ''b''@0 ''c''@5=2"~10:1,16^3'), ('(''a'' | ''b'' | ''c'')@0 & ''d''*:2'), (' ''it''''s''~1 '), ('{cjk=bigram}');
SELECT id, q FROM queries ORDER BY id;
SELECT count(*), (SELECT count(*) FROM (SELECT q FROM queries UNION SELECT q FROM queries) x) FROM queries WHERE q::text::rankquery = q AND q::text::rankquery::text = q::text AND rankquery_send(q::text::rankquery) = rankquery_send(q);
-- normal form
SELECT '((''a'' & ''b'') & (''c'' | ''c'' | (''d'' | ''e'')))'::rankquery, '(''a'' | ''a'' | ''b'')@3'::rankquery, '"''a''"~4^2:3'::rankquery, '''a'':1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16'::rankquery;
-- refused
SELECT s, try(format('SELECT %L::rankquery', s)) FROM unnest(ARRAY['a', '''a', '''a'' ''b''', '''a'' & ''b'' | ''c''', '''''', '''a''~3', '''a''*~1', '''a'':0', '''a'':17', '''a''^-1', '''a''^nan', '''a''^1e99', '(''a''', '''a'')', '"''a''@1"', '{k1=-1}', '{index=1}', '{config=''no_such''}', '{', '{docs=0x10}', '!', '"a"', '''a''=1e999']) s;
SELECT right(try(format('SELECT %L::rankquery', repeat('!', 5000) || '''a''')), 40);
SELECT try(format('SELECT %L::rankquery', repeat('(''a'' & !', 60) || '''a''' || repeat(')', 60)));
SELECT right(try(format('SELECT %L::rankquery', '''' || repeat('x', 2048) || '''')), 60);
-- the longest word that can be indexed
SELECT to_rankquery('simple', repeat('x', 2046))::text::rankquery = to_rankquery('simple', repeat('x', 2046)) AS round_trip,
	repeat('x', 2046) @@@ to_rankquery('simple', repeat('x', 2046))::text::rankquery AS found;
SELECT '{index=''no_such_index''} ''a'''::rankquery;

-- builders
SELECT any_of('english', '{running dogs,cat}'), all_of('english', '{the,cat,mice}'), any_of('english', '{}');
SELECT phrase_of('english', 'the state of the art', 2), try('SELECT phrase_of(''english'', ''a b'', -1)'), try('SELECT any_of(''english'', ''{a,NULL}'')');
SELECT any_of('simple', '{a,b}') && all_of('simple', '{c,d}'), any_of('simple', '{a,b}') || any_of('simple', '{b,c}'), !! any_of('simple', '{a,b}'), any_of('simple', '{a,b}') ^ 2;
SELECT try('SELECT ''a''::tsquery::rankquery ^ -1'), try('SELECT ''a''::tsquery::rankquery ^ ''nan''');
SELECT min_should_match(any_of('simple', '{a,b,c}'), 2), min_should_match(to_rankquery('simple', '+a b c d'), 2), min_should_match(any_of('simple', '{a,b,c}'), 9);
SELECT rankquery_params(any_of('simple', '{a}'), 2, 0.5), try('SELECT rankquery_params(''a''::tsquery, 1.2, 1.5)');
SELECT rankquery_stats(to_rankquery('simple', 'a "a b" c'), 100, 12.5, '{a,b}', '{3,4.25}');
SELECT try('SELECT rankquery_stats(''a''::tsquery, 1, 1, ''{a}'', ''{}'')'), try('SELECT rankquery_stats(''a''::tsquery, -1, 1)');
-- trees built step by step stay flat
SELECT length(q::text) FROM (WITH RECURSIVE r(i, q) AS (SELECT 1, any_of('simple', '{w1}') UNION ALL SELECT i + 1, q || any_of('simple', ARRAY['w' || i + 1]) FROM r WHERE i < 500) SELECT q FROM r ORDER BY i DESC LIMIT 1) x;

-- tsquery
SELECT q, q::rankquery FROM unnest(ARRAY['a', 'a & !b', 'a | b & c', 'a <-> b <2> (c | d)', '(a | b) <-> c', 'super:*A & x:BC', 'a:* <-> b', 'a <-> !b', 'a <0> b', '!(a | b)']::tsquery[]) q;
SELECT ''::tsquery::rankquery;
-- a query bound to an index that does not exist
SELECT try('SELECT bm25_bind(''a'', ''queries'')');
DROP TABLE queries;
DROP FUNCTION rq;
