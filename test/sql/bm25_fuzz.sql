-- Random queries of every shape on an index in every state: the answer through the
-- index is the answer without it, bit for bit. Only differences are printed.
-- covers: search_match search_match_build search_rank search_segment search_expand
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA bm25_fuzz;
SET search_path = bm25_fuzz, public;
CREATE FUNCTION rw(n int) returns text language sql volatile as $$ select 'w'||floor(n*power(random(),3))::int $$;
CREATE FUNCTION rdoc(len int) returns text language sql volatile as $$ select string_agg(rw(400),' ') from generate_series(1,len) $$;
CREATE FUNCTION rleaf() returns rankquery language plpgsql volatile as $$ declare r float := random(); q rankquery; begin
 if r<.55 then q := to_rankquery('simple', rw(400));
 elsif r<.65 then q := to_rankquery('simple', '"'||rw(30)||' '||rw(30)||'"');
 elsif r<.72 then q := to_rankquery('simple', '"'||rw(60)||' '||rw(30)||' '||rw(20)||'"~'||floor(random()*6)::int);
 elsif r<.8 then q := to_rankquery('simple', 'w'||floor(random()*40)::int||'*');
 elsif r<.86 then q := to_rankquery('simple', 'w'||floor(random()*400)::int||'~'||(1+random())::int);
 elsif r<.9 then q := to_rankquery('simple', rw(400)||'^'||round((random()*3+.1)::numeric,2));
 elsif r<.93 then q := to_rankquery('simple', 'nosuch');
 else q := to_rankquery('simple', rw(400)||' '||rw(400)||' '||rw(400)||' '||rw(400)); end if; return q; end $$;
CREATE FUNCTION rtree(depth int) returns rankquery language plpgsql volatile as $$ declare r float := random(); begin
 if depth=0 or r<.15 then return rleaf(); end if;
 if r<.45 then return rankquery_and(rtree(depth-1), rtree(depth-1)); end if;
 if r<.8 then return rankquery_or(rtree(depth-1), rtree(depth-1)); end if;
 if r<.9 then return rankquery_and(rtree(depth-1), rankquery_not(rtree(depth-1))); end if;
 if r<.93 then return rankquery_not(rtree(depth-1)); end if;
 return min_should_match(rankquery_or(rankquery_or(rleaf(),rleaf()),rankquery_or(rleaf(),rleaf())),2); end $$;
CREATE FUNCTION rdisj(n int) returns rankquery language sql volatile as $$ select to_rankquery('simple', string_agg(rw(400),' ')) from generate_series(1,n) $$;
CREATE FUNCTION topk(q rankquery, k int, idx bool, f rankquery default null) returns float8[] language plpgsql as $$ declare a float8[]; begin
 perform set_config('enable_seqscan', (not idx)::text, true), set_config('enable_indexscan', idx::text, true), set_config('enable_bitmapscan','off',true);
 if f is null then execute 'select array_agg(s) from (select body <@> $1 s from d order by body <@> $1 limit '||k||') x' into a using q;
 else execute 'select array_agg(s) from (select body <@> $1 s from d where body @@@ $2 order by body <@> $1 limit '||k||') x' into a using q,f; end if; return a; end $$;
CREATE FUNCTION matches(f rankquery, idx bool) returns int[] language plpgsql as $$ declare a int[]; begin
 perform set_config('enable_seqscan', (not idx)::text, true), set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan',idx::text,true);
 execute 'select array_agg(id order by id) from d where body @@@ $1' into a using f; return a; end $$;
CREATE FUNCTION fuzz(n int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE q rankquery; f rankquery; x float8[]; y float8[]; k int;
BEGIN
 FOR i IN 1..n LOOP
  q := CASE WHEN random() < .5 THEN rdisj(1 + floor(random() * random() * 12)::int) ELSE rtree(1 + floor(random() * 3)::int) END;
  f := CASE WHEN random() < .4 THEN rtree(floor(random() * 3)::int) END;
  IF random() < .1 THEN f := q; END IF;
  q := bm25_bind(q, 'di'); f := bm25_bind(f, 'di');
  k := (ARRAY[1, 5, 10, 33, 200, 3000])[1 + floor(random() * 6)::int];
  x := topk(q, k, true, f); y := topk(q, k, false, f);
  IF x IS DISTINCT FROM y THEN RETURN NEXT format('k=%s q=%s f=%s: %s and %s rows', k, q, f, array_length(x, 1), array_length(y, 1)); END IF;
  IF matches(q, true) IS DISTINCT FROM matches(q, false) THEN RETURN NEXT format('match %s', q); END IF;
 END LOOP;
END $$;
-- a segment with dead rows, a second one, pending rows of which some are dead
CREATE FUNCTION run(options text, seed float8, n int, queries int) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
 PERFORM setseed(seed);
 DROP TABLE IF EXISTS d;
 CREATE TABLE d (id serial PRIMARY KEY, body text);
 INSERT INTO d (body) SELECT rdoc(3 + (random() * 60)::int + g * 0) FROM generate_series(1, n) g;
 INSERT INTO d (body) SELECT NULL FROM generate_series(1, 5);
 EXECUTE format('CREATE INDEX di ON d USING bm25 (body) WITH (config = simple%s)', options);
 INSERT INTO d (body) SELECT rdoc(3 + (random() * 60)::int + g * 0) FROM generate_series(1, n / 3) g;
 DELETE FROM d WHERE id % 7 = 0;
 PERFORM bm25_merge('di');
 INSERT INTO d (body) SELECT rdoc(3 + (random() * 60)::int + g * 0) FROM generate_series(1, n / 10) g;
 DELETE FROM d WHERE id % 11 = 0;
 RETURN QUERY SELECT fuzz(queries);
 RETURN QUERY SELECT bm25_check('di');
END $$;
SELECT run('', .21, 500, 30);
SELECT run(', positions = off', .11, 500, 30);
SELECT run(', scoring = dirichlet', .31, 400, 20);
SELECT run(', k1 = 0.9, b = 1, pending_limit = 64', .41, 400, 20);
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA bm25_fuzz CASCADE;
