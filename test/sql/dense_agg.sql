-- sum and avg of vector and halfvec; hashing; within; settings.
-- covers: accum sparse_accum distance
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]', NULL]::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]', NULL]::halfvec[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[]::vector[]) v;
SELECT try('SELECT avg(v) FROM unnest(ARRAY[''[1,2]'', ''[3]'']::vector[]) v'), try('SELECT sum(v) FROM unnest(ARRAY[''[1,2]'', ''[3]'']::vector[]) v');
SELECT try('SELECT avg(v) FROM unnest(ARRAY[''[3e38]'', ''[3e38]'']::vector[]) v'), try('SELECT sum(v) FROM unnest(ARRAY[''[3e38]'', ''[3e38]'']::vector[]) v');
SELECT try('SELECT avg(v) FROM unnest(ARRAY[''[65504]'', ''[65504]'']::halfvec[]) v'), try('SELECT sum(v) FROM unnest(ARRAY[''[65504]'', ''[65504]'']::halfvec[]) v');
-- accumulated in double: single precision would stop growing at 2^24, half at 2048
SELECT sum('[1]'::vector * ARRAY[x]::vector) FROM unnest(ARRAY[16777216, 1, 1, 1, 1]) x;
SELECT sum('[1]'::halfvec) FROM generate_series(1, 10000);
SELECT try(format('SELECT vector_accum(%L, ''[1,2,3]'')', s)) FROM unnest(ARRAY['{0}', '{0,0,0,0}', '{2,1,1,1}', '{{0}}', '{NULL}', '{}', '{0,0}']) s;
SELECT try(format('SELECT vector_combine(%L, %L)', a, b)) FROM (VALUES ('{1,2}', '{3,4}'), ('{1,2}', '{3,4,5}'), ('{0}', '{1,2}'), ('{1,2}', '{0}'), ('{0}', '{0}'), ('{{1,2}}', '{0}'), ('{}', '{0}')) t (a, b);
SELECT try(format('SELECT vector_avg(%L)', s)) FROM unnest(ARRAY['{2,2,4}', '{0}', '{1}', '{}', '{NULL,1}', '{1,NaN}']) s;
SELECT try('SELECT vector_avg(array_agg(n)) FROM generate_series(1, 16002) n');

-- parallel: the partial states are combined
CREATE TABLE agg_p (v vector(3), h halfvec(3), s sparsevec(3));
INSERT INTO agg_p SELECT ARRAY[i, i % 10, 1]::vector, ARRAY[i % 100, i % 10, 1]::halfvec, ARRAY[i, 0, 1]::sparsevec FROM generate_series(1, 20000) i;
ANALYZE agg_p;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT sum(v), avg(h), sum(s) FROM agg_p;
SELECT sum(v), avg(v), avg(h), sum(s), avg(s) FROM agg_p;
-- exact search runs in parallel workers
EXPLAIN (COSTS OFF) SELECT v FROM agg_p ORDER BY v <-> '[1,2,3]' LIMIT 3;
SELECT v <-> '[1,2,3]' AS d FROM agg_p ORDER BY d LIMIT 3;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- hashing: equal values hash alike, also -0 and 0
SELECT vector_hash('[0,1]') = vector_hash('[-0,1]'), vector_hash('[1,0]') = vector_hash('[0,1]'), vector_hash('[1]') = (vector_hash_extended('[1]', 0) & 4294967295)::bit(32)::int, vector_hash_extended('[1]', 1) = vector_hash_extended('[1]', 2);
SELECT halfvec_hash('[0,1]') = halfvec_hash('[-0,1]'), sparsevec_hash('{1:1}/2') = sparsevec_hash('{1:1,2:0}/2'), sparsevec_hash('{1:1}/2') = sparsevec_hash('{1:1}/3');
SET enable_sort = off;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM agg_p a JOIN agg_p b USING (v);
SELECT count(*) FROM agg_p a JOIN agg_p b USING (v);
EXPLAIN (COSTS OFF) SELECT DISTINCT h FROM agg_p;
SELECT count(*) FROM (SELECT DISTINCT h FROM agg_p) d;
SELECT count(*) FROM (SELECT s FROM agg_p GROUP BY s) d;
RESET enable_sort;
RESET enable_mergejoin;
RESET enable_nestloop;
-- btree and hash indexes, unique constraint
CREATE TABLE agg_u (v vector(2) UNIQUE, h halfvec(2), s sparsevec(2));
INSERT INTO agg_u SELECT ARRAY[i, -i]::vector, ARRAY[i % 7, 0]::halfvec, ARRAY[0, i]::sparsevec FROM generate_series(1, 500) i;
SELECT try('INSERT INTO agg_u (v) VALUES (''[1,-1]'')');
CREATE INDEX ON agg_u USING hash (h);
CREATE INDEX ON agg_u USING hash (s);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM agg_u WHERE s = '{2:5}/2';
SELECT count(*) FROM agg_u WHERE s = '{2:5}/2';
SELECT count(*) FROM agg_u WHERE h = '[3,0]';
SELECT v FROM agg_u WHERE v > '[498,0]' ORDER BY v;
RESET enable_seqscan;
DROP TABLE agg_p, agg_u;

-- within: radius, by name or operator
SELECT within('[0,0]'::vector, '[3,4]', 5), within('[0,0]'::vector, '[3,4]', 4.99), within('[0,0]'::vector, '[3,4]', 7, 'l1'), within('[1,2]'::vector, '[3,4]', -11, '<#>'), within('[1,0]'::vector, '[0,1]', 1, 'COSINE'), within('[0,0]'::vector, '[0,1]', 2, '<=>');
SELECT within('[0,0]'::halfvec, '[3,4]', 5), within('{1:3,2:4}/2'::sparsevec, '{}/2', 5, '<->'), within('101'::bit(3), '110', 2), within('101'::bit(3), '110', 0.5, 'jaccard');
SELECT try('SELECT within(''[1]''::vector, ''[1]'', 1, ''' || m || ''')') FROM unnest(ARRAY['hamming', '', 'l3', '<~>']) m;
SELECT try('SELECT within(''[1]''::vector, ''[1]'', ''NaN'')'), try('SELECT within(''1''::bit, ''1'', 1, ''l2'')'), within('[1]'::vector, '[1]', -1), within('[1]'::vector, '[1]', 'Infinity');

-- settings
SET pgretrieve.simd = scalar;
SHOW pgretrieve.simd;
SET pgretrieve.simd = auto;
SELECT try('SET pgretrieve.simd = sse9'), try('SET pgretrieve.no_such_setting = 1');
