# hnsw survives a killed server and full replay: rows that were committed are found,
# the checker finds nothing, a standby agrees byte for byte (wal_consistency_checking).
# covers: hnsw_insert hnsw_flush wal
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "fsync = off\nwal_keep_size = 8GB\nautovacuum = off\nwal_consistency_checking = 'generic'\n");
$node->start;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION vec(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	  SELECT array_agg(((hashint8(i::bigint * 100003 + d)::bigint & 1023) - 512)::real)::vector FROM generate_series(1, dim) d $$;
	CREATE TABLE t (id int, v vector(24), tag int GENERATED ALWAYS AS (id % 10) STORED, name text GENERATED ALWAYS AS ('n' || id % 3) STORED);
	CREATE TABLE wide (id int, v vector(2500));
	CREATE UNLOGGED TABLE u (id int, v vector(24));
	INSERT INTO t (id, v) SELECT i, vec(i, 24) FROM generate_series(1, 500) i;
	CREATE INDEX t_i ON t USING hnsw (v vector_l2_ops, tag, name);
	CREATE INDEX wide_i ON wide USING hnsw (v vector_l2_ops);
	CREATE INDEX u_i ON u USING hnsw (v vector_l2_ops);
	INSERT INTO wide SELECT i, vec(i, 2500) FROM generate_series(1, 50) i;
	INSERT INTO u SELECT i, vec(i, 24) FROM generate_series(1, 50) i;
});

# Rows of the table that a full scan by the index does not give, or gives twice.
sub missing
{
	my ($server, $tab) = @_;
	return $server->safe_psql('postgres', qq{
		SET enable_seqscan = off;
		CREATE TEMP TABLE x AS SELECT id FROM $tab ORDER BY v <-> (SELECT v FROM $tab LIMIT 1);
		SELECT count(*) - count(DISTINCT id) || ' twice' FROM x WHERE id IS NOT NULL;
		SET enable_indexscan = off; SET enable_seqscan = on;
		SELECT count(*) || ' missing' FROM (SELECT id FROM $tab EXCEPT SELECT id FROM x) y});
}

# Rows that a condition on filter columns leaves, by the index and without it.
sub filtered
{
	my ($server) = @_;
	return $server->safe_psql('postgres', q{
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT (SELECT count(DISTINCT id) FROM (SELECT id FROM t WHERE tag = 3 AND name = 'n1' ORDER BY v <-> vec(5, 24)) x) -
		  (SELECT count(DISTINCT id + 0) FROM t WHERE tag = 3 AND name = 'n1')});
}

sub sound
{
	my ($what) = @_;
	for my $tab ('t', 'wide')
	{
		is($node->safe_psql('postgres', "SELECT * FROM hnsw_check('${tab}_i') LIMIT 3"), '', "$what: checker of $tab");
		is(missing($node, $tab), "0 twice\n0 missing", "$what: all rows of $tab by the index");
	}
	is(filtered($node), 0, "$what: all rows of a condition");
	$node->wait_for_catchup($standby, 'replay', $node->lsn('write'));
	is(filtered($standby), 0, "$what: all rows of a condition on the standby");
	is($standby->safe_psql('postgres', "SELECT * FROM hnsw_check('${_}_i') LIMIT 3"), '', "$what: checker of $_ on the standby")
	  for ('t', 'wide');
	return;
}

for my $round (1 .. 3)
{
	# killed in the middle of inserts, half of which are committed
	my $from = 1000 * $round;
	my $session = $node->background_psql('postgres', on_error_stop => 0) if $node->can('background_psql');
	$node->safe_psql('postgres', "INSERT INTO t (id, v) SELECT i, vec(i % 2000, 24) FROM generate_series($from, $from + 300) i");
	$node->safe_psql('postgres', "INSERT INTO wide SELECT i, vec(i, 2500) FROM generate_series($from, $from + 10) i");
	$node->safe_psql('postgres', "DELETE FROM t WHERE id % 7 = $round; DELETE FROM wide WHERE id % 5 = $round");
	$node->safe_psql('postgres', 'VACUUM t; VACUUM wide') if $round > 1;
	my ($in, $out, $err) = ('', '', '');
	my $h = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c',
			"INSERT INTO t (id, v) SELECT i, vec(i, 24) FROM generate_series(100000 + $from, 200000) i" ],
		\$in, \$out, \$err);
	select undef, undef, undef, 1.0;
	$session->quit if $session;
	$node->stop('immediate');
	$h->finish;
	$node->start;
	sound("round $round, after the crash");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM u'), 0, 'the unlogged table is empty');
	$node->safe_psql('postgres', "INSERT INTO u SELECT i, vec(i, 24) FROM generate_series(1, 50) i");
	is(missing($node, 'u'), "0 twice\n0 missing", 'and its index works again');
	$node->safe_psql('postgres', 'VACUUM t');
	sound("round $round, vacuumed");
}

# a cancelled build leaves nothing, and the next one works
my ($rc, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '5ms'; REINDEX INDEX t_i});
isnt($rc, 0, 'a build is cancelled');
sound('after a cancelled build');
$node->safe_psql('postgres', 'REINDEX INDEX t_i; REINDEX INDEX CONCURRENTLY wide_i');
sound('rebuilt');
$standby->stop;
$node->stop;
done_testing();
