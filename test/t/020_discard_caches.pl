# Every access method while each access to the catalogs throws all cached entries away
# (debug_discard_caches, servers with assertions only): what points into a relation's cache
# entry over a point where invalidations arrive is then a crash or a wrong answer for
# certain. The same statements with and without must print the same.
# covers: index_access bm25_lookup bm25_content vecclass
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', "autovacuum = off\n");
if ($node->safe_psql('postgres', 'SHOW debug_assertions') ne 'on')
{
	$node->stop;
	plan skip_all => 'debug_discard_caches needs a server with assertions';
}

my %parts = (
	hnsw => q{
		CREATE TABLE t (id int PRIMARY KEY, v vector(6), h halfvec(6), b bit(8), tag int, words text[]);
		ALTER TABLE t ALTER v SET STORAGE external;
		INSERT INTO t SELECT i, vec(i, 6), vec(i, 6)::halfvec, (i * 37 % 256)::bit(8), i % 3, ARRAY['w' || i % 4, 'x'] FROM generate_series(1, 20) i;
		CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops, tag, words) WITH (m = 4, ef_construction = 16);
		CREATE INDEX t_h ON t USING hnsw (h halfvec_cosine_ops) WITH (storage = full);
		CREATE INDEX t_e ON t USING hnsw ((v::halfvec(6)) halfvec_ip_ops) WITH (storage = full, code_bits = 4);
		CREATE INDEX t_b ON t USING hnsw (b bit_hamming_ops);
		INSERT INTO t SELECT i, vec(i, 6), vec(i, 6)::halfvec, (i * 37 % 256)::bit(8), i % 3, ARRAY['w' || i % 4, 'x'] FROM generate_series(41, 44) i;
		UPDATE t SET tag = 7 WHERE id IN (3, 43);
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> vec(5, 6) LIMIT 5) x;
		SELECT array_agg(id) FROM (SELECT id FROM t WHERE tag = 7 AND words @> ARRAY['w3'] ORDER BY v <-> vec(5, 6) LIMIT 5) x;
		SELECT count(*) FROM (SELECT id FROM t ORDER BY h <=> vec(5, 6)::halfvec) x;
		SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v::halfvec(6) <#> vec(5, 6)::halfvec(6) LIMIT 5) x;
		SELECT count(*) FROM (SELECT id FROM t ORDER BY b <~> B'00000101' LIMIT 5) x;
		DELETE FROM t WHERE id % 4 = 0;
		VACUUM t;
		SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> vec(5, 6) LIMIT 5) x;
		REINDEX INDEX t_v;
		SELECT count(*) FROM hnsw_check('t_v') a, hnsw_check('t_e') b;
		SELECT nodes FROM hnsw_stats('t_h');
		SELECT index_recall('t_v', 3, 2)},
	# values from another row's TOAST, each larger than any before
	toasted => q{
		CREATE TABLE src (id int, v vector(700));
		ALTER TABLE src ALTER v SET STORAGE external;
		INSERT INTO src SELECT i, array_agg((sin(i * 1000 + d) * (1 + i * .1))::real)::vector FROM generate_series(1, 8) i, generate_series(1, 700) d GROUP BY i;
		CREATE TABLE dst (id int, v vector(700));
		CREATE INDEX dst_v ON dst USING hnsw (v vector_ip_ops) WITH (m = 4, ef_construction = 16);
		INSERT INTO dst SELECT * FROM src ORDER BY id;
		SET enable_seqscan = off;
		SELECT array_agg(id) FROM (SELECT id FROM dst ORDER BY v <#> (SELECT v FROM src WHERE id = 5) LIMIT 3) x;
		SELECT count(*) FROM hnsw_check('dst_v')},
	parallel => q{
		CREATE TABLE p (id int, v vector(4));
		INSERT INTO p SELECT i, vec(i, 4) FROM generate_series(1, 60) i;
		ALTER TABLE p SET (parallel_workers = 1);
		SET min_parallel_table_scan_size = 0;
		CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops);
		CREATE TABLE pb AS SELECT id, 'word' || id % 20 || ' text' AS body FROM p;
		ALTER TABLE pb SET (parallel_workers = 1);
		CREATE INDEX pb_b ON pb USING bm25 (body) WITH (config = 'simple');
		SET enable_seqscan = off;
		SELECT array_agg(id) FROM (SELECT id FROM p ORDER BY v <-> vec(5, 4) LIMIT 5) x;
		SELECT count(*) FROM pb WHERE body @@@ 'word7'},
	bm25 => q{
		CREATE TABLE d (id int PRIMARY KEY, title text, body text, s sparsevec(50));
		INSERT INTO d SELECT i, 'title ' || i % 5, 'running word' || i % 7 || ' document ' || i, ('{' || 1 + i % 40 || ':' || i || ',45:1}/50')::sparsevec FROM generate_series(1, 20) i;
		CREATE INDEX d_b ON d USING bm25 (body) WITH (config = 'english', k1 = 1.3);
		CREATE INDEX d_f ON d USING bm25 ((ARRAY[title, body])) WITH (config = 'simple', scoring = bm25f, field_weights = '2,1');
		CREATE INDEX d_t ON d USING bm25 (to_tsvector('english', body));
		CREATE INDEX d_s ON d USING inverted (s sparsevec_ip_ops);
		INSERT INTO d SELECT i, 'title ' || i % 5, 'running word' || i % 7 || ' document ' || i, ('{' || 1 + i % 40 || ':' || i || ',45:1}/50')::sparsevec FROM generate_series(41, 44) i;
		ANALYZE d;
		SELECT array_agg(id || ' ' || round(s::numeric, 4)) FROM (SELECT id, body <@> 'word3 run' AS s FROM d ORDER BY body <@> 'word3 run', id LIMIT 5) x;
		SET enable_seqscan = off;
		SELECT array_agg(id) FROM (SELECT id FROM d ORDER BY body <@> 'word3 documents', id LIMIT 5) x;
		SELECT count(*) FROM d WHERE body @@@ '"running word3"';
		SELECT count(*) FROM d WHERE ARRAY[title, body] @@@ 'word3';
		SELECT count(*) FROM d WHERE to_tsvector('english', body) @@@ 'word*';
		SELECT array_agg(id) FROM (SELECT id FROM d ORDER BY s <#> '{3:1,45:1}/50' LIMIT 5) x;
		SELECT bm25_merge('d_b') IS NOT NULL;
		DELETE FROM d WHERE id % 4 = 0;
		VACUUM d;
		SELECT count(*) FROM d WHERE body @@@ 'running';
		SELECT count(*) FROM bm25_check('d_b');
		REINDEX INDEX d_b;
		SELECT count(*) FROM d WHERE body @@@ 'running'},
	hybrid => q{
		CREATE TABLE docs (id int PRIMARY KEY, body text, v vector(4), lang text, tokens multivector(2));
		INSERT INTO docs SELECT i, 'apple word' || i % 5, vec(i, 4), 'l' || i % 2, ARRAY[ARRAY[i, 1], ARRAY[1, i]]::real[]::multivector FROM generate_series(1, 10) i;
		CREATE INDEX docs_b ON docs USING bm25 (body) WITH (config = 'english');
		CREATE INDEX docs_v ON docs USING hnsw (v vector_cosine_ops);
		ANALYZE docs;
		SELECT array_agg(hit::int ORDER BY rank) FROM hybrid_search('docs', 'id', ARRAY[leg('body', '<@>', 'word3'), leg('v', '<=>', vec(3, 4)::text)], 5, filter => '{"lang": "l1"}', rerank => leg('tokens', '@#', '[[1,2]]'));
		SELECT count(*) FROM hybrid_search(NULL::docs, ARRAY[leg('body', '<@>', 'apple'), leg('v', '<=>', vec(3, 4)::text)], 5, method => 'cc');
		SELECT array_agg(id) FROM (SELECT id FROM docs ORDER BY v <+> vec(3, 4) LIMIT 3) x;
		SELECT array_agg(id) FROM (SELECT id FROM docs ORDER BY tokens @# '[[1,2]]' LIMIT 3) x},
);

# The slow sessions run beside each other.
my %run;
for my $part (sort keys %parts)
{
	for my $discard (0, 1)
	{
		my $db = "${part}_$discard";
		$node->safe_psql('postgres', "CREATE DATABASE $db");
		$node->safe_psql($db, q{
			CREATE EXTENSION pgretrieve;
			CREATE FUNCTION vec(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
			  SELECT array_agg(((hashint8(i::bigint * 100003 + d)::bigint & 1023) - 512)::real)::vector FROM generate_series(1, dim) d $$});
		$node->safe_psql('postgres', "ALTER DATABASE $db SET debug_discard_caches = $discard");
		my $r = $run{$part}[$discard] = { in => $parts{$part}, out => '' };
		$r->{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db) ],
			'<', \$r->{in}, '>', \$r->{out}, '2>&1');
	}
}
for my $part (sort keys %parts)
{
	for my $discard (0, 1)
	{
		my $r = $run{$part}[$discard];
		$r->{run}->finish;
		is($r->{run}->result(0), 0, "$part, discard $discard: runs") or diag($r->{out});
	}
	is($run{$part}[1]{out}, $run{$part}[0]{out}, "$part: the same answers");
	note($run{$part}[0]{out});
}
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'no process was lost');
$node->stop;
done_testing();
