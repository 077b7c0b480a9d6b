-- multivector: text and binary, type modifier, element kinds, casts, functions.
-- covers: multivector_ops multivector_io multivector_build
SELECT try_input('multivector', '[[1,2],[3,4]]', ' [ [1 , 2] , [ 3,4 ] ] ', '[]', ' [ ] ', '[[1]]', '[[1e-46]]');
SELECT try_input('multivector', '', '[', '[[', '[[1', '[[1]', '[[1],', '[[1],]', '[[]]', '[[1,2],[3]]', '[[1,2],[]]', '[1,2]', '{[1]}', '[[1]]x', '[[1]][', '[[1] [2]]', '[[1,]]', '[[a]]', '[[nan]]', '[[1],[inf]]', '[[4e38]]');
SELECT try_input('multivector(2)', '[[1,2],[3,4]]', '[[1,2,3]]', '[]');
SELECT try_input('multivector(2, f16)', '[[1,0.1]]', '[[65520,1]]', '[[1,2,3]]', '[]');
SELECT try_input('multivector(2, i8)', '[[1,2],[127,-127],[0,0]]', '[[1,1000]]', '[[3.4e38,-1e38]]', '[[1e-39,0]]', '[[1]]');
SELECT try('SELECT NULL::multivector(' || m || ')') FROM unnest(ARRAY['1', '16000', '0', '16001', '-1', '1, f64', '1, f16, 2', '''a''', '99999999999']) m;
SELECT try('SELECT (''[['' || repeat(''1,'', 16000) || ''1]]'')::multivector');
CREATE TABLE mv (a multivector, b multivector(2), c multivector(2, f16), d multivector(2, i8));
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'mv'::regclass AND attnum > 0 ORDER BY attnum;
-- assignment converts the element kind and checks the dimension
INSERT INTO mv SELECT m, m, m, m FROM (SELECT '[[1,0.1],[100,2]]'::multivector m) s;
SELECT * FROM mv;
SELECT pg_column_size(a) > pg_column_size(c), pg_column_size(c) > 0, b = c AS rounded, b::multivector(2, f16) = c AS same FROM mv;
SELECT try('INSERT INTO mv (b) VALUES (''[[1,2,3]]'')'), try('INSERT INTO mv (d) SELECT ''[[1,2,3]]''::multivector RETURNING 1');
SELECT try('INSERT INTO mv (c) SELECT ''[[65520,1]]''::multivector RETURNING 1');

-- binary: int16 dim, int8 kind, int8 0, int32 count; scales of i8; elements
SELECT multivector_send('[[1,2],[3,4]]'), multivector_send('[[1,2]]'::multivector(2, f16)), multivector_send('[[1,-2]]'::multivector(2, i8)), multivector_send('[]');
SELECT try_binary('multivector', multivector_send('[[1,2],[3,4]]')), try_binary('multivector(2, f16)', multivector_send('[[1,0.1]]'::multivector(2, f16))), try_binary('multivector(2, i8)', multivector_send('[[1,-2]]')), try_binary('multivector(3)', multivector_send('[[1,2]]'));
SELECT p, try_binary('multivector', p::bytea) FROM unnest(ARRAY['\x', '\x0001', '\x0001 00 00 00000001', '\x0001 00 00 00000001 3f80', '\x0001 00 00 00000001 3f800000', '\x0001 00 00 00000001 3f80000000', '\x0001 00 00 7fffffff 3f800000', '\x0001 00 00 ffffffff', '\x0001 03 00 00000000', '\x0001 00 01 00000000',
  '\x0000 00 00 00000001', '\x0000 00 00 00000000', '\x3e80 00 00 00000000', '\x3e81 00 00 00000000', '\xffff 00 00 00000001', '\x0001 00 00 00000001 7fc00000', '\x0001 01 00 00000001 7c00', '\x0001 02 00 00000001 3f800000 7f', '\x0001 02 00 00000001 3f800000 80', '\x0001 02 00 00000001 bf800000 7f', '\x0001 02 00 00000001 7f800000 7f', '\x0001 02 00 00000001 3f800000 01']) p;

-- i8: text and binary are exact inverses, for ordinary, huge, tiny and flat tokens
SELECT scale, count(*), bool_and(multivector_send(m) = multivector_send(m::text::multivector(16, i8))) AS text, bool_and(try_binary('multivector(16,i8)', multivector_send(m)) = m::text) AS binary
FROM (SELECT scale, ('[[' || string_agg((CASE WHEN t % 4 = 0 THEN 1 WHEN i = t % 16 THEN 1 ELSE ((i * 7919 + t * 104729) % 2003 - 1001) / 1001.0 END * scale)::text, ',' ORDER BY i) || ']]')::multivector(16, i8) m
      FROM unnest(ARRAY[1, 0.37, 1e30, 3.402823e38, 1e-20, 2e-36, 1.5e-37, 1e-44]::float8[]) scale, generate_series(1, 50) t, generate_series(0, 15) i GROUP BY scale, t) s GROUP BY scale ORDER BY scale;
-- and each element is within half a step of what was given
SELECT bool_and(abs(a - b) <= 0.5 * 2 / 127 + 1e-6) FROM (SELECT unnest((unnest('[[2,-1.7,0.33,0.005,-0.009]]'::multivector)::real[])) a, unnest((unnest('[[2,-1.7,0.33,0.005,-0.009]]'::multivector(5, i8))::real[])) b) s;

-- casts
SELECT '{"[1,2]","[3,4]"}'::vector[]::multivector, '{"[1,2]"}'::halfvec[]::multivector(2, f16), '{{1,2},{3,4}}'::real[]::multivector, '{}'::vector[]::multivector, '[[1,2],[3,4]]'::multivector::vector[], '[]'::multivector::vector[], multivector('{1,2,3,4}', 2);
SELECT try('SELECT ' || e) FROM unnest(ARRAY['''{"[1,2]",NULL}''::vector[]::multivector', '''{"[1,2]","[3]"}''::vector[]::multivector', '''{{1,NULL}}''::real[]::multivector', '''{1,2}''::real[]::multivector', '''{{{1}}}''::real[]::multivector', '''{{1,NaN}}''::real[]::multivector',
  '''{{1,2}}''::real[]::multivector(3)', 'multivector(''{1,2,3}'', 2)', 'multivector(''{1,2,3}'', 0)', 'multivector(''{1,NULL}'', 2)', 'multivector(''{1,Infinity}'', 2)', 'multivector(''{}'', 2)', '''{{"[1]"}}''::vector[]::multivector']) e;

-- from what drivers send: arrays of other numbers, JSON
SELECT '{{1,2},{3,4}}'::float8[]::multivector, '{{1,2},{3,4}}'::int[]::multivector(2, f16), '{{1.5,2},{3,4}}'::numeric[]::multivector, '[[1, 2.5],[-3e-2,4]]'::jsonb::multivector, '[]'::jsonb::multivector, '{}'::float8[]::multivector, '[[1,-2]]'::jsonb::multivector(2, i8);
INSERT INTO mv (c) VALUES ('{{1,2},{3,4}}'::float8[]), ('{{1,2}}'::int[]), ('{{1,2}}'::numeric[]), ('[[1,2]]'::jsonb) RETURNING c;
DELETE FROM mv WHERE c <= '[[1,2],[3,4]]';
SELECT try('SELECT ' || e) FROM unnest(ARRAY['''{{1,NULL}}''::float8[]::multivector', '''{1,2}''::float8[]::multivector', '''{{1,1e39}}''::float8[]::multivector', '''{{1,NaN}}''::numeric[]::multivector', '''{{1,2}}''::int[]::multivector(3)', '''{{70000,2}}''::int[]::multivector(2, f16)',
  '''[1,2]''::jsonb::multivector', '''[[1,2],[3]]''::jsonb::multivector', '''[[1,"2"]]''::jsonb::multivector', '''[[1,null]]''::jsonb::multivector', '''{"a": 1}''::jsonb::multivector', '''7''::jsonb::multivector', '''null''::jsonb::multivector', '''[[1e400]]''::jsonb::multivector', '''[[1,2]]''::jsonb::multivector(3)', '''[[[1]]]''::jsonb::multivector', '''[[]]''::jsonb::multivector']) e;

-- shape, unnest, aggregation
SELECT multivector_dims('[[1,2,3]]'), token_count('[[1,2,3],[4,5,6]]'), multivector_dims('[]'), token_count('[]');
SELECT t, n FROM unnest('[[1,2],[3,4]]'::multivector) WITH ORDINALITY u (t, n);
SELECT count(*) FROM unnest('[]'::multivector);
SELECT multivector_agg(v ORDER BY i DESC), multivector_agg(v ORDER BY i) FILTER (WHERE i > 1), multivector_agg(v) FILTER (WHERE i > 9) FROM (VALUES (1, '[1,2]'::vector), (2, '[3,4]'), (3, NULL)) t (i, v);
SELECT multivector_agg(v ORDER BY i)::multivector(2, f16) = multivector_agg(v::halfvec ORDER BY i), multivector_send(multivector_agg(v::halfvec ORDER BY i)) FROM (VALUES (1, '[1,2]'::vector), (2, '[3,4]')) t (i, v);
SELECT i, multivector_agg(v) OVER (ORDER BY i) FROM (VALUES (1, '[1]'::vector), (2, '[2]'), (3, '[3]')) t (i, v);
SELECT try('SELECT multivector_agg(v) FROM (VALUES (''[1]''::vector), (''[1,2]'')) t (v)');
SELECT l2_normalize('[[3,4],[0,0],[0,2]]'::multivector), l2_normalize('[]'::multivector), subvector('[[1,2,3],[4,5,6]]'::multivector, 1, 2), subvector('[[1,2,3],[4,5,6]]'::multivector, 3, 9), subvector('[]'::multivector, 1, 2), try('SELECT subvector(''[[1,2]]''::multivector, 3, 1)');

-- comparison does not see the element kind
SELECT m FROM unnest(ARRAY['[[2]]', '[[1],[2]]', '[[1]]', '[]', '[[1,1]]', '[[-0]]']::multivector[]) m ORDER BY m;
SELECT '[[1,2]]'::multivector = '[[1,2]]'::multivector(2, f16), '[[0]]'::multivector = '[[-0]]', '[[1]]'::multivector <> '[[1],[1]]', '[[1]]'::multivector < '[[2]]', multivector_cmp('[[1]]', '[[1]]');
SELECT count(DISTINCT m), count(*) FROM (VALUES ('[[1,2]]'::multivector), ('[[1,2]]'::multivector(2, f16)), ('[[2,1]]'), ('[]')) t (m);
SELECT multivector_hash('[[1,2]]') = multivector_hash('[[1,2]]'::multivector(2, f16)), multivector_hash('[[0]]') = multivector_hash('[[-0]]');
SET enable_sort = off;
SELECT count(*) FROM (VALUES ('[[1,2]]'::multivector), ('[[3,4]]')) a (m) JOIN (VALUES ('[[3,4]]'::multivector(2, f16)::multivector)) b (m) USING (m);
RESET enable_sort;

-- out of line
INSERT INTO mv (c) SELECT multivector_agg(ARRAY[i % 7, i]::vector ORDER BY i) FROM generate_series(1, 2000) i;
SELECT token_count(c), multivector_dims(c), (SELECT sum(t) FROM unnest(c) t) FROM mv WHERE b IS NULL;
DROP TABLE mv;

-- empty values are all alike, as text makes them, whatever they were made of
CREATE TABLE mv_empty (m multivector);
-- 188 dimensions, i8, no token
DO $$
DECLARE
  file text := current_setting('data_directory') || '/pgr_empty';
  oid oid := lo_from_bytea(0, '\x5047434f50590aff0d0a00'::bytea || '\x0000000000000000'::bytea || '\x0001'::bytea || int4send(8) || '\x00bc020000000000'::bytea || '\xffff'::bytea);
BEGIN
  PERFORM lo_export(oid, file);
  PERFORM lo_unlink(oid);
  EXECUTE format('COPY mv_empty FROM %L WITH (FORMAT binary)', file);
END $$;
INSERT INTO mv_empty VALUES ('[]'::multivector(188, i8)), (subvector('[]'::multivector(3), 1, 2)), (l2_normalize('[]'::multivector(3, f16)));
SELECT m = '[]' AS same, m::text::multivector = m AS round_trip, multivector_dims(m) AS dims, multivector_hash(m) = multivector_hash('[]') AS hash FROM mv_empty;
DROP TABLE mv_empty;
