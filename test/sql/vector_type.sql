-- vector: text and binary input and output, operators, functions, limits.
-- covers: vector dense dense_ops elem
SELECT try_input('vector', '[1,2,3]', '[-1.5, 2e3,.5]', E' [ 1,\t2 ,\n3 ] ', '[1e-46]', '[-0]', '[3.4028235e38]', '[0x1p4]');
SELECT try_input('vector', '', '[', '[ ', '[,', '[]', '[ ]', '[,]', '[1', '[1,', '[1,]', '[,1]', '[1 2]', '[1,,2]', '[1a]', '[a]', '1,2', '{1,2}', '[1]2', '[1]]', '[[1]]');
SELECT try_input('vector', '[NaN]', '[1,nan]', '[Infinity]', '[-inf]', '[4e38]', '[-1e400]');
SELECT try_input('vector(3)', '[1,2,3]', '[1,2]', '[1,2,3,4]');
SELECT try('SELECT NULL::vector(' || m || ')') FROM unnest(ARRAY['0', '-1', '16000', '16001', '2147483648', '''a''', '3, 2']) m;
SELECT try('SELECT vector_dims(array_fill(1, ARRAY[16000])::vector)'), try('SELECT array_fill(1, ARRAY[16001])::vector');
SELECT try('SELECT (''['' || repeat(''1,'', 16000) || ''1]'')::vector');

-- binary: int16 dim, int16 0, dim x float4, as pgvector's
SELECT vector_send('[1,2.5,3]'), vector_send('[-0]');
SELECT try_binary('vector', vector_send('[1,2.5,3]')), try_binary('vector(2)', vector_send('[1,2.5,3]'));
SELECT p, try_binary('vector', p::bytea) FROM unnest(ARRAY[
  '\x', '\x0001', '\x00010000', '\x0001000000000000ff', '\x000100003f80', '\x00000000', '\xffff0000', '\x7fff0000',
  '\x000100013f800000', '\x000100007fc00000', '\x00010000ff800000', '\x00020000 3f800000 7f800000']) p;

-- arithmetic
SELECT '[1,2]'::vector + '[3,4]' AS add, '[1,2]'::vector - '[3,4]' AS sub, '[1,2]'::vector * '[3,4]' AS mul, '[1,2]'::vector || '[3]' AS concat;
SELECT try(format('SELECT %L::vector %s %L::vector', a, op, b)) FROM (VALUES
  ('[3e38]', '+', '[3e38]'), ('[-3e38]', '-', '[3e38]'), ('[1e30]', '*', '[1e30]'), ('[1e-30]', '*', '[1e-30]'), ('[0]', '*', '[1e-30]'),
  ('[1,2]', '+', '[1]'), ('[1,2]', '<->', '[1]'), ('[1]', '<=>', '[1,2]')) t (a, op, b);
SELECT try('SELECT array_fill(1, ARRAY[9000])::vector || array_fill(1, ARRAY[7001])::vector');

-- distances: exact in any order of summation
SELECT '[0,0]'::vector <-> '[3,4]' AS l2, '[1,2]'::vector <#> '[3,4]' AS neg_ip, '[1,1]'::vector <=> '[-1,-1]' AS cosine, '[0,0]'::vector <+> '[3,-4]' AS l1;
SELECT l2_distance('[0,0]'::vector, '[3,4]'), inner_product('[1,2]'::vector, '[3,4]'), cosine_distance('[1,0]'::vector, '[0,2]'), l1_distance('[0,0]'::vector, '[3,4]'),
  vector_l2_squared_distance('[0,0]', '[3,4]'), vector_negative_inner_product('[1,2]', '[3,4]'), vector_spherical_distance('[1,0]', '[0,1]');
SELECT cosine_distance('[0,0]'::vector, '[1,0]'), l2_distance('[3e38]'::vector, '[-3e38]'), inner_product('[3e38]'::vector, '[-3e38]'), cosine_distance('[3e38]'::vector, '[3e38]');
SELECT vector_spherical_distance('[1.1,0]', '[1.1,0]'), vector_spherical_distance('[1.1,0]', '[-1.1,0]');

-- every length has its own tail: against plain SQL, in all instruction sets
SELECT same_for_all_simd($$
  SELECT string_agg(round((v <-> w)::numeric, 3) || ' ' || round((v <#> w)::numeric, 3) || ' ' || round((v <+> w)::numeric, 3) || ' ' || round((v <=> w)::numeric, 4), ',' ORDER BY n)
  FROM (SELECT n, array_agg((i * 7 % 11 - 5) / 4.0 ORDER BY i)::vector v, array_agg((i * 5 % 13 - 6) / 8.0 ORDER BY i)::vector w FROM generate_series(1, 140) n, generate_series(1, n) i GROUP BY n) s $$);
SELECT count(*) AS lengths, bool_and(abs((v <-> w) - l2) < 1e-4) AS l2, bool_and(abs((v <#> w) + ip) < 1e-4) AS ip, bool_and(abs((v <+> w) - l1) < 1e-4) AS l1, bool_and(abs((v <=> w) - (1 - ip / (nv * nw))) < 1e-5) AS cosine
FROM (SELECT n, array_agg(x ORDER BY i)::vector v, array_agg(y ORDER BY i)::vector w, sqrt(sum((x - y) ^ 2)) l2, sum(x * y) ip, sum(abs(x - y)) l1, sqrt(sum(x * x)) nv, sqrt(sum(y * y)) nw
  FROM (SELECT n, i, (i * 7 % 11 - 5.5)::float8 / 4 x, (i * 5 % 13 - 6.5)::float8 / 8 y FROM generate_series(1, 140) n, generate_series(1, n) i) e GROUP BY n) s;

-- functions
SELECT vector_dims('[1,2,3]'::vector), vector_norm('[3,4]'), vector_norm('[3e37,4e37]')::real, vector_norm('[0]');
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[3e38]'::vector);
SELECT binary_quantize('[1,0,-1,0.1,-0.1,5,6,7,8]'::vector);
SELECT s, c, try(format('SELECT subvector(''[1,2,3,4,5]''::vector, %s, %s)', s, c)) FROM (VALUES
  (1, 3), (3, 2), (3, 9), (-1, 3), (5, 1), (6, 1), (1, 0), (3, -1), (-1, 2), (2147483647, 10), (3, 2147483647), (-2147483644, 2147483647), (-2147483648, -2147483648)) t (s, c);

-- order: elements, then length; -0 equals 0
SELECT v FROM unnest(ARRAY['[2]', '[1,2]', '[1]', '[-1,5]', '[1,2,0]', '[0]', '[-0]']::vector[]) v ORDER BY v, v::text;
SELECT '[1,2]'::vector < '[1,3]', '[1]'::vector < '[1,0]', '[0]'::vector = '[-0]', '[1]'::vector <> '[1,1]', '[2]'::vector >= '[2]', '[3]'::vector > '[2,9]', vector_cmp('[1,2]', '[1,1]');

-- arrays and casts
SELECT '{"[1,2]","[3,4]"}'::vector[], '[1,2]'::vector::real[], ARRAY[1,2,3]::vector, '{1.5,2.5}'::float8[]::vector, '{1,2}'::numeric[]::vector(2), '[1,2]'::vector::halfvec;
SELECT try('SELECT ' || e) FROM unnest(ARRAY['''{1,NULL}''::int[]::vector', '''{}''::real[]::vector', '''{{1,2}}''::real[]::vector', '''{NaN}''::real[]::vector',
  '''{1e39}''::float8[]::vector', '''{1,2}''::real[]::vector(3)', '''[1,2]''::vector::vector(3)', '''[65520]''::vector::halfvec', '''{a}''::text[]::vector']) e;

-- out-of-line values: the dimension alone needs no fetch, and all of it works
CREATE TABLE v_toast (id int, v vector(3000));
INSERT INTO v_toast SELECT i, array_fill(i, ARRAY[3000])::vector FROM generate_series(1, 5) i;
SELECT id, vector_dims(v), v <-> array_fill(1, ARRAY[3000])::vector < 1 AS same FROM v_toast ORDER BY v <-> array_fill(1, ARRAY[3000])::vector LIMIT 2;
DROP TABLE v_toast;

-- typmod as clients read it
CREATE TABLE v_typmod (a vector, b vector(3));
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'v_typmod'::regclass AND attnum > 0 ORDER BY attnum;
SELECT try('INSERT INTO v_typmod (b) VALUES (''[1,2]'')'), try('INSERT INTO v_typmod (b) SELECT ''[1,2]''::vector'), try('INSERT INTO v_typmod (b) SELECT ARRAY[1,2,3]::real[]');
DROP TABLE v_typmod;

-- an untyped parameter resolves to the same type
PREPARE v_param AS SELECT '[1,2]'::vector <-> $1, $1 = '[1,2]'::vector;
EXECUTE v_param ('[1,2]');
DEALLOCATE v_param;
