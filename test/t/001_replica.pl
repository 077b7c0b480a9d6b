# Values of all types survive a crash of the primary and arrive on a standby:
# in line, out of line, in btree and hash indexes.
# covers: dense sparse multivector_io
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "wal_consistency_checking = 'generic'\nfsync = off\nwal_keep_size = 8GB\n");
$primary->start;
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

$primary->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE TABLE t (id int PRIMARY KEY, v vector(700), h halfvec(3), s sparsevec(9), b bit(12), m multivector(8, f16), i multivector(8, i8));
	CREATE INDEX ON t (h);
	CREATE INDEX ON t USING hash (s);
});
my $insert = q{
	INSERT INTO t SELECT i, array_fill(i, ARRAY[700])::vector, ARRAY[i, 2, 3]::halfvec,
		('{' || i % 9 + 1 || ':' || i || '}/9')::sparsevec, (i % 4096)::bit(12),
		multivector(array_fill(i % 100, ARRAY[8 * (i % 40)])::real[], 8), multivector(array_fill(1, ARRAY[8 * (i % 300)])::real[], 8)
	FROM generate_series(%d, %d) i};
my $digest = q{
	SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)),
		(SELECT id FROM t ORDER BY v <-> array_fill(777, ARRAY[700])::vector, id LIMIT 1),
		(SELECT count(*) FROM t WHERE h > '[500,0,0]'), (SELECT count(*) FROM t WHERE s = '{4:12}/9')
	FROM t};

$primary->safe_psql('postgres', sprintf($insert, 1, 1000));
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
my $before = $primary->safe_psql('postgres', $digest);
is($standby->safe_psql('postgres', $digest), $before, 'the standby has the rows');
like($before, qr/^1000\|.*\|777\|501\|1$/, 'and they are the right ones');

$primary->safe_psql('postgres', q{UPDATE t SET v = v + v, m = m, i = NULL WHERE id % 10 = 0; DELETE FROM t WHERE id % 7 = 0; VACUUM t});
$primary->safe_psql('postgres', sprintf($insert, 1001, 1200));
$before = $primary->safe_psql('postgres', $digest);
$primary->stop('immediate');
$primary->start;
is($primary->safe_psql('postgres', $digest), $before, 'a crash loses nothing');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
is($standby->safe_psql('postgres', $digest), $before, 'nor does the standby');

$standby->stop;
$primary->stop;
done_testing();
