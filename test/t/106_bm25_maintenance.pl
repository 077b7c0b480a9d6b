# bm25 and inverted: seals, merges and VACUUM that are cancelled, fail or find no space
# use up nothing; inserts go on beside VACUUM; a standby that becomes the primary.
# PGR_THOROUGH=1: minutes.
# covers: inv_maintain inv_seal segment_tier space
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

srand($ENV{PGR_SEED} // 1);
my $node = new_server('main', "autovacuum = off\nrestart_after_crash = on\nmax_parallel_maintenance_workers = 0\nlog_min_messages = fatal\nmin_wal_size = 10MB\n",
	allows_streaming => 1, extra => ['--wal-segsize=1']);
my $assertions = $node->safe_psql('postgres', 'SHOW debug_assertions') eq 'on';
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION random_sparse() RETURNS sparsevec LANGUAGE sql VOLATILE
	BEGIN ATOMIC
		SELECT ('{' || string_agg(i || ':' || round(random()::numeric - .2, 3), ',') || '}/1000')::sparsevec
		FROM (SELECT DISTINCT 1 + floor(1000 ^ random())::int % 1000 AS i FROM generate_series(1, 12)) s;
	END;
	-- pages of an index that nothing knows of, or that its extents claim beyond its end
	CREATE FUNCTION lost_pages(i regclass) RETURNS bigint LANGUAGE sql
	BEGIN ATOMIC
		SELECT pg_relation_size(i) / 8192 - 2 - owned_pages - retired_pages - free_pages FROM bm25_stats(i);
	END});
random_words($node, 'postgres');
sql_file($node, 'postgres', 'index_same.sql');

# Everything that must be true of an index at any time.
sub sound
{
	my ($what, $table, $query) = @_;
	my $index = "${table}_i";
	is(sql($node, 'postgres', "SELECT string_agg(c, '; ') FROM bm25_check('$index') c"), '', "$what: the checker finds nothing");
	is(sql($node, 'postgres', "SELECT same.completeness('$table', '$index', '$query')"), '', "$what: every row once");
	# an extension that was cut off has left some, which the next one takes
	like(sql($node, 'postgres', "SELECT lost_pages('$index')"), qr/^([0-9]|[1-5][0-9]|6[0-4])$/, "$what: no page is lost, or given out twice");
	return;
}

# The index at its least: two VACUUMs free what was retired in between.
sub tidy
{
	my ($table) = @_;
	sql($node, 'postgres', "VACUUM $table");
	sql($node, 'postgres', "SELECT bm25_merge('${table}_i')");
	sql($node, 'postgres', "CREATE TABLE IF NOT EXISTS tick (n int); INSERT INTO tick VALUES (1)");
	sql($node, 'postgres', "VACUUM $table");
	return;
}

# --- a large pending area and statements that have no time for it -------------------------
{
	$node->safe_psql('postgres', q{
		CREATE TABLE late (id serial, body text);
		CREATE INDEX late_i ON late USING bm25 (body) WITH (config = 'simple', pending_limit = '1GB');
		INSERT INTO late (body) SELECT random_words(200) FROM generate_series(1, 3000);
		ALTER INDEX late_i SET (pending_limit = '64kB')});
	my $before = sql($node, 'postgres', "SELECT pg_relation_size('late_i')");
	my (%seen, $inserted);
	for my $n (1 .. (thorough() ? 400 : 60))
	{
		my ($rc, $out, $err) = $node->psql('postgres', 'SET statement_timeout = ' . (1 + int rand 25) . ";\nINSERT INTO late (body) VALUES ('hello world')");
		$inserted++ if $rc == 0;
		$seen{$1}++ if $err =~ /ERROR: +(.*)/;
	}
	is(join(', ', sort keys %seen) || 'canceling statement due to statement timeout', 'canceling statement due to statement timeout', 'a seal that is cancelled is the only error');
	cmp_ok($inserted, '>', 0, "inserts get through: $inserted");
	cmp_ok(sql($node, 'postgres', "SELECT pg_relation_size('late_i')"), '<', 3 * $before, 'the file has not grown by more than what was sealed');
	sound('after cancelled seals', 'late', q{body <@> ''w5 w17''});
	# what a failed seal has left is sealed by VACUUM, without another insert
	sql($node, 'postgres', 'VACUUM late');
	is(sql($node, 'postgres', "SELECT pending_pages FROM bm25_stats('late_i')"), '0', 'VACUUM seals all that is pending');
	is(sql($node, 'postgres', "SELECT regexp_replace(same.answer('SELECT id, body <@> ''w3 w40 w800'' FROM late ORDER BY body <@> ''w3 w40 w800'' LIMIT 50', 'late_i'), '^same.*', '')"), '', 'the same answer as without the index');
}

# --- cancelled at random points ---------------------------------------------------------------
{
	$node->safe_psql('postgres', q{
		CREATE TABLE docs (id serial, body text);
		CREATE TABLE vectors (id serial, v sparsevec(1000));
		INSERT INTO docs (body) SELECT random_words(5 + i % 60) FROM generate_series(1, 2000) i;
		INSERT INTO vectors (v) SELECT random_sparse() FROM generate_series(1, 2000);
		CREATE INDEX docs_i ON docs USING bm25 (body) WITH (config = 'simple', pending_limit = '64kB');
		CREATE INDEX vectors_i ON vectors USING inverted (v) WITH (pending_limit = '64kB')});
	my @statements = (
		"INSERT INTO docs (body) SELECT random_words(30) FROM generate_series(1, 200)",
		"INSERT INTO docs (body) SELECT random_words(3000)",
		"INSERT INTO vectors (v) SELECT random_sparse() FROM generate_series(1, 200)",
		"DELETE FROM docs WHERE id % 7 = (random() * 7)::int", "DELETE FROM vectors WHERE id % 7 = (random() * 7)::int",
		"VACUUM docs", "VACUUM vectors", "SELECT bm25_merge('docs_i')", "SELECT bm25_merge('vectors_i')");
	my ($cancelled, %seen) = (0);
	for my $n (1 .. (thorough() ? 2000 : 120))
	{
		# while an old snapshot keeps what was retired, failed attempts must not add to it
		my ($rc, $out, $err) = $node->psql('postgres', 'SET statement_timeout = ' . (1 + int rand 40) . ";\n" . $statements[ rand @statements ]);
		$cancelled++ if $err =~ /statement timeout/;
		$seen{$1}++ if $err =~ /ERROR: +(.*)/ && $err !~ /statement timeout/;
	}
	is(join(', ', sort keys %seen), '', "no other error than $cancelled cancelled statements");
	sound('after cancelled statements', 'docs', q{body <@> ''w5 w17''});
	sound('after cancelled statements', 'vectors', q{v <#> ''{1:1}/1000''});
	tidy('docs');
	my $size = sql($node, 'postgres', "SELECT owned_pages FROM bm25_stats('docs_i')");
	is(sql($node, 'postgres', "SELECT segments || ' ' || pending_pages FROM bm25_stats('docs_i')"), '1 0', 'the index can be merged');
	sql($node, 'postgres', 'REINDEX INDEX docs_i');
	cmp_ok($size, '<=', 1.2 * sql($node, 'postgres', "SELECT owned_pages FROM bm25_stats('docs_i')") + 20, 'it is as small as a new one then');
}

# --- failed after each WAL record; killed after some ------------------------------------------
SKIP:
{
	skip 'debug points need a server with assertions', 1 unless $assertions;
	$node->safe_psql('postgres', q{
		CREATE TABLE steps (id serial, body text);
		CREATE INDEX steps_i ON steps USING bm25 (body) WITH (config = 'simple', pending_limit = '64kB')});
	my $prepare = q{INSERT INTO steps (body) SELECT random_words(20) FROM generate_series(1, 40); DELETE FROM steps WHERE id % 11 = (random() * 11)::int};
	my (@faults, $failed, $killed);
	for my $statement ('INSERT INTO steps (body) SELECT random_words(3000) FROM generate_series(1, 8)', 'VACUUM steps', "SELECT bm25_merge('steps_i')")
	{
		for my $action (thorough() ? qw(error crash) : ('error'), 'crash')
		{
			my $step = thorough() ? 1 : $action eq 'error' ? 5 : 43;
			for (my $n = 1;; $n += $step)
			{
				sql($node, 'postgres', $prepare);
				my ($rc) = $node->psql('postgres', "SET pgretrieve.debug_point = 'wal-record:$action:$n';\n$statement");
				last if $rc == 0;
				$action eq 'error' ? $failed++ : $killed++;
				await_recovery($node) if $action eq 'crash';
				my $found = sql($node, 'postgres', "SELECT string_agg(c, '; ') FROM bm25_check('steps_i') c");
				my $lost = sql($node, 'postgres', "SELECT lost_pages('steps_i')");
				push @faults, "$statement, $action after record $n: $found" if $found ne '';
				# what the last extension added is found by the next one
				push @faults, "$statement, $action after record $n: $lost pages lost" if $lost > 40;
			}
		}
	}
	is(join("\n", @faults), '', "sound after $failed errors and $killed crashes");
	sound('after failures', 'steps', q{body <@> ''w5 w17''});
	tidy('steps');
	my $size = sql($node, 'postgres', "SELECT owned_pages FROM bm25_stats('steps_i')");
	sql($node, 'postgres', 'REINDEX INDEX steps_i');
	cmp_ok($size, '<=', 1.2 * sql($node, 'postgres', "SELECT owned_pages FROM bm25_stats('steps_i')") + 20, 'nothing is left of them');
}

# --- no space ------------------------------------------------------------------------------------
SKIP:
{
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	skip 'needs prlimit', 1 if system('prlimit --version > /dev/null 2>&1') != 0;
	$node->safe_psql('postgres', q{
		-- a table that stays small
		CREATE TABLE full_ (id serial);
		CREATE FUNCTION text_of(i int) RETURNS text LANGUAGE sql IMMUTABLE
		BEGIN ATOMIC
			SELECT string_agg('w' || hashint8(i * 1000::bigint + n) % 3000, ' ') FROM generate_series(1, 100) n;
		END;
		CREATE INDEX full__i ON full_ USING bm25 (text_of(id)) WITH (config = 'simple', pending_limit = '64kB')});
	my $insert = 'INSERT INTO full_ SELECT FROM generate_series(1, 20)';
	# files of sessions that begin now end at 1.5 MB
	system_or_bail('prlimit', '--pid', $postmaster, '--fsize=1572864:unlimited');
	my (%seen, $good);
	for my $n (1 .. 80)
	{
		my ($rc, $out, $err) = $node->psql('postgres', $n % 10 ? $insert : 'VACUUM full_');
		$good++ if $rc == 0;
		$seen{$1}++ if $err =~ /ERROR: +(.*)/;
	}
	my @other = grep { !/File too large|could not extend file/ } keys %seen;
	cmp_ok(scalar(keys %seen), '>', 0, 'the file cannot grow for ever');
	note "$seen{$_} x $_" for sort keys %seen;
	is(join(', ', @other), '', "no other error than that there is no space ($good statements got through)");
	cmp_ok(sql($node, 'postgres', "SELECT lost_pages('full__i')"), '<=', 70, 'what an extension added before it failed is all that is not entered');
	system_or_bail('prlimit', '--pid', $postmaster, '--fsize=unlimited:unlimited');
	sql($node, 'postgres', $insert);
	tidy('full_');
	sql($node, 'postgres', $insert);
	sound('when there is space again', 'full_', q{text_of(id) <@> ''w5 w17''});
}

# --- inserts beside VACUUM and bm25_merge ---------------------------------------------------------
{
	$node->safe_psql('postgres', q{
		CREATE TABLE busy (id serial PRIMARY KEY, body text);
		CREATE INDEX busy_i ON busy USING bm25 (body) WITH (config = 'simple', pending_limit = '64kB');
		INSERT INTO busy (body) SELECT random_words(20) FROM generate_series(1, 5000);
		VACUUM busy;
		DELETE FROM busy WHERE id % 5 = 0});
	my $vacuum = start_session($node, 'postgres');
	$vacuum->('SET vacuum_cost_delay = 50; SET vacuum_cost_limit = 10; SET vacuum_cost_page_hit = 10');
	$vacuum->('VACUUM (INDEX_CLEANUP ON) busy', 'wait');
	my $holds = "SELECT count(*) FROM pg_locks WHERE locktype = 'page' AND page = 0 AND relation = 'busy_i'::regclass AND granted";
	$node->poll_query_until('postgres', $holds, '1') or die 'VACUUM has not begun with the index';
	my $begin = time;
	sql($node, 'postgres', 'INSERT INTO busy (body) SELECT random_words(30) FROM generate_series(1, 1500)');
	my $took = time - $begin;
	is(sql($node, 'postgres', $holds), '1', 'VACUUM is still at work on the index');
	cmp_ok(sql($node, 'postgres', "SELECT segments FROM bm25_stats('busy_i')"), '>', 3, 'inserts sealed beside it');
	cmp_ok(sql($node, 'postgres', "SELECT pending_pages FROM bm25_stats('busy_i')"), '<', 9 * 8, 'the pending area has kept its bound');
	note sprintf 'inserts took %.2f s', $took;
	sql($node, 'postgres', 'DELETE FROM busy WHERE id % 5 = 1');
	# hurry
	sql($node, 'postgres', "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'page' AND page = 0 AND relation = 'busy_i'::regclass AND granted");
	$vacuum->('SELECT 1');
	$vacuum->(undef);
	sound('after VACUUM was cancelled', 'busy', q{body <@> ''w5 w17''});
	sql($node, 'postgres', 'VACUUM (INDEX_CLEANUP ON) busy');
	is(sql($node, 'postgres', "SELECT dead * 50 <= documents FROM bm25_stats('busy_i')"), 't', 'VACUUM drops the dead rows of small segments');
	sound('after VACUUM', 'busy', q{body <@> ''w5 w17''});
}

# --- a standby that is promoted lacks what its primary allocated and never wrote -------------------
{
	$node->safe_psql('postgres', q{
		CREATE TABLE moved (id serial, body text);
		CREATE INDEX moved_i ON moved USING bm25 (body) WITH (config = 'simple');
		INSERT INTO moved (body) SELECT random_words(20) FROM generate_series(1, 10)});
	my $standby = new_standby($node, 'standby');
	# the last extent that these need is used in part only
	sql($node, 'postgres', 'INSERT INTO moved (body) SELECT random_words(60) FROM generate_series(1, 1200)');
	caught_up($node, $standby);
	$node->stop;
	$standby->promote;
	$node = $standby;
	# what is allocated now must not be what the file seems to end before
	sql($node, 'postgres', 'VACUUM moved');
	sql($node, 'postgres', 'INSERT INTO moved (body) SELECT random_words(60) FROM generate_series(1, 300)') for 1 .. 10;
	sound('after a promotion', 'moved', q{body <@> ''w5 w17''});
	$node->stop;
}
done_testing();
