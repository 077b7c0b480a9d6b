-- sparsevec and bit.
-- covers: sparse sparse_ops sparse_accum kernel_sparse bitvec
SELECT try_input('sparsevec', '{1:1.5,3:-2}/5', ' { 3 : 2 , 1 : 1 } / 5 ', '{}/3', '{1:0,2:0}/2', '{5:1,1:2}/5', '{1:-0}/1', '{1000000000:1}/1000000000');
SELECT try_input('sparsevec', '', '{', '{}', '{}/', '{}/1a', '{}/0', '{}/-1', '{}/1000000001', '{}/99999999999999999999', '{:}/1', '{1:}/1', '{:1}/1', '{1:1,}/2', '{1:1 2:1}/2', '{1:1}/2x', '[1]',
  '{1:1,1:2}/2', '{0:1}/2', '{3:1}/2', '{-1:1}/2', '{4294967297:1}/2', '{1:nan}/1', '{1:inf}/1', '{1:1e-46}/1', '{1:4e38}/1', '{1:a}/1');
SELECT try('SELECT (''{'' || string_agg(i || '':1'', '','') || ''}/20000'')::sparsevec FROM generate_series(1, 16001) i');
SELECT length((SELECT ('{' || string_agg(i || ':1', ',') || '}/20000')::sparsevec FROM generate_series(1, 16000) i)::text);
SELECT try_input('sparsevec(5)', '{1:1}/5', '{1:1}/4'), try('SELECT NULL::sparsevec(0)'), try('SELECT NULL::sparsevec(1000000001)');
SELECT sparsevec_send('{2:1.5,4:-2}/5'), try_binary('sparsevec', sparsevec_send('{2:1.5,4:-2}/5'));
SELECT p, try_binary('sparsevec', p::bytea) FROM unnest(ARRAY['\x', '\x00000005', '\x000000050000000000000000', '\x00000000 00000000 00000000', '\x00000005ffffffff00000000', '\x0000000500000006 00000000', '\x00000005000040000000 0000',
  '\x3b9aca000000ffff00000000', '\x000000050000000100000001 00000000 3f800000', '\x00000005 00000001 00000000 00000005 3f800000', '\x00000005 00000001 00000000 ffffffff 3f800000', '\x00000005 00000002 00000000 00000001 00000001 3f800000 3f800000',
  '\x00000005 00000002 00000000 00000002 00000001 3f800000 3f800000', '\x00000005 00000001 00000000 00000001 00000000', '\x00000005 00000001 00000000 00000001 7fc00000', '\x00000005 00000002 00000000 00000001 00000002 3f800000']) p;

SELECT '{1:1,2:2}/3'::sparsevec <-> '{2:2,3:1}/3' AS l2, '{1:1,2:2}/3'::sparsevec <#> '{2:3}/3' AS neg_ip, '{1:1,2:1}/2'::sparsevec <=> '{1:-1,2:-1}/2' AS cosine, '{1:1,2:2}/3'::sparsevec <+> '{2:-2,3:1}/3' AS l1;
SELECT cosine_distance('{}/2'::sparsevec, '{1:1}/2'), try('SELECT ''{}/2''::sparsevec <-> ''{}/3'''), l2_norm('{1:3,9:4}/9'::sparsevec), l2_normalize('{1:3,9:4}/9'::sparsevec), l2_normalize('{}/9'::sparsevec);
-- as dense vectors give, for overlapping and far-apart lists and lists of very different length
SELECT count(*), bool_and(abs((s <-> t) - (s::vector <-> t::vector)) < 1e-4) l2, bool_and(abs((s <#> t) - (s::vector <#> t::vector)) < 1e-4) ip, bool_and(abs((s <+> t) - (s::vector <+> t::vector)) < 1e-3) l1, bool_and(abs((s <=> t) - (s::vector <=> t::vector)) < 1e-5) cosine
FROM (SELECT (SELECT array_agg(CASE WHEN (i * 31 + k) % m = 0 THEN i % 7 - 3.5 ELSE 0 END ORDER BY i)::vector::sparsevec FROM generate_series(1, 2000) i) s,
             (SELECT array_agg(CASE WHEN (i * 17 + k) % n = 0 THEN i % 5 - 1.5 ELSE 0 END ORDER BY i)::vector::sparsevec FROM generate_series(1, 2000) i) t
      FROM generate_series(0, 3) k, unnest(ARRAY[1, 3, 50, 700]) m, unnest(ARRAY[1, 2, 60, 900]) n) x;

-- order as of the dense vectors they stand for
SELECT s FROM unnest(ARRAY['{1:1}/2', '{}/2', '{2:1}/2', '{1:-1}/2', '{}/1', '{1:1}/3', '{2:-1}/2']::sparsevec[]) s ORDER BY s;
SELECT bool_and(sparsevec_cmp(s, t) = vector_cmp(s::vector, t::vector)) FROM unnest(ARRAY['{1:1}/2', '{}/2', '{2:1}/2', '{1:-1}/2', '{}/1', '{1:1}/3', '{2:-1}/2', '{3:1}/3', '{3:-1}/3']::sparsevec[]) s, unnest(ARRAY['{1:1}/2', '{}/2', '{2:1}/2', '{1:-1}/2', '{}/1', '{1:1}/3', '{2:-1}/2', '{3:1}/3', '{3:-1}/3']::sparsevec[]) t;

SELECT '[0,1.5,0,3]'::vector::sparsevec, '{2:1.5,4:3}/4'::sparsevec::vector, '[0,1.5]'::halfvec::sparsevec, '{2:1.5}/2'::sparsevec::halfvec, ARRAY[1,0,2]::sparsevec;
SELECT try('SELECT ' || e) FROM unnest(ARRAY['''{}/16001''::sparsevec::vector', '''{1:65520}/1''::sparsevec::halfvec', '''{1,NULL}''::real[]::sparsevec', '''{}''::real[]::sparsevec', '''{1:1}/2''::sparsevec::sparsevec(3)', '''{1:1}/2''::sparsevec::vector(3)']) e;

-- sum and avg: double precision, nulls ignored, zeros that come out dropped
SELECT sum(s), avg(s) FROM (VALUES ('{1:1,3:2}/5'::sparsevec), ('{1:-1,2:4}/5'), (NULL)) t (s);
SELECT sum(s), avg(s) FROM (SELECT NULL::sparsevec WHERE false) t (s);
SELECT try('SELECT sum(s) FROM (VALUES (''{1:1}/2''::sparsevec), (''{1:1}/3'')) t (s)'), try('SELECT sum(s) FROM (VALUES (''{1:3e38}/1''::sparsevec), (''{1:3e38}/1'')) t (s)');
SELECT sum(s) = '{1:0.1,2:16777216}/2' AS kept FROM (SELECT CASE WHEN i = 1 THEN '{1:0.1,2:16777215}/2'::sparsevec WHEN i = 2 THEN '{2:1}/2' ELSE '{}/2' END s FROM generate_series(1, 10) i) t;
SELECT try('SELECT sum(s) FROM (SELECT (''{'' || string_agg(i || '':1'', '','') || ''}/40000'')::sparsevec s FROM generate_series(1, 32000) i GROUP BY i % 2) t');
SELECT try(format('SELECT sparsevec_combine(%L, %L)', a, b)) FROM (VALUES ('{0}', '{0}'), ('{1,5,0,2}', '{2,5,0,1,3,7}'), ('{0}', '{1,5}'), ('{1,5}', '{1,6}'), ('{3}', '{0}'), ('{1,5,2}', '{0}'), ('{{1,2}}', '{0}'), ('{1,NULL}', '{0}')) t (a, b);
SELECT try(format('SELECT sparsevec_sum(%L)', a)) FROM unnest(ARRAY['{0}', '{1,5,2,3}', '{1,5,7,3}', '{1,5,2,1,1,1}', '{1,0}', '{1,5,-1,1}', '{1,5,1,NaN}', '{1,NaN}']) a;

-- bit
SELECT hamming_distance('1011', '1101'), '111'::bit(3) <~> '000'::bit(3), hamming_distance('', ''), jaccard_distance('1100', '0110'), '1'::bit <%> '0'::bit, jaccard_distance('', ''), jaccard_distance('111', '111');
SELECT try('SELECT hamming_distance(''111'', ''00'')'), try('SELECT jaccard_distance(''111'', ''00'')'), hamming_distance('111', '000'::varbit(4));
SELECT same_for_all_simd($$ SELECT string_agg(hamming_distance(a, b) || ' ' || round(jaccard_distance(a, b)::numeric, 5), ',' ORDER BY n) FROM (SELECT n, string_agg((i % 3 / 2)::text, '' ORDER BY i)::varbit::bit(2000) a, string_agg((i % 5 / 3)::text, '' ORDER BY i)::varbit::bit(2000) b FROM generate_series(1, 300) n, generate_series(1, n * 6) i GROUP BY n) s $$);
SELECT count(*), bool_and(hamming_distance(a, b) = length(replace((a # b)::text, '0', ''))) FROM (SELECT n, string_agg((i % 3 / 2)::text, '' ORDER BY i)::varbit a, string_agg((i % 5 / 3)::text, '' ORDER BY i)::varbit b FROM generate_series(1, 300) n, generate_series(1, n) i GROUP BY n) s;
