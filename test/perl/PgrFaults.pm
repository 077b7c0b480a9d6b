# Statements that end before they are done: cancelled at random moments, or with their
# server process. A new access method is a row of @indexed.
package PgrFaults;

use strict;
use warnings;
use Exporter 'import';
use PgrTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(faults_setup faults_cancel faults_kill faults_found faults_waste);

my $vector = q{(SELECT array_agg(((hashint8(%1$s::bigint * 100003 + d)::bigint & 1023) - 512)::real)::vector(%2$d) FROM generate_series(1, %2$d) d)};
my $sparse = q{(SELECT ('{' || string_agg(i || ':' || round(random()::numeric - .2, 3), ',') || '}/500')::sparsevec(500) FROM (SELECT DISTINCT 1 + floor(500 ^ random())::int %% 500 AS i FROM generate_series(1, 12 + %1$s * 0)) s)};
my $words = q{(SELECT string_agg('w' || floor(2000 ^ random())::int, ' ') FROM generate_series(1, 10 + (%1$s) %% 50))};

# A table t of (id, v, tag) and its index t_i: the column's type, the index, a value of row
# %s, the operator and an operand, whether answers are exact, the checker, and statements of its own.
my @indexed = (
	{ name => 'near', type => 'vector(32)', index => 'hnsw (v vector_l2_ops, tag) WITH (m = 8)', value => sub { sprintf $vector, $_[0], 32 }, op => '<->', operand => sprintf($vector, 3, 32), check => 'hnsw_check', rows => 700 },
	{ name => 'wide', type => 'vector(1200)', index => 'hnsw (v vector_ip_ops) WITH (storage = full)', value => sub { sprintf $vector, $_[0], 1200 }, op => '<#>', operand => sprintf($vector, 3, 1200), check => 'hnsw_check', rows => 80 },
	{ name => 'text', type => 'text', index => "bm25 (v) WITH (config = 'simple', pending_limit = 64)", value => sub { sprintf $words, $_[0] }, op => '<@>', operand => "'w3 w40 w700'", exact => 1, check => 'bm25_check', rows => 2000, own => ["SELECT bm25_merge('text_i')"] },
	{ name => 'fields', type => 'text[]', index => "bm25 (v) WITH (config = 'simple', fields = 2, positions = off, pending_limit = 64)", value => sub { 'ARRAY[' . sprintf($words, $_[0]) . ', ' . sprintf($words, "$_[0] + 7") . ']' }, op => '<@>', operand => "'w3 w40 w700'", exact => 1, check => 'bm25_check', rows => 1000, own => ["SELECT bm25_merge('fields_i')"] },
	{ name => 'sparse', type => 'sparsevec(500)', index => 'inverted (v) WITH (pending_limit = 64)', value => sub { sprintf $sparse, $_[0] }, op => '<#>', operand => "'{1:1,7:.5,30:2}/500'", exact => 1, check => 'bm25_check', rows => 1500, own => ["SELECT bm25_merge('sparse_i')"] });

sub insert
{
	my ($x, $n) = @_;
	my $from = 1 + int rand 1e6;
	return "INSERT INTO $x->{name} (v, tag) SELECT " . $x->{value}->('i') . ", i % 7 FROM generate_series($from, " . ($from + $n - 1) . ') i';
}

sub faults_setup
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgretrieve');
	sql_file($node, 'postgres', 'index_same.sql');
	for my $x (@indexed)
	{
		$node->safe_psql('postgres', "CREATE TABLE $x->{name} (id serial PRIMARY KEY, v $x->{type}, tag int)");
		$node->safe_psql('postgres', insert($x, int($x->{rows} / 2)));
		$node->safe_psql('postgres', "CREATE INDEX $x->{name}_i ON $x->{name} USING $x->{index}");
		$node->safe_psql('postgres', insert($x, int($x->{rows} / 2)));
	}
	return;
}

sub pick { return $_[ int rand @_ ] }

# A statement, of any table; they keep its size.
sub statement
{
	my $x = pick(@indexed);
	my $t = $x->{name};
	my $part = int rand 20;
	my $dice = rand;
	return insert($x, 1) if $dice < .25;
	return insert($x, int($x->{rows} / 20)) if $dice < .40;
	return 'BEGIN; ' . insert($x, 3) . '; ' . (rand() < .5 ? 'COMMIT' : 'ROLLBACK') if $dice < .45;
	return "DELETE FROM $t WHERE id IN (SELECT id FROM $t ORDER BY random() LIMIT greatest((SELECT count(*) FROM $t) - $x->{rows}, 5))" if $dice < .55;
	return "UPDATE $t SET v = " . $x->{value}->('tag') . " WHERE id % 20 = $part" if $dice < .62;
	return "UPDATE $t SET tag = tag + 1 WHERE id % 20 = $part" if $dice < .67;
	return "VACUUM $t" if $dice < .80;
	return pick(@{ $x->{own} // ["VACUUM $t"] }) if $dice < .88;
	return "REINDEX INDEX ${t}_i" if $dice < .91;
	return "DROP INDEX IF EXISTS ${t}_x; CREATE INDEX ${t}_x ON $t USING $x->{index}; DROP INDEX IF EXISTS ${t}_x" if $dice < .94;
	return "SELECT id FROM $t ORDER BY v $x->{op} $x->{operand} LIMIT 10";
}

# A session of n statements, with timeouts of some milliseconds; a handle.
sub begin_session
{
	my ($node, $n) = @_;
	my $script = "SET client_min_messages = error;\n";
	for (1 .. $n)
	{
		my $timeout = rand() < .25 ? 0 : int(10**(rand 2.3));
		$script .= "SET statement_timeout = $timeout;\n" . statement() . ";\n\\echo @@ :LAST_ERROR_SQLSTATE :SQLSTATE\nROLLBACK;\n";
	}
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-f', '-' ], '<', \$script, '>', \$out, '2>', \$err);
	return { run => $run, out => \$out, err => \$err };
}

# What sessions may end with: done, cancelled, a deadlock, a lock not had in time; and where
# a process was killed, what goes with it.
sub finish_sessions
{
	my ($sessions, $stats) = @_;
	my @faults;
	for my $s (@$sessions)
	{
		eval { $s->{run}->finish };
		$stats->{cancels} += () = ${ $s->{out} } =~ /^@@ \w+ 57014$/mg;
		$stats->{statements} += () = ${ $s->{out} } =~ /^@@/mg;
		push @faults, grep { !/canceling statement|terminating connection|connection to server was lost|server closed|current transaction is aborted|deadlock detected|there is no transaction|in recovery|starting up|shutting down/ }
		  map { /(?:ERROR|FATAL|PANIC):\s+(.*)/ ? $1 : () } split /\n/, ${ $s->{err} };
	}
	return @faults;
}

# Two sessions beside each other, to their end.
sub faults_cancel
{
	my ($node, $n, $stats) = @_;
	return finish_sessions([ map { begin_session($node, $n) } 1 .. 2 ], $stats);
}

# The same, and one of them, or whoever works for it, is killed.
sub faults_kill
{
	my ($node, $n, $stats) = @_;
	my @sessions = map { begin_session($node, $n) } 1 .. 2;
	usleep(50_000 + rand 1_200_000);
	$stats->{kills} += kill_and_recover($node, pick("query LIKE 'VACUUM%'", "query LIKE '%INSERT%'", "query LIKE '%INDEX%'", 'state IS NOT NULL')) ||
	  kill_and_recover($node, "backend_type IN ('client backend', 'parallel worker', 'checkpointer')");
	return finish_sessions(\@sessions, $stats);
}

# What is wrong with the indexes: by their checkers, and by what they answer.
sub faults_found
{
	my ($node) = @_;
	my @faults;
	for my $x (@indexed)
	{
		my $t = $x->{name};
		my $order = "v $x->{op} $x->{operand}";
		$node->safe_psql('postgres', "DROP INDEX IF EXISTS ${t}_x");
		my $ask = sub { my ($what, $sql) = @_; my $answer = $node->safe_psql('postgres', $sql); push @faults, "$t, $what: $answer" if $answer ne '' };
		$ask->('checker', "SELECT string_agg(c::text, '; ') FROM (SELECT c FROM $x->{check}('${t}_i') c LIMIT 3) x");
		$ask->('rows', "SET hnsw.iterative_scan = relaxed_order; SELECT same.completeness('$t', '${t}_i', \$\$$order\$\$)");
		if ($x->{exact})
		{
			$ask->('answers', "SELECT regexp_replace(same.answer(\$\$SELECT id, $order FROM $t ORDER BY $order LIMIT 40\$\$, '${t}_i'), '^same.*', '')");
		}
		else
		{
			$ask->('nearest', "SELECT CASE WHEN found < .9 THEN 'recall ' || found END FROM (SELECT avg((nearest = 0)::int) AS found FROM (SELECT v FROM $t ORDER BY random() LIMIT 30) w, " .
				  "LATERAL (SELECT v $x->{op} w.v AS nearest FROM $t ORDER BY v $x->{op} w.v LIMIT 1) y) f") if $x->{op} eq '<->';
		}
	}
	return @faults;
}

# Indexes that have much more room than they need.
sub faults_waste
{
	my ($node) = @_;
	my @faults;
	for my $x (@indexed)
	{
		my $t = $x->{name};
		$node->safe_psql('postgres', $_) for "VACUUM $t", @{ $x->{own} // [] }, "VACUUM $t";
		my $before = $node->safe_psql('postgres', "SELECT pg_relation_size('${t}_i')");
		my $after = $node->safe_psql('postgres', "REINDEX INDEX ${t}_i; SELECT pg_relation_size('${t}_i')");
		push @faults, "$t: $before bytes, $after after REINDEX" if $before > 4 * $after + (4 << 20);
	}
	return @faults;
}

1;
