# hnsw: what happens between two steps of an insert, at points where a server with
# assertions lets a test stop or kill a backend (src/base/debug_point.h): a crash between
# the WAL records of a node, a number read before VACUUM and used after it.
# covers: hnsw_tids hnsw_vacuum debug_point
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main', "autovacuum = off\nrestart_after_crash = on\nmax_parallel_maintenance_workers = 0\n", allows_streaming => 1);
if ($node->safe_psql('postgres', 'SHOW debug_assertions') ne 'on')
{
	$node->stop;
	plan skip_all => 'debug points need a server with assertions';
}
my $standby = new_standby($node, 'standby');
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION vec(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	  SELECT array_agg((((hashint8(i::bigint * 100003 + d)::bigint & 1023) - 512)::real) / 512)::vector FROM generate_series(1, dim) d $$;
	-- a vector whose code is the same and whose value is not
	CREATE FUNCTION near(v vector) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
	  SELECT array_agg(x + CASE WHEN o = 1 THEN 1e-6 ELSE 0 END ORDER BY o)::real[]::vector FROM unnest(v::real[]) WITH ORDINALITY u(x, o) $$;
});

# The ids of a whole search, nearest first, with their distances.
sub nearest
{
	my ($server, $tab, $query) = @_;
	return $server->safe_psql('postgres', qq{
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT string_agg(id || ' ' || round(d::numeric, 4), ', ') FROM (SELECT id, v <-> $query AS d FROM $tab ORDER BY v <-> $query LIMIT 2) x});
}

sub check
{
	my ($server, $index, $what) = @_;
	is($server->safe_psql('postgres', "SELECT * FROM hnsw_check('$index') LIMIT 3"), '', "$what: the checker finds nothing");
	return;
}

# The backend dies at the point; the server comes back. False if the statement got through.
sub crash_at
{
	my ($point, $statement) = @_;
	my ($rc) = $node->psql('postgres', "SET pgretrieve.debug_point = '$point';\n$statement");
	return 0 if $rc == 0;
	await_recovery($node);
	return 1;
}

# The statement with a crash after its first WAL record, its second and so on, or every
# so many, up to one that gets through; after each the function is called.
sub each_prefix
{
	my ($step, $statement, $after) = @_;
	my $n = 1;
	for (; crash_at("wal-record:crash:$n", $statement); $n += $step)
	{
		$after->("after record $n");
	}
	$after->('at the end');
	return $n;
}

# A row of a node of some pages is joined by one of equal code and another value, so its
# value is given up; then comes a row of its own.
sub crash_in_node
{
	my ($dim, $tab) = @_;
	$node->safe_psql('postgres', qq{
		CREATE TABLE $tab (id int, v vector($dim));
		ALTER TABLE $tab ALTER v SET STORAGE external;
		CREATE INDEX ${tab}_i ON $tab USING hnsw (v vector_l2_ops) WITH (storage = full, m = 2, ef_construction = 10);
		INSERT INTO $tab SELECT i, vec(i, $dim) FROM generate_series(1, 5) i;
		CHECKPOINT});
	my $own = "(SELECT v FROM $tab WHERE id = 3)";
	my $before = nearest($node, $tab, $own);
	like($before, qr/^3 0\.0000, /, "$tab: the row is nearest to itself");
	note("$tab: " . $node->safe_psql('postgres', "SELECT pages_per_node || ' pages a node' FROM hnsw_stats('${tab}_i')"));
	for my $new ("SELECT 1000, near(v) FROM $tab WHERE id = 3", "SELECT 1001, vec(1001, $dim)")
	{
		my $records = each_prefix(1, "INSERT INTO $tab $new", sub {
			my ($when) = @_;
			my $found = $before;
			$found = '3 0.0000, 1000 0.0000' if $node->safe_psql('postgres', "SELECT count(*) FROM $tab WHERE id = 1000");
			is(nearest($node, $tab, $own), $found, "$tab: the row is nearest to itself $when");
			check($node, "${tab}_i", "$tab $when");
			caught_up($node, $standby);
			is(nearest($standby, $tab, $own), $found, "$tab: the same on the standby $when");
			check($standby, "${tab}_i", "$tab on the standby $when");
		});
		cmp_ok($records, '>', 1, "$tab: $records prefixes");
	}
	return;
}

crash_in_node(2500, 'few');
crash_in_node(6000, 'many');

# A row of another value is not filed under one whose place was reused meanwhile.
$node->safe_psql('postgres', q{
	CREATE TABLE aba (id int, v vector(3));
	CREATE INDEX aba_i ON aba USING hnsw (v vector_l2_ops);
	INSERT INTO aba SELECT 1, '[1,2,3]' FROM generate_series(1, 6)});
$node->safe_psql('postgres', 'DELETE FROM aba');
my $holder = start_session($node, 'postgres');
$holder->('SELECT pg_advisory_lock(1)');
my $inserter = start_session($node, 'postgres');
$inserter->("SET pgretrieve.debug_point = 'hnsw-tids-slot:wait'");
$inserter->("INSERT INTO aba VALUES (7, '[1,2,3]')", 'wait');
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
$node->safe_psql('postgres', q{VACUUM aba});
$node->safe_psql('postgres', q{INSERT INTO aba SELECT 10, '[1,2.5,3]' FROM generate_series(1, 6)});
$holder->('SELECT pg_advisory_unlock(1)');
$inserter->('SELECT 1');
is($node->safe_psql('postgres', 'SELECT count(*) FROM aba WHERE id = 7'), 1, 'the row is there');
is($node->safe_psql('postgres', q{SET enable_seqscan = off; SELECT id || ' ' || (v <-> '[1,2,3]') FROM aba ORDER BY v <-> '[1,2,3]' LIMIT 1}), '7 0', 'and found by its value');
check($node, 'aba_i', 'after the race');
$holder->(undef);
$inserter->(undef);

# Killed between a further slot and what names it: the slot is freed once its node is gone.
$node->safe_psql('postgres', q{
	CREATE TABLE slots (id int, v vector(3));
	CREATE INDEX slots_i ON slots USING hnsw (v vector_l2_ops);
	INSERT INTO slots SELECT 1, '[1,2,3]' FROM generate_series(1, 4);
	INSERT INTO slots SELECT 2, '[3,2,1]' FROM generate_series(1, 4);
	CREATE VIEW slots_free AS SELECT free AS free_slots FROM hnsw_stats('slots_i')});
my $free = $node->safe_psql('postgres', 'TABLE slots_free');
crash_at('hnsw-tids-link:crash', q{INSERT INTO slots VALUES (1, '[1,2,3]')});
is($node->safe_psql('postgres', 'SELECT free_slots FROM slots_free'), $free - 1, 'the slot was taken');
check($node, 'slots_i', 'a slot that nothing names');
$node->safe_psql('postgres', 'DELETE FROM slots WHERE id = 1');
$node->safe_psql('postgres', 'VACUUM slots');
$node->safe_psql('postgres', 'VACUUM slots');
is($node->safe_psql('postgres', 'SELECT free_slots FROM slots_free'), $free + 1, 'node and slot are free');
check($node, 'slots_i', 'vacuumed');

# VACUUM, where nodes, entries, further slots and entries of lists go.
$node->safe_psql('postgres', q{
	CREATE TABLE vac (id int, v vector(3), tag int);
	CREATE INDEX vac_i ON vac USING hnsw (v vector_l2_ops, tag) WITH (m = 2, ef_construction = 10);
	INSERT INTO vac SELECT i, vec(i, 3), i % 2 FROM generate_series(1, 12) i;
	INSERT INTO vac SELECT i, vec(1, 3), i % 2 FROM generate_series(13, 20) i;
	DELETE FROM vac WHERE id <> 5 AND id <> 6});
my $records = each_prefix(3, 'VACUUM vac', sub {
	my ($when) = @_;
	is(nearest($node, 'vac', 'vec(6, 3)'), '6 0.0000, 5 ' . $node->safe_psql('postgres', 'SELECT round((vec(5, 3) <-> vec(6, 3))::numeric, 4)'), "VACUUM: both rows are found $when");
	is($node->safe_psql('postgres', q{SET enable_seqscan = off; SET enable_sort = off;
		SELECT id FROM vac WHERE tag = 1 ORDER BY v <-> vec(6, 3) LIMIT 2}), 5, "VACUUM: and by a condition $when");
	check($node, 'vac_i', "VACUUM $when");
	is($node->safe_psql('postgres', q{SELECT nodes > unreachable FROM hnsw_stats('vac_i')}), 't', "VACUUM: searches find a way in $when");
	$node->safe_psql('postgres', 'BEGIN; INSERT INTO vac SELECT 100, vec(100, 3), 1; ROLLBACK');
});
cmp_ok($records, '>', 5, "VACUUM: $records records");
$node->safe_psql('postgres', 'VACUUM vac');
is($node->safe_psql('postgres', q{SELECT unreachable FROM hnsw_stats('vac_i')}), 0, 'VACUUM: searches find a way to all');

# VACUUM makes new lists of filter values for an index that was made before its rows.
$node->safe_psql('postgres', q{
	CREATE FUNCTION fill(tab text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
	  EXECUTE format('CREATE TABLE %1$I (id int, v vector(3), tag int); CREATE INDEX %1$I_i ON %1$I USING hnsw (v vector_l2_ops, tag) WITH (m = 2, ef_construction = 10)', tab);
	  EXECUTE format('INSERT INTO %I SELECT i, vec(i, 3), i %% 40 FROM generate_series(1, 2500) i', tab);
	END $$});

# How many rows a search with a condition returns.
sub tagged
{
	my ($server, $tab) = @_;
	return $server->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM $tab WHERE tag = 7 ORDER BY v <-> vec(1, 3) LIMIT 1000) x");
}

sub await_waiting
{
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
	return;
}

# An insert that has opened the index before enters its row after.
$node->safe_psql('postgres', "SELECT fill('stale')");
my $size = $node->safe_psql('postgres', "SELECT pg_relation_size('stale_i')");
$holder = start_session($node, 'postgres');
$holder->('SELECT pg_advisory_lock(1)');
$inserter = start_session($node, 'postgres');
$inserter->("SET pgretrieve.debug_point = 'hnsw-list-enter:wait'");
$inserter->('INSERT INTO stale SELECT 9000, vec(9000, 3), 7', 'wait');
await_waiting();
$node->safe_psql('postgres', 'VACUUM stale');
cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('stale_i')"), '>', $size, 'new lists: they were made');
$holder->('SELECT pg_advisory_unlock(1)');
$inserter->('SELECT 1');
check($node, 'stale_i', 'an insert that began before the new lists');
is(tagged($node, 'stale'), 64, 'new lists: its row is found');

# Inserts while they are made, and a cursor over the old ones.
$node->safe_psql('postgres', "SELECT fill('late')");
my $reader = start_session($node, 'postgres');
$reader->('SET enable_seqscan = off');
$reader->('CREATE TEMP TABLE got (id int)');
$reader->('BEGIN');
$reader->('DECLARE c CURSOR FOR SELECT id FROM late WHERE tag = 7 ORDER BY v <-> vec(1, 3)');
$reader->('MOVE 1 IN c');
$holder->('SELECT pg_advisory_lock(1)');
my $vacuum = start_session($node, 'postgres');
$vacuum->("SET pgretrieve.debug_point = 'hnsw-relist-lock:wait'");
$vacuum->('VACUUM late', 'wait');
await_waiting();
$node->safe_psql('postgres', 'INSERT INTO late SELECT i, vec(i, 3), 7 FROM generate_series(5001, 5100) i');
is(tagged($node, 'late'), 163, 'new lists: rows inserted before these are published are found');
# far from all others and near to each other: they make frames, which VACUUM does not know
$node->safe_psql('postgres', 'INSERT INTO late SELECT 6000 + i, ARRAY[10000 + i / 1000.0, 5000, i / 700.0]::vector, 8 FROM generate_series(1, 60) i');
$holder->('SELECT pg_advisory_unlock(1)');
is($vacuum->('SELECT 1'), "1\n", 'new lists: rows of new frames get into them');
is(tagged($node, 'late'), 163, 'new lists: and after');
check($node, 'late_i', 'inserts beside the making of new lists');
$reader->('DO $$ DECLARE c refcursor := \'c\'; i int; BEGIN LOOP FETCH c INTO i; EXIT WHEN NOT FOUND; INSERT INTO got VALUES (i); END LOOP; END $$');
$reader->('COMMIT');
$reader->('CREATE TABLE read_on AS SELECT count(*) FROM got');
is($node->safe_psql('postgres', 'TABLE read_on'), 62, 'new lists: a cursor goes on with the old ones');
caught_up($node, $standby);
is(tagged($standby, 'late'), 163, 'new lists: rows are found on the standby');
check($standby, 'late_i', 'new lists on the standby');
$_->(undef) for $reader, $vacuum, $inserter, $holder;

# Attempts that fail use up the pages of one.
$node->safe_psql('postgres', "SELECT fill('failing')");
my @sizes;
for my $try (1 .. 4)
{
	my ($rc) = $node->psql('postgres', "SET pgretrieve.debug_point = 'hnsw-relist-lock:error';\nVACUUM failing");
	isnt($rc, 0, "new lists: attempt $try fails");
	push @sizes, $node->safe_psql('postgres', "SELECT pg_relation_size('failing_i')");
	check($node, 'failing_i', "attempt $try");
}
is($sizes[3], $sizes[0], 'new lists: further attempts take no more pages');
$node->safe_psql('postgres', 'VACUUM failing');
is($node->safe_psql('postgres', "SELECT pg_relation_size('failing_i')"), $sizes[0], 'new lists: nor does the one that gets through');
is(tagged($node, 'failing'), 63, 'new lists: its rows are found');
check($node, 'failing_i', 'after attempts that failed');

# Killed after one of the records.
$node->safe_psql('postgres', "SELECT fill('killed')");
for my $n (1 .. 9, 700, 1900, 2500 .. 2600)
{
	last unless crash_at("wal-record:crash:$n", 'VACUUM killed');
	is(tagged($node, 'killed'), 63, "new lists: rows are found after record $n");
	check($node, 'killed_i', "new lists, record $n");
	caught_up($node, $standby);
	is(tagged($standby, 'killed'), 63, "new lists: and on the standby after record $n");
}
is(tagged($node, 'killed'), 63, 'new lists: rows are found at the end');
check($node, 'killed_i', 'new lists, at the end');

$standby->stop;
$node->stop;
done_testing();
