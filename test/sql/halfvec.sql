-- halfvec: what differs from vector: range, rounding, binary format.
-- covers: halfvec dense dense_ops elem
SELECT try_input('halfvec', '[1,2,3]', '[0.1]', '[65504]', '[65519]', '[65520]', '[-65520]', '[1e-8]', '[6e-8]', '[NaN]', '[inf]', '[]', '[1,', '[4e38]', '[1e-46]', '[2049]', '[2051]');
SELECT try_input('halfvec(2)', '[1,2]', '[1]'), try('SELECT NULL::halfvec(16001)'), try('SELECT NULL::halfvec(0)');
SELECT halfvec_send('[1,-2.5,65504,6e-8]');
SELECT p, try_binary('halfvec', p::bytea) FROM unnest(ARRAY['\x000200003c00c100', '\x000100007c00', '\x000100007e00', '\x0001fc00', '\x00003c00', '\x00010000', '\x000100013c00']) p;
SELECT '[1,2]'::halfvec + '[3,4]' AS add, '[1,2]'::halfvec - '[3,4]' AS sub, '[1,2]'::halfvec * '[3,4]' AS mul, '[1]'::halfvec || '[2,3]' AS concat;
SELECT try(format('SELECT %L::halfvec %s %L::halfvec', a, op, b)) FROM (VALUES
  ('[65504]', '+', '[65504]'), ('[-65504]', '-', '[65504]'), ('[300]', '*', '[300]'), ('[1e-7]', '*', '[1e-7]'), ('[1,2]', '+', '[1]'), ('[1,2]', '<->', '[1]')) t (a, op, b);
SELECT '[0,0]'::halfvec <-> '[3,4]' AS l2, '[1,2]'::halfvec <#> '[3,4]' AS neg_ip, '[1,1]'::halfvec <=> '[-1,-1]' AS cosine, '[0,0]'::halfvec <+> '[3,-4]' AS l1;
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), inner_product('[65504]'::halfvec, '[65504]'), cosine_distance('[1,0]'::halfvec, '[0,2]'), l1_distance('[0]'::halfvec, '[65504]'), cosine_distance('[0]'::halfvec, '[1]');
SELECT same_for_all_simd($$
  SELECT string_agg(round((v <-> w)::numeric, 3) || ' ' || round((v <#> w)::numeric, 3) || ' ' || round((v <+> w)::numeric, 3) || ' ' || round((v <=> w)::numeric, 4), ',' ORDER BY n)
  FROM (SELECT n, array_agg((i * 7 % 11 - 5) / 4.0 ORDER BY i)::halfvec v, array_agg((i * 5 % 13 - 6) / 8.0 ORDER BY i)::halfvec w FROM generate_series(1, 140) n, generate_series(1, n) i GROUP BY n) s $$);
-- the same numbers as vector gives
SELECT bool_and((v <-> w) = (v::vector <-> w::vector) OR abs((v <-> w) - (v::vector <-> w::vector)) < 1e-5) AS l2, bool_and(abs((v <#> w) - (v::vector <#> w::vector)) < 1e-4) AS ip
FROM (SELECT n, array_agg((i * 7 % 11 - 5) / 4.0 ORDER BY i)::halfvec v, array_agg((i * 5 % 13 - 6) / 8.0 ORDER BY i)::halfvec w FROM generate_series(1, 140) n, generate_series(1, n) i GROUP BY n) s;
SELECT vector_dims('[1,2,3]'::halfvec), l2_norm('[3,4]'::halfvec), l2_normalize('[3,4]'::halfvec), l2_normalize('[65504]'::halfvec), l2_normalize('[0]'::halfvec);
SELECT binary_quantize('[1,0,-1]'::halfvec), subvector('[1,2,3,4]'::halfvec, 2, 2), '[1]'::halfvec < '[2]', '[0]'::halfvec = '[-0]';
SELECT '[1.0001,2]'::vector::halfvec, '[1,2]'::halfvec::vector, '[1,2]'::halfvec::real[], '{1,2}'::int[]::halfvec, '{0.1}'::float8[]::halfvec, try('SELECT ''{65520}''::int[]::halfvec'), try('SELECT ''[1,2]''::halfvec::vector(3)');
-- all 63,488 finite halves through text and back
SELECT count(*), bool_and(halfvec_send(v) = halfvec_send((v::text)::halfvec)) FROM (
  SELECT (CASE WHEN e = 0 THEN f * 2.0 ^ -24 ELSE (1024 + f) * 2.0 ^ (e - 25) END * s)::float8 AS x FROM generate_series(0, 30) e, generate_series(0, 1023) f, unnest(ARRAY[1, -1]) s) h,
  LATERAL (SELECT ARRAY[x]::float8[]::halfvec v) c;
