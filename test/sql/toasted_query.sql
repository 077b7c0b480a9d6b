-- A query that is out of line or compressed, and the same for many rows.
-- covers: argcache
CREATE FUNCTION random_vector(seed int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg(hashint4(seed * 10007 + i) % 100)::vector FROM generate_series(1, dim) i $$;
CREATE TABLE docs (id int, v vector, h halfvec, s sparsevec, b bit varying);
ALTER TABLE docs ALTER v SET STORAGE plain, ALTER h SET STORAGE plain, ALTER s SET STORAGE plain;
INSERT INTO docs SELECT g, v, v, v::sparsevec, binary_quantize(v)::bit varying
  FROM (SELECT g, random_vector(g, 540) AS v FROM generate_series(1, 200) g) x;
-- out of line, one of them like no document
CREATE TABLE queries AS SELECT * FROM docs WHERE id < 3;
ALTER TABLE queries ALTER v SET STORAGE external, ALTER h SET STORAGE external,
  ALTER s SET STORAGE external, ALTER b SET STORAGE external;
INSERT INTO queries SELECT 3, v, v, v::sparsevec, binary_quantize(v)::bit varying FROM (SELECT random_vector(1000, 540) AS v) x;
-- compressed in line
CREATE TABLE zeros (id int, v vector);
ALTER TABLE zeros ALTER v SET STORAGE main;
INSERT INTO zeros SELECT g, array_fill(g::real, ARRAY[540])::vector FROM generate_series(1, 3) g;
SELECT bool_and(pg_column_size(v) < 300) AS compressed FROM zeros;
-- either side, the query changing from row to row or not
CREATE VIEW distances AS
SELECT q.id AS q, d.id AS d, q.v <-> d.v AS a, d.v <-> q.v AS b, q.v <=> d.v AS c, d.h <#> q.h AS e, d.s <+> q.s AS f, d.b <~> q.b AS g, d.b <%> q.b AS h, z.v <-> d.v AS i
  FROM queries q, docs d, zeros z WHERE z.id = q.id;
CREATE TABLE plain AS SELECT id, v::text::vector AS v, h::text::halfvec AS h, s::text::sparsevec AS s, b::text::bit varying AS b FROM queries;
SET enable_hashjoin = off; SET enable_mergejoin = off;
CREATE TABLE rows_inside AS SELECT * FROM distances ORDER BY q, d;
CREATE TABLE queries_inside AS SELECT * FROM distances ORDER BY d, q;
SELECT count(*), count(DISTINCT (q, d)) FROM rows_inside;
(TABLE rows_inside EXCEPT TABLE queries_inside) UNION ALL (TABLE queries_inside EXCEPT TABLE rows_inside);
-- as with the queries' text
SELECT count(*) FROM rows_inside r JOIN plain p ON p.id = r.q JOIN docs d ON d.id = r.d JOIN zeros z ON z.id = r.q
  WHERE r.a <> d.v <-> p.v OR r.b <> p.v <-> d.v OR r.c <> d.v <=> p.v OR r.e <> d.h <#> p.h OR r.f <> d.s <+> p.s
    OR r.g <> d.b <~> p.b OR r.h <> d.b <%> p.b OR r.i <> d.v <-> z.v::text::vector;
-- fetched a few times, not once a row
SELECT pg_stat_force_next_flush();
SELECT toast_blks_read + toast_blks_hit AS before FROM pg_statio_user_tables WHERE relname = 'queries' \gset
SELECT sum(v <-> (SELECT v FROM queries WHERE id = 3)) > 0 AS more FROM docs;
SELECT pg_stat_force_next_flush();
SELECT toast_blks_read + toast_blks_hit - :before < 30 AS few FROM pg_statio_user_tables WHERE relname = 'queries';
DROP TABLE plain, rows_inside, queries_inside;
