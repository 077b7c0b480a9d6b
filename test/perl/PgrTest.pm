# What TAP tests of indexes share: servers, collections, oracles, comparisons.
package PgrTest;

use strict;
use warnings;
use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_server new_standby caught_up sql sql_file collection_dir load_collection have_amcheck
  random_words kill_and_recover await_recovery start_bench finish_bench start_session thorough run_statements);

my $here = dirname(__FILE__);

# Minutes instead of seconds, where PGR_THOROUGH is set.
sub thorough
{
	return $ENV{PGR_THOROUGH} ? 1 : 0;
}

# A started server; conf: further lines.
sub new_server
{
	my ($name, $conf, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%init);
	$node->append_conf('postgresql.conf', "fsync = off\nshared_buffers = 128MB\njit = off\n" . ($conf // ''));
	$node->start;
	return $node;
}

sub new_standby
{
	my ($primary, $name) = @_;
	$primary->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new($name);
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	return $standby;
}

sub caught_up
{
	my ($primary, $standby) = @_;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
	return;
}

sub sql
{
	my ($node, $db, $statement) = @_;
	return $node->safe_psql($db, $statement);
}

# Runs a file of this folder.
sub sql_file
{
	my ($node, $db, $name) = @_;
	open my $fh, '<', "$here/$name" or die "$here/$name: $!";
	local $/;
	$node->safe_psql($db, <$fh>);
	return;
}

sub collection_dir
{
	my ($name) = @_;
	# PGR_COLLECTIONS: only these (./check: all of them on one server is enough)
	my %wanted = map { $_ => 1 } split ' ', $ENV{PGR_COLLECTIONS} // '';
	return undef if %wanted && !$wanted{$name};
	my $dir = ($ENV{PGR_DATA} // '') . "/$name";
	return -r "$dir/corpus.tsv" ? $dir : undef;
}

# A database of that name with tables docs (id, body), queries (id, body) and
# qrels (query, doc, grade), and the oracle. Document ids number the collection.
sub load_collection
{
	my ($node, $name) = @_;
	my $dir = collection_dir($name) or return;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, q{
		CREATE EXTENSION pgretrieve;
		CREATE TABLE raw (id text, title text, body text);
		CREATE TABLE queries (id text, body text);
		CREATE TABLE raw_qrels (query text, doc text, grade int);
		CREATE TABLE docs (id int PRIMARY KEY, body text)});
	for ([ 'corpus', 'raw' ], [ 'queries', 'queries' ], [ 'qrels', 'raw_qrels' ])
	{
		open my $fh, '<:raw', "$dir/$_->[0].tsv" or die "$dir/$_->[0].tsv: $!";
		local $/;
		# the server may not read the folder, the client may
		my $command = "COPY $_->[1] FROM STDIN (FORMAT csv, DELIMITER E'\\t', QUOTE E'\\x01');\n";
		$node->safe_psql($name, $command . <$fh> . "\\.\n");
	}
	$node->safe_psql($name, q{
		CREATE TABLE numbered AS SELECT row_number() OVER (ORDER BY id COLLATE "C")::int AS id, id AS name,
			coalesce(title, '') || ' ' || coalesce(body, '') AS body FROM raw;
		CREATE TABLE qrels AS SELECT query, n.id AS doc, grade FROM raw_qrels JOIN numbered n ON n.name = doc;
		DROP TABLE raw, raw_qrels;
		ANALYZE});
	sql_file($node, $name, 'bm25_oracle.sql');
	sql_file($node, $name, 'index_same.sql');
	return 1;
}

# SQL: function random_words(n, seed): n words w1..w5000 by Zipf's law.
sub random_words
{
	my ($node, $db) = @_;
	$node->safe_psql($db, q{
		CREATE FUNCTION random_words(n int) RETURNS text LANGUAGE sql VOLATILE
		BEGIN ATOMIC
			SELECT string_agg('w' || floor(5000 ^ random())::int, ' ') FROM generate_series(1, n);
		END});
	return;
}

# kill -9 of a server process that matches a condition on pg_stat_activity, or
# of any client's; waits until the server has recovered. Tells if one was killed.
sub kill_and_recover
{
	my ($node, $condition) = @_;
	my ($rc, $pid) = $node->psql('postgres', "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND $condition ORDER BY random() LIMIT 1");
	return 0 unless ($pid // '') =~ /^\d+$/;
	kill 9, $pid or return 0;
	await_recovery($node);
	return 1;
}

# Waits until a server that crashed accepts connections again.
sub await_recovery
{
	my ($node) = @_;
	for (1 .. 600)
	{
		select undef, undef, undef, 0.1;
		# psql that is refused may be gone before it is given the statement, which dies
		my ($status, $out) = eval { $node->psql('postgres', 'SELECT pg_is_in_recovery()') };
		return if defined $status && $status == 0 && $out =~ /^[ft]$/;
	}
	die 'the server did not come back';
}

# Statements, [name, SQL] each, in one session; settings: SQL before them. Returns what each
# gave, {answer, state}, by name, and all messages. A statement that lost its server has
# the state CRASH, as all after it.
sub run_statements
{
	my ($node, $db, $statements, $settings) = @_;
	my $script = $settings;
	$script .= "$_->[1];\n\\echo @@ $_->[0] :SQLSTATE\n" for @$statements;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port, '-d', $db, '-f', '-' ], '<', \$script, '>', \$out, '2>', \$err);
	my ($text, %result) = ('');
	for my $line (split /\n/, $out)
	{
		if ($line =~ /^@@ (\S+) (\w{5})$/) { $result{$1} = { answer => $text, state => $2 }; $text = '' }
		else { $text .= "$line\n" }
	}
	$result{ $_->[0] } //= { answer => 'the server went away', state => 'CRASH' } for @$statements;
	return (\%result, $err);
}

# pgbench in the background: start_bench(node, db, clients, seconds, {script => weight}).
# Scripts are text; returns a handle for finish_bench, which gives its exit code
# and output.
sub start_bench
{
	my ($node, $db, $clients, $seconds, $scripts) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my (@files, $n);
	for my $script (sort keys %$scripts)
	{
		my $file = "$dir/" . ++$n . '.sql';
		open my $fh, '>', $file or die;
		print $fh $script;
		close $fh;
		push @files, '-f', "$file\@$scripts->{$script}";
	}
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'pgbench', '-n', '-c', $clients, '-j', 2, '-T', $seconds, @files,
			'-h', $node->host, '-p', $node->port, '-d', $db ], '>', \$out, '2>', \$err);
	return { run => $run, out => \$out, err => \$err };
}

sub finish_bench
{
	my ($handle) = @_;
	$handle->{run}->finish;
	return ($handle->{run}->result(0), ${ $handle->{out} } . ${ $handle->{err} });
}

# A session that stays: a function of a statement, which waits for its end unless it is told
# 'wait' (the next call then waits for both); undef ends the session. Gives what was printed.
sub start_session
{
	my ($node, $db) = @_;
	my ($in, $out, $n) = ('', '', 0);
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db) ], '<', \$in, '>', \$out, '2>&1',
		IPC::Run::timeout(120));
	return sub {
		my ($statement, $wait) = @_;
		return $run->finish unless defined $statement;
		$n++;
		$in .= "$statement;\n\\echo done $n\n";
		$run->pump_nb;
		return '' if defined $wait;
		$run->pump until $out =~ /^done $n$/m;
		my $printed = $out;
		$out = '';
		return $printed =~ s/^done \d+\n//gmr;
	};
}

1;
