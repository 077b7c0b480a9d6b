-- Fusion's building blocks against plain SQL: rrf, fuse_*, norm_*, autocut, up_to_k, mmr.
-- covers: norm mmr fuse
SELECT rrf(1) = 1.0 / 61 AS one, rrf(5, 2) = 1.0 / 7 AS k, rrf(NULL) AS missing, rrf(NULL, 3) AS missing, rrf(1, 0) AS k0;
SELECT try('SELECT ' || e) FROM unnest(ARRAY['rrf(0)', 'rrf(-1)', 'rrf(1, -1)', 'rrf(1, ''NaN'')', 'rrf(1, ''inf'')', 'rrf(1, NULL)',
  'fuse_rrf(0)', 'fuse_rrf(1, -0.1)', 'fuse_rrf(1, ''NaN'')', 'fuse_rrf(1, ''inf'')', 'fuse_rrf(1, NULL)', 'fuse_rrf(NULL, -1)', 'fuse_rrf(1, 1, -1)', 'fuse_cc(1, -1)', 'fuse_cc(''NaN'', 1)', 'fuse_cc(1, NULL)']) e;

-- lists of three legs; documents 1 to 60, some missing in some
CREATE TABLE fb AS SELECT leg, doc, row_number() OVER (PARTITION BY leg ORDER BY score DESC, doc) AS rank, score, leg * 0.25 AS weight FROM (
  SELECT leg, doc, (hashint4(doc * 7 + leg) & 63) / 8.0::float8 AS score FROM generate_series(1, 3) leg, generate_series(1, 60) doc WHERE (hashint4(doc * 3 + leg * 11) & 3) > 0) s;
SELECT count(*), bool_and(abs(fused - sql) < 1e-12) AS rrf, bool_and(abs(weighted - wsql) < 1e-12) AS weighted, bool_and(abs(k10 - k10sql) < 1e-12) AS k, bool_and(abs(cc - ccsql) < 1e-12) AS cc FROM (
  SELECT fuse_rrf(rank) AS fused, sum(1.0 / (60 + rank)) AS sql, fuse_rrf(rank, weight) AS weighted, sum(weight / (60 + rank)) AS wsql, fuse_rrf(rank, weight, 10) AS k10, sum(weight / (10 + rank)) AS k10sql,
    fuse_cc(score, weight) AS cc, sum(weight * score) AS ccsql FROM fb GROUP BY doc) s;
SELECT fuse_rrf(rank) AS nothing, fuse_rrf(NULL::bigint) AS missing, fuse_cc(NULL, 0.5) AS missing FROM fb WHERE false;
-- the same after a FULL JOIN
SELECT count(*), bool_and(abs(a + b - f) < 1e-12) AS full_join FROM (SELECT doc, rrf(l.rank) AS a, rrf(d.rank) AS b FROM (SELECT * FROM fb WHERE leg = 1) l FULL JOIN (SELECT * FROM fb WHERE leg = 2) d USING (doc)) j
  JOIN (SELECT doc, fuse_rrf(rank) AS f FROM fb WHERE leg < 3 GROUP BY doc) u USING (doc);
-- parallel
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
ALTER TABLE fb SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT fuse_rrf(rank, weight) FROM fb;
SELECT abs(fuse_rrf(rank, weight) - sum(weight / (60 + rank))) < 1e-12 AS same FROM fb;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- normalisers, by partition, whatever the frame
SELECT count(*), bool_and(abs(mm - (score - lo) / (hi - lo)) < 1e-12) AS minmax, bool_and(abs(z - (score - mean) / sd) < 1e-9) AS zscore, bool_and(abs(dbsf - (score - (mean - 3 * sd)) / (6 * sd)) < 1e-9) AS dbsf,
  bool_and(abs(tmm - (score + 2) / (hi + 2)) < 1e-12) AS tmm, bool_and(framed = mm) AS framed, max(mm) FILTER (WHERE score = hi) AS top, min(mm) AS bottom
FROM (SELECT score, min(score) OVER w AS lo, max(score) OVER w AS hi, avg(score) OVER w AS mean, stddev_samp(score) OVER w AS sd, norm_minmax(score) OVER w AS mm, norm_zscore(score) OVER w AS z, norm_dbsf(score) OVER w AS dbsf,
    norm_tmm(score, -2) OVER w AS tmm, norm_minmax(score) OVER (PARTITION BY leg ORDER BY doc ROWS 2 PRECEDING) AS framed FROM fb WINDOW w AS (PARTITION BY leg)) s;
-- scores that are none; lists of one and of equals; a maximum at the floor
SELECT x, norm_minmax(x) OVER () AS minmax, norm_zscore(x) OVER () AS zscore, norm_dbsf(x) OVER () AS dbsf, norm_tmm(x, 1) OVER () AS tmm FROM unnest('{NULL,1,NaN,3,Infinity,-Infinity}'::float8[]) x;
SELECT norm_minmax(x) OVER () AS minmax, norm_zscore(x) OVER () AS zscore, norm_dbsf(x) OVER () AS dbsf, norm_tmm(x, 0) OVER () AS tmm, norm_tmm(x, 0.1) OVER () AS at_floor FROM unnest('{0.1,0.1,0.1}'::float8[]) x;
SELECT norm_minmax(5) OVER () AS minmax, norm_zscore(5) OVER () AS zscore, norm_dbsf(5) OVER () AS dbsf, norm_tmm(5, -2) OVER () AS tmm;
SELECT try('SELECT norm_tmm(1, ' || f || ') OVER ()') FROM unnest(ARRAY['NULL', '''NaN''', '''-Infinity''']) f;
SELECT norm_minmax(x) OVER (), norm_tmm(x, -1.7e308) OVER () FROM unnest(ARRAY[-1.7e308, 0, 1.7e308]) x;

-- autocut: where the score falls most
CREATE FUNCTION fb_cut(scores float8[], jumps int) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FILTER (WHERE keep) FROM (SELECT autocut(s, jumps) OVER (ORDER BY o) AS keep FROM unnest(scores) WITH ORDINALITY u (s, o)) c $$;
SELECT fb_cut('{9,8.8,8.7,4,3.9,3.8,1,0.9}', 1) AS first, fb_cut('{9,8.8,8.7,4,3.9,3.8,1,0.9}', 2) AS second, fb_cut('{9,8.8,8.7,4,3.9,3.8,1,0.9}', 3) AS all, fb_cut('{0.1,0.12,0.5,0.52}', 1) AS distances,
  fb_cut('{5}', 1) AS one, fb_cut('{5,4}', 1) AS two, fb_cut('{5,5,5}', 1) AS equal, fb_cut('{9,8.9,8.8,1}', 1) AS last, fb_cut('{9,NULL,1}', 1) AS null_ends, fb_cut('{}', 1) AS none, fb_cut('{4,3,2,1}', 1) AS even;
SELECT try('SELECT autocut(1, 0) OVER ()'), try('SELECT autocut(1, NULL) OVER ()');
-- the same by the formula: excess over the straight line has a local maximum
WITH s AS (SELECT seed, i, sum((hashint4(seed * 131 + i) & 31) / 8.0) OVER (PARTITION BY seed ORDER BY i DESC) AS score FROM generate_series(1, 50) seed, generate_series(1, 12) i),
  x AS (SELECT *, (score - first_value(score) OVER w) / nullif(last_value(score) OVER w - first_value(score) OVER w, 0) - (i - 1) / 11.0 AS excess FROM s WINDOW w AS (PARTITION BY seed ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)),
  p AS (SELECT *, excess > lag(excess) OVER w AND excess > CASE WHEN i = 12 THEN lag(excess, 2) OVER w ELSE lead(excess) OVER w END AS peak FROM x WINDOW w AS (PARTITION BY seed ORDER BY i)),
  cut AS (SELECT seed, coalesce(min(i) FILTER (WHERE peak), 13) - 1 AS keep, coalesce((array_agg(i ORDER BY i) FILTER (WHERE peak))[2], 13) - 1 AS keep2 FROM p GROUP BY seed),
  ours AS (SELECT seed, count(*) FILTER (WHERE a) AS keep, count(*) FILTER (WHERE b) AS keep2 FROM (SELECT seed, autocut(score::float8) OVER w AS a, autocut(score::float8, 2) OVER w AS b FROM s WINDOW w AS (PARTITION BY seed ORDER BY i)) k GROUP BY seed)
SELECT count(*), bool_and(cut.keep = ours.keep) AS one_jump, bool_and(cut.keep2 = ours.keep2) AS two_jumps, count(DISTINCT ours.keep) > 3 AS varied FROM cut JOIN ours USING (seed);

-- as many as are relevant, but at most k
SELECT s, up_to_k(s, 4, 0.5) OVER w AS half, up_to_k(s, 2, 0.5) OVER w AS two, up_to_k(s, 9, 0.9, 8) OVER w AS floor8, up_to_k(s, 9, 0) OVER w AS all FROM unnest('{10,9,5,4.9,NULL}'::float8[]) s WINDOW w AS (ORDER BY s DESC NULLS LAST);
SELECT try('SELECT up_to_k(1, ' || a || ') OVER ()') FROM unnest(ARRAY['0, 0.5', 'NULL, 0.5', '1, 1.5', '1, ''NaN''', '1, NULL', '1, 0.5, ''inf''']) a;

-- mmr against its definition in PL/pgSQL
CREATE TABLE fb_mmr AS SELECT i AS id, 'n' || i AS name, CASE WHEN i % 10 > 0 THEN (SELECT array_agg(hashint4(i * 100 + d) & 127) FROM generate_series(1, 8) d)::vector END AS v, (hashint4(i * 7) & 15) / 15.0::float8 AS score FROM generate_series(1, 40) i;
INSERT INTO fb_mmr VALUES (41, 'n41', '[0,0,0,0,0,0,0,0]', 1), (42, 'n42', '[1,1,1,1,1,1,1,1]', NULL);
CREATE FUNCTION fb_mmr_sql(lambda float8, k int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE chosen int[] := '{}'; next int;
BEGIN
  LOOP
    SELECT id INTO next FROM (SELECT id, score, coalesce((SELECT max(coalesce(1 - nullif(c.v <=> o.v, 'NaN'), 0)) FROM fb_mmr o WHERE o.id = ANY (chosen)), 0) AS nearest FROM fb_mmr c WHERE score IS NOT NULL AND id <> ALL (chosen)) x
    ORDER BY round((lambda * score - (1 - lambda) * nearest)::numeric, 6) DESC, score DESC, id LIMIT 1;
    EXIT WHEN next IS NULL OR cardinality(chosen) = k;
    chosen := chosen || next;
  END LOOP;
  RETURN chosen;
END $$;
SELECT l, mmr(id, v, score, l, 12) = fb_mmr_sql(l, 12) AS same, mmr(id, v, score, l, 12) FROM fb_mmr, unnest('{0,0.3,0.5,0.9,1}'::float8[]) l GROUP BY l ORDER BY l;
SELECT same_for_all_simd('SELECT mmr(id, v, score, 0.4, 20) FROM fb_mmr');
SELECT cardinality(mmr(id, v, score, 0.5, NULL)) AS everything, mmr(name, v, score, 1, 3) AS by_name, pg_typeof(mmr(name, v, score, 1, 3)), mmr(id, v, NULL, 0.5, 3) IS NULL AS no_scores FROM fb_mmr;
SELECT mmr(id, v::halfvec::vector, score, 0.5, 3) = mmr(id, v, score, 0.5, 3) AS halfvec FROM fb_mmr;
SELECT try('SELECT mmr(' || a || ') FROM (VALUES (1, ''[1,2]''::vector, 0.5), (2, ''[1,2,3]'', 0.5)) x (id, v, s)') FROM unnest(ARRAY['id, v, s, 0.5, 1', 'id, ''[1]'', s, 1.5, 1', 'id, ''[1]'', s, NULL, 1', 'id, ''[1]'', s, ''NaN'', 1', 'id, ''[1]'', s, 0.5, 0', 'NULL::int, ''[1]'', s, 0.5, 1', 'id, ''[1]'', ''NaN'', 0.5, 1']) a;

-- the best chunk of each document, then as many as are relevant
SELECT doc, score FROM (SELECT doc, score, up_to_k(score, 10, 0.95) OVER (ORDER BY score DESC, doc) AS keep FROM (SELECT DISTINCT ON (doc) doc, score FROM fb ORDER BY doc, score DESC) best) s WHERE keep ORDER BY score DESC, doc;
DROP TABLE fb, fb_mmr;
DROP FUNCTION fb_cut, fb_mmr_sql;
