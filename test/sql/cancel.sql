-- Work that one call does on large arguments ends when the statement is cancelled.
-- covers: mmr pool paired maxsim highlight
\pset format unaligned
\pset tuples_only on
SELECT clock_timestamp() AS start \gset
SET statement_timeout = '150ms';
-- MaxSim of 300,000 by 300,000 tokens, and its relatives
SELECT max_sim(m, m) FROM (SELECT ('[' || repeat('[1],', 299999) || '[1]]')::multivector AS m OFFSET 0) l;
SELECT max_sim_exact_words(m, w, m, w) FROM (SELECT ('[' || repeat('[1],', 99999) || '[1]]')::multivector AS m, array_fill(1, ARRAY[100000]) AS w OFFSET 0) l;
SELECT multivector_medoids(m, 1500) FROM (SELECT ('[' || repeat('[1,2],[3,1],', 3000) || '[1,1]]')::multivector AS m OFFSET 0) l;
SELECT multivector_pool(m, 2) FROM (SELECT ('[' || repeat('[1,2],[3,1],', 5000) || '[1,1]]')::multivector AS m OFFSET 0) l;
-- statistics over many rows
SELECT paired_randomization_test(i, 2 * i % 7, 100000000) FROM generate_series(1, 20000) i;
SELECT cardinality(mmr(i, ARRAY[i, 1, 1]::real[]::vector, i, 0.5, 20000)) FROM generate_series(1, 20000) i;
-- words
SELECT repeat('a ', 500000) @@@ to_rankquery('simple', '"' || repeat('a ', 20000) || '"~10');
SELECT length(bm25_headline('simple', repeat('a ', 500000), to_rankquery('simple', '"' || repeat('a ', 20000) || '"~10')));
SELECT length(to_rankquery('simple', (SELECT string_agg('w' || i, ' ') FROM generate_series(1, 1000000) i))::text);
RESET statement_timeout;
SELECT clock_timestamp() - :'start' < '20 s';
