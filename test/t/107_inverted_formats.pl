# bm25 and inverted: an index file of format version 1 is read as it is, and becomes one of
# today's version with the first change; a later version is refused. And more segments than
# the metapage itself lists: a chain of pages has the others.
# covers: inv_meta segment_set
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../perl";
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { PAGE => 8192, HEAD => 24, PENDING => 0x11, META_END => 24 + 688 + 160 * 32, FLAGS => 10, LAST => 8 };

my $node = new_server('main', "autovacuum = off\nignore_checksum_failure = on\nrestart_after_crash = on\nmax_parallel_maintenance_workers = 0\n");
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION words(i int, n int) RETURNS text LANGUAGE sql IMMUTABLE
	BEGIN ATOMIC
		SELECT string_agg('w' || floor(2000 ^ ((hashint8(i::bigint * 7919 + d) & 65535) / 65536.0))::int, ' ') FROM generate_series(1, n) d;
	END;
	CREATE FUNCTION sparse(i int, n int) RETURNS sparsevec LANGUAGE sql IMMUTABLE
	BEGIN ATOMIC
		SELECT ('{' || string_agg(k || ':' || round((hashint8(i::bigint * 31 + k) & 1023) / 300.0 - 1, 3), ',') || '}/60000')::sparsevec
		FROM (SELECT DISTINCT 1 + (hashint8(i::bigint * 104729 + d) & 32767) % (CASE WHEN d < 9 THEN 50 ELSE 60000 END) AS k FROM generate_series(1, n) d) s;
	END});
sql_file($node, 'postgres', 'index_same.sql');

# --- an earlier format ------------------------------------------------------------------------

# Segments, a pending area with documents of several records and of several pages, NULLs, dead rows.
my %tables = (
	texts => [ 'body text', "CASE WHEN i % 40 = 5 THEN NULL WHEN i % 100 = 7 THEN words(i, 4000) ELSE words(i, 5 + i % 40) END", "bm25 (body) WITH (config = 'simple')", q{body <@> 'w3 w17 w400'} ],
	lists => [ 'body text[]', "ARRAY[words(i, 3 + i % 5), words(i + 9999, 5 + i % 40)]", "bm25 (body) WITH (config = 'simple', fields = 2)", q{body <@> 'w3 w17 w400'} ],
	bags => [ 'body text', "words(i, 5 + i % 40)", "bm25 (body) WITH (config = 'simple', positions = off)", q{body <@> 'w3 w17 w400'} ],
	sparses => [ 'body sparsevec(60000)', "CASE WHEN i % 40 <> 5 THEN sparse(i, CASE WHEN i % 100 = 7 THEN 5000 ELSE 12 END) END", 'inverted (body)', q{body <#> '{1:1,7:-0.5,20:2}/60000'} ]);
my @names = $ENV{PGR_BRIEF} ? qw(sparses texts) : sort keys %tables;

sub rows { my ($name, $from, $to) = @_; return "INSERT INTO $name SELECT i, $tables{$name}[1] FROM generate_series($from, $to) g (i)" }

sub sound
{
	my ($what) = @_;
	my @faults;
	for my $name (@names)
	{
		my $order = $tables{$name}[3];
		my $found = $node->safe_psql('postgres', qq{
			SELECT string_agg(c, '; ') FROM bm25_check('${name}_i') c;
			SELECT same.completeness('$name', '${name}_i', \$\$$order\$\$);
			SELECT regexp_replace(same.answer(\$\$SELECT id, $order FROM $name ORDER BY $order LIMIT 30\$\$, '${name}_i'), '^same.*', '')});
		push @faults, "$name: $found" if $found =~ /\S/;
	}
	is(join("\n", @faults), '', $what);
	return;
}

for my $name (@names)
{
	my ($column, undef, $index) = @{ $tables{$name} };
	$node->safe_psql('postgres', "CREATE TABLE $name (id int, $column)");
	$node->safe_psql('postgres', rows($name, 1, 300));
	$node->safe_psql('postgres', "CREATE INDEX ${name}_i ON $name USING $index");
	$node->safe_psql('postgres', rows($name, 301, 420));
	$node->safe_psql('postgres', "DELETE FROM $name WHERE id % 13 = 0; VACUUM $name");
	$node->safe_psql('postgres', rows($name, 421, 540));
	$node->safe_psql('postgres', "DELETE FROM $name WHERE id % 13 = 5");
}
my %file = map { $_ => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${_}_i')") } @names;

sub bytes_of { my ($f) = @_; open my $fh, '<:raw', $f or die "$f: $!"; local $/; return <$fh> }
sub write_bytes { my ($f, $bytes) = @_; open my $fh, '>:raw', $f or die "$f: $!"; print $fh $bytes; close $fh or die "$f: $!"; return }
sub version { my ($bytes) = @_; return unpack('V', substr($bytes, HEAD + 4, 4)) }

# What version 1 wrote: a metapage that ends with its segments, and records of the pending
# area that do not say which is a document's last.
sub as_version_1
{
	my ($bytes) = @_;
	my $records = 0;
	die 'the metapage has a list' if unpack('V', substr($bytes, META_END + 20, 4)) != 0;
	substr($bytes, HEAD + 4, 4) = pack('V', 1);
	substr($bytes, META_END, PAGE - 16 - META_END) = "\0" x (PAGE - 16 - META_END);
	substr($bytes, 12, 2) = pack('v', META_END);
	for my $page (grep { unpack('v', substr($bytes, $_ * PAGE + PAGE - 8, 2)) == PENDING } 1 .. length($bytes) / PAGE - 1)
	{
		my $end = $page * PAGE + unpack('v', substr($bytes, $page * PAGE + 12, 2));
		for (my $at = $page * PAGE + HEAD; $at < $end; $at += unpack('V', substr($bytes, $at, 4)))
		{
			my $flags = unpack('v', substr($bytes, $at + FLAGS, 2));
			substr($bytes, $at + FLAGS, 2) = pack('v', $flags & ~LAST);
			$records++;
		}
	}
	return ($bytes, $records);
}

$node->stop;
for my $name (@names)
{
	my ($bytes, $records) = as_version_1(bytes_of($file{$name}));
	cmp_ok($records, '>=', 100, "$name: $records records are pending");
	write_bytes($file{$name}, $bytes);
}
$node->start;
sound('version 1 is read');
$node->stop;
is(join(' ', map { version(bytes_of($file{$_})) } @names), join(' ', map { 1 } @names), 'and stays what it is');
$node->start;
$node->safe_psql('postgres', rows($_, 1001, 1010)) for @names;
sound('rows are added to it');
# all that was logged is replayed: the page that grew, too
$node->safe_psql('postgres', "CHECKPOINT");
$node->safe_psql('postgres', rows($_, 1011, 1300) . "; VACUUM $_; " . rows($_, 1301, 1310)) for @names;
$node->stop('immediate');
$node->start;
sound('it is sealed, vacuumed, crashes');
$node->safe_psql('postgres', "SELECT bm25_merge('${_}_i')") for @names;
sound('it is merged');
$node->stop;
my %now = map { $_ => bytes_of($file{$_}) } @names;
cmp_ok(version($now{$_}), '>', 1, "$_: and is today's version") for @names;
for my $name (@names)
{
	my $later = $now{$name};
	substr($later, HEAD + 4, 4) = pack('V', version($later) + 1);
	write_bytes($file{$name}, $later);
}
$node->start;
for my $name (@names)
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n" . rows($name, 2001, 2001));
	like($err, qr/0A000: .*index "${name}_i" has format version \d+, this library reads version \d+\n.*REINDEX/s, "$name: a later version is refused");
	$node->safe_psql('postgres', "DROP TABLE $name");
}

# --- more segments than the metapage lists ----------------------------------------------------------

SKIP:
{
	skip 'debug points need a server with assertions', 1 if $node->safe_psql('postgres', 'SHOW debug_assertions') ne 'on';
	@names = qw(sparses);
	$node->safe_psql('postgres', "CREATE TABLE sparses (id int, body sparsevec(60000)); CREATE TABLE large AS SELECT i, sparse(i, 4500) AS v FROM generate_series(0, 4) i; CREATE INDEX sparses_i ON sparses USING inverted (body) WITH (pending_limit = '64kB')");
	$tables{sparses}[1] = '(SELECT v FROM large l WHERE l.i = g.i % 5)';    # about 64 kB
	my $segments = "SELECT segments FROM bm25_stats('sparses_i')";

	# somebody merges for ever, so that nobody else does
	my ($lock, $merge) = map { start_session($node, 'postgres') } 1, 2;
	$lock->('SELECT pg_advisory_lock(1)');
	$merge->("SET pgretrieve.debug_point = 'inverted-small-merge:wait'");
	$merge->(rows('sparses', 1, 3), 'wait');
	$node->poll_query_until('postgres', "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", '1') or die 'nobody merges';
	$node->safe_psql('postgres', rows('sparses', 101, 250));
	$node->safe_psql('postgres', rows('sparses', 251, 540));
	my $n = $node->safe_psql('postgres', $segments);
	cmp_ok($n, '>', 160 + 255, "$n segments: the list has two pages");
	sound('with a list of two pages');

	# a crash, then dead rows of what the list names
	$node->stop('immediate');
	$_->(undef) for $lock, $merge;
	$node->start;
	is($node->safe_psql('postgres', $segments), $n, 'all are there after a crash');
	sound('with a list, after a crash');
	# VACUUM counts the dead, then merges
	$node->safe_psql('postgres', 'DELETE FROM sparses WHERE id % 3 = 0');
	my ($rc, $out, $err) = $node->psql('postgres', "SET pgretrieve.debug_point = 'inverted-merge:error'; VACUUM (INDEX_CLEANUP ON) sparses");
	cmp_ok($node->safe_psql('postgres', "SELECT dead FROM bm25_stats('sparses_i')"), '>', 100, 'dead rows are counted in the list');
	sound('with dead rows in the list');
	$node->safe_psql('postgres', 'VACUUM sparses');
	sound('after VACUUM');
	$node->safe_psql('postgres', "SELECT bm25_merge('sparses_i')");
	is($node->safe_psql('postgres', $segments), '1', 'they are merged');
	$node->safe_psql('postgres', 'CREATE TABLE tick (n int); INSERT INTO tick VALUES (1); VACUUM sparses');
	cmp_ok($node->safe_psql('postgres', "SELECT pg_relation_size('sparses_i') / 8192 - 2 - owned_pages - retired_pages - free_pages FROM bm25_stats('sparses_i')"), '<=', 64, 'no page of the list is lost');
	sound('after the merge');
}
$node->stop;
done_testing();
