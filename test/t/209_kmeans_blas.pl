# k-means of builds by OpenBLAS: the library is in backends that train something large and in
# no other, starts no thread there, leaves what programs inherit alone; and without it the same
# index is built, with one NOTICE a session.
# covers: blas kmeans
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', "autovacuum = off\nmax_parallel_maintenance_workers = 0\n");

# many parts of few rows: more multiplications than the library is loaded for
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE t (id int, v vector(1600));
	CREATE FUNCTION pseudo(seed int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg(seed % 20 * ((i * (seed % 20)) % 3) + (hashint8(seed::bigint * 100003 + i)::bigint & 65535)::real / 65536)::vector
			FROM generate_series(1, 1600) i $$;
	INSERT INTO t SELECT i, pseudo(i) FROM generate_series(1, 6000) i;
	VACUUM ANALYZE t});

my $create = q{SET maintenance_work_mem = '1MB'; CREATE INDEX t_i ON t USING hnsw (v vector_l2_ops) WITH (m = 8);};
my $found = q{SELECT count(*) FROM t q WHERE id % 50 = 1 AND
	(SELECT n.id FROM t n ORDER BY n.v <-> q.v LIMIT 1) = q.id;};
my $proc = -r '/proc/self/maps';

# what a process has mapped, and how many threads it runs
sub looks
{
	my ($session) = @_;
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	my $threads = () = glob "/proc/$pid/task/*";
	return (slurp_file("/proc/$pid/maps") =~ /openblas/ ? 1 : 0, $threads);
}

SKIP:
{
	skip 'no /proc, or no background_psql, here', 4 unless $proc && $node->can('background_psql');
	my $session = $node->background_psql('postgres');
	$session->query_safe('SET client_min_messages = error');
	my ($mapped, $threads) = looks($session);
	ok(!$mapped, 'a backend that has built nothing has not loaded OpenBLAS');
	$session->query_safe('CREATE INDEX small ON t USING hnsw (v vector_l2_ops) WITH (m = 8); DROP INDEX small');
	ok(!(looks($session))[0], 'nor has one that had nothing large to train');
	$session->query_safe("$create");
	($mapped, $threads) = looks($session);
	note($mapped ? 'OpenBLAS was loaded' : 'no OpenBLAS here');
	is($threads, 1, 'a build starts no thread');
	is($session->query_safe(q{COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; ! env | grep OPENBLAS'}), '', 'programs inherit no setting of it');
	$session->quit;
}
cmp_ok($node->safe_psql('postgres', "SET enable_seqscan = off; $found"), '>=', 118, 'rows find themselves');
is($node->safe_psql('postgres', q{SELECT * FROM hnsw_check('t_i')}), '', 'checker');
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS t_i');

# a file of the library's name that is none, before all others
my $hidden = PostgreSQL::Test::Utils::tempdir();
append_to_file("$hidden/libopenblas.so.0", "no library\n");
$node->stop;
{
	local $ENV{LD_LIBRARY_PATH} = join ':', $hidden, $ENV{LD_LIBRARY_PATH} // ();
	$node->start;
}
my ($out, $err);
$node->psql('postgres', "$create REINDEX INDEX t_i; SET enable_seqscan = off; $found", stdout => \$out, stderr => \$err);
my $notices = () = $err =~ /NOTICE:  OpenBLAS is not available/g;
is($notices, 1, 'without the library, one NOTICE a session');
unlike($err, qr/ERROR|WARNING/, 'and nothing else is said');
cmp_ok($out, '>=', 118, 'rows find themselves');
is($node->safe_psql('postgres', q{SELECT * FROM hnsw_check('t_i')}), '', 'checker');

done_testing();
