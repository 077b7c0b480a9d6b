# Damage to index files: indexes of every access method, ways to damage their pages,
# and what must hold of statements that then use them. A new access method is a row of
# @recipes.
package PgrDamage;

use strict;
use warnings;
use Exporter 'import';
use PgrTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(damage_setup damage_round damage_known);

use constant { PAGE => 8192, HEAD => 24, TAIL => 16 };

# A recipe: its name; tables of it in a round; SQL that makes table NAME with an index
# NAME_i, with settings; queries that read the index, in an order that is total; which
# change rows; the checker. NAME is replaced.
my $vector = q{(SELECT array_agg(((hashint8((%1$s)::bigint * 100003 + d)::bigint & 1023) - 512)::real) FROM generate_series(1, %2$d) d)};
my $words = q{(SELECT string_agg('w' || floor(300 ^ ((hashint8((%1$s)::bigint * 7919 + d)::bigint & 65535) / 65536.0))::int, ' ') FROM generate_series(1, %2$s) d)};
my $sparse = q{(SELECT ('{' || string_agg(i || ':' || round(((hashint8((%1$s)::bigint * 31 + i) & 1023) / 300.0 - %2$s)::numeric, 3), ',') || '}/500')::sparsevec FROM (SELECT DISTINCT 1 + floor(500 ^ ((hashint8((%1$s)::bigint * 7919 + d)::bigint & 65535) / 65536.0))::int %% 500 AS i FROM generate_series(1, 15) d) s)};

# rows that are nearest, and all rows in order
sub nearest
{
	my ($op, $query, $where) = @_;
	$where = $where ? "WHERE $where" : '';
	return (
		"SELECT string_agg(id || ':' || round(d::numeric, 4), ' ') FROM (SELECT id, v $op $query AS d FROM NAME $where ORDER BY v $op $query LIMIT 10) x",
		"SELECT count(*) FROM (SELECT id FROM NAME $where ORDER BY v $op $query) x");
}

sub vectors
{
	my ($name, $copies, $rows, $dims, $type, $class, $op, $with, %more) = @_;
	my $value = sub { sprintf("${vector}::vector($dims)::$type", $_[0], $dims) };
	my $query = $value->(7);
	my $filter = $more{filter} ? ', tag, lang' : '';
	return {
		name => $name, copies => $copies, check => 'hnsw_check',
		setup => qq{
			CREATE TABLE NAME (id int, v $type, tag int, lang text);
			INSERT INTO NAME SELECT i, } . $value->('i') . qq{, i % 10, 'l' || i % 3 FROM generate_series(1, $rows) i;
			INSERT INTO NAME SELECT i, } . $value->('1') . qq{, i % 10, 'l' || i % 3 FROM generate_series($rows + 1, $rows + 60) i;
			CREATE INDEX NAME_i ON NAME USING hnsw (v $class$filter) WITH ($with);
			INSERT INTO NAME SELECT i, } . $value->('i') . qq{, i % 10, 'l' || i % 3 FROM generate_series($rows + 101, $rows + 120) i;
			DELETE FROM NAME WHERE id % 29 = 0},
		reads => [ nearest($op, $query),
			$more{filter} ? (nearest($op, $query, 'tag = 3'), nearest($op, $query, "lang = 'l1' AND tag < 5")) : () ],
		writes => [ 'INSERT INTO NAME SELECT i, ' . $value->('i') . ", i % 10, 'l1' FROM generate_series(5001, 5010) i",
			'INSERT INTO NAME SELECT i, ' . $value->('1') . ", i % 10, 'l1' FROM generate_series(5011, 5014) i",
			'DELETE FROM NAME WHERE id % 3 = 0' ] };
}

my @text_reads = (
	q{SELECT string_agg(id || ':' || round(s::numeric, 5), ' ') FROM (SELECT id, BODY <@> 'w2 w5 w40' AS s FROM NAME ORDER BY BODY <@> 'w2 w5 w40' LIMIT 10) x},
	q{SELECT md5(string_agg(id::text, ' ')) FROM (SELECT id FROM NAME ORDER BY BODY <@> 'w3 w17') x},
	q{SELECT string_agg(id::text, ' ') FROM (SELECT id FROM NAME WHERE BODY @@@ to_rankquery('simple', 'w7 -w2') ORDER BY id) x},
	q{SELECT string_agg(id::text, ' ') FROM (SELECT id FROM NAME WHERE BODY @@@ to_rankquery('simple', 'w29*') ORDER BY BODY <@> to_rankquery('simple', 'w29*'), id) x},
	q{SELECT count(*) FROM NAME WHERE BODY @@@ to_rankquery('simple', 'w1*')},
	q{SELECT count(*) FROM NAME WHERE BODY @@@ to_rankquery('simple', 'w12~1')},
	q{SELECT string_agg(id::text, ' ') FROM (SELECT id FROM NAME WHERE BODY @@@ to_rankquery('simple', '"w1 w2"') ORDER BY BODY <@> to_rankquery('simple', '"w1 w2" w9'), id) x},
	q{SELECT string_agg(id || ':' || round(s::numeric, 5), ' ') FROM (SELECT id, BODY <@> q AS s FROM NAME, (SELECT string_agg('w' || i, ' ') AS q FROM generate_series(3, 90) i OFFSET 0) y ORDER BY BODY <@> q LIMIT 10) x},
	q{SELECT count(*) FROM bm25_terms('NAME_i', '')},
	q{SELECT count(*) FROM bm25_stats('NAME_i')});

sub texts
{
	my ($name, $copies, $type, $body, $with, $indexed) = @_;
	my $rows = sub { "INSERT INTO NAME SELECT i, CASE WHEN i % 40 = 5 THEN NULL ELSE " . $body->('i') . " END FROM generate_series($_[0]) i" };
	return {
		name => $name, copies => $copies, check => 'bm25_check',
		setup => "CREATE TABLE NAME (id int, body $type); " . $rows->('1, 500') . ($type eq 'text' ? "; INSERT INTO NAME VALUES (1000, 'zzzq');" : ';') .
		  "CREATE INDEX NAME_i ON NAME USING bm25 ($indexed) WITH (config = 'simple', $with); " .
		  join(';', map { $rows->($_) } '501, 560', '561, 640') . q{;
			SELECT bm25_merge('NAME_i');} . join(';', map { $rows->($_) } '641, 700', '701, 730') .
		  '; DELETE FROM NAME WHERE id % 29 = 0; VACUUM NAME; ' . $rows->('731, 760'),
		reads => [ map { s/BODY/$indexed/gr } @text_reads ],
		writes => [ $rows->('5001, 5040'), 'DELETE FROM NAME WHERE id % 3 = 0', "INSERT INTO NAME SELECT 6000, " . $body->('6000') ],
		merge => "SELECT bm25_merge('NAME_i')" };
}

sub sparses
{
	my ($name, $copies, $shift) = @_;
	my $rows = sub { "INSERT INTO NAME SELECT i, " . sprintf($sparse, 'i', $shift) . " FROM generate_series($_[0]) i" };
	my $query = q{'{1:1,3:0.5,7:-0.3,20:2,100:1}/500'};
	return {
		name => $name, copies => $copies, check => 'bm25_check',
		setup => 'CREATE TABLE NAME (id int, v sparsevec(500)); ' . $rows->('1, 500') . q{;
			CREATE INDEX NAME_i ON NAME USING inverted (v) WITH (pending_limit = 64); } . $rows->('501, 640') .
		  q{; SELECT bm25_merge('NAME_i'); DELETE FROM NAME WHERE id % 29 = 0; VACUUM NAME;} . $rows->('641, 700'),
		reads => [ nearest('<#>', $query), "SELECT md5(string_agg(d::text, ' ')) FROM (SELECT round((v <#> $query)::numeric, 4) AS d FROM NAME ORDER BY v <#> $query) x" ],
		writes => [ $rows->('5001, 5040'), 'DELETE FROM NAME WHERE id % 3 = 0' ],
		merge => "SELECT bm25_merge('NAME_i')" };
}

my @recipes = (
	vectors('filtered', 5, 500, 24, 'vector(24)', 'vector_l2_ops', '<->', 'm = 8', filter => 1),
	vectors('full', 3, 300, 12, 'vector(12)', 'vector_cosine_ops', '<=>', 'm = 6, storage = full'),
	vectors('wide', 3, 60, 1200, 'vector(1200)', 'vector_l2_ops', '<->', 'storage = full'),
	vectors('half', 2, 300, 16, 'halfvec(16)', 'halfvec_ip_ops', '<#>', 'm = 6, storage = f16'),
	vectors('taxi', 2, 300, 6, 'vector(6)', 'vector_l1_ops', '<+>', 'm = 6, code_bits = 2'),
	texts('words', 5, 'text', sub { sprintf($words, $_[0], "5 + $_[0] % 40") }, 'pending_limit = 64', 'body'),
	texts('fields', 4, 'text[]', sub { 'ARRAY[' . sprintf($words, $_[0], "2 + $_[0] % 9") . ', ' . sprintf($words, "$_[0] + 99999", "5 + $_[0] % 40") . ']' },
		"fields = 2, scoring = bm25f, field_weights = '2,1', pending_limit = 64", 'body'),
	texts('bags', 3, 'text', sub { sprintf($words, $_[0], "5 + $_[0] % 40") }, 'positions = off', 'body'),
	sparses('sparse', 4, 0), sparses('signed', 2, 1.2));

my $settings = "SET statement_timeout = '20s'; SET enable_seqscan = off; SET client_min_messages = error;\n";

sub fill { my ($sql, $name) = @_; return $sql =~ s/NAME/$name/gr }

sub read_statements
{
	my ($copy, $prefix) = @_;
	my $n = 0;
	return map { [ $prefix . ++$n, fill($_, $copy->{name}) ] } @{ $copy->{recipe}{reads} };
}

# Makes all tables on a running node, notes what the sound indexes answer, and stops it.
sub damage_setup
{
	my ($node) = @_;
	my @copies;
	for my $recipe (@recipes)
	{
		for my $n (1 .. $recipe->{copies})
		{
			my $copy = { recipe => $recipe, name => "$recipe->{name}_$n" };
			$node->safe_psql('postgres', join('', map { "$_;\n" } split(/;/, fill($recipe->{setup}, $copy->{name}) . "; ANALYZE $copy->{name}")));
			my ($result) = run_statements($node, 'postgres', [ read_statements($copy, 'r') ], $settings);
			for (sort keys %$result)
			{
				die "$copy->{name}: $_: $result->{$_}{state}: " . fill($recipe->{reads}[ substr($_, 1) - 1 ], $copy->{name}) if $result->{$_}{state} ne '00000';
			}
			$copy->{sound} = $result;
			my $found = $node->safe_psql('postgres', "SELECT string_agg(c::text, '; ') FROM $recipe->{check}('$copy->{name}_i') c");
			die "$copy->{name}: $found" if $found ne '';
			push @copies, $copy;
		}
	}
	$node->safe_psql('postgres', 'CHECKPOINT');
	for my $copy (@copies)
	{
		$copy->{file} = $node->safe_psql('postgres', "SELECT pg_relation_filepath('$copy->{name}_i')");
		$copy->{grown} = 0;
	}
	$node->stop;
	my $data = $node->data_dir;
	system_or_bail('cp', '-a', $data, "$data.sound");
	$_->{bytes} = slurp_raw("$data/$_->{file}") for @copies;
	return \@copies;
}

sub slurp_raw { my ($f) = @_; open my $fh, '<:raw', $f or die "$f: $!"; local $/; return <$fh> }

sub pick { return $_[ int rand @_ ] }

# One damage; returns the file's bytes and what was done. Everything random is in the seed.
sub damage
{
	my ($copies, $copy) = @_;
	my $bytes = $copy->{bytes};
	my $pages = length($bytes) / PAGE;
	my $page = rand() < .25 ? int rand($pages < 4 ? $pages : 4) : int rand $pages;
	my $used = unpack('v', substr($bytes, $page * PAGE + 12, 2));
	$used = PAGE - TAIL if $used <= HEAD || $used > PAGE - TAIL;
	my $span = rand() < .8 ? $used - HEAD : PAGE - HEAD - TAIL;
	my $at = $page * PAGE + HEAD + int rand $span;
	my $dice = rand;
	my $set = sub { my ($where, $what) = @_; substr($bytes, $where, length $what) = $what; return sprintf('page %d, byte %d: %s', $where / PAGE, $where % PAGE, unpack('H*', $what)) };
	my $any = sub { return join '', map { chr int rand 256 } 1 .. $_[0] };

	if ($dice < .04)
	{
		# much of it, or of what comes first on its pages
		my ($n, $most) = (20 + int rand 2000, pick(28, PAGE - HEAD - TAIL));
		$set->(int(rand $pages) * PAGE + HEAD + int rand $most, $any->(1)) for 1 .. $n;
		return ($bytes, "$n bytes, of the first $most of each page");
	}
	return ($set->($at, $any->(1)), $bytes)[1, 0] if $dice < .25;
	if ($dice < .35)
	{
		return ($set->($at, chr(ord(substr($bytes, $at, 1)) ^ 1 << int rand 8)), $bytes)[1, 0];
	}
	return ($set->($page * PAGE + HEAD + int rand 64, $any->(1 + int rand 4)), $bytes)[1, 0] if $dice < .50;
	if ($dice < .70)
	{
		$at -= $at % 4;
		my $word = unpack('V', substr($bytes, $at, 4));
		return ($set->($at, pack('V', pick(0, 0xFFFFFFFF, $word + 1 & 0xFFFFFFFF, $word - 1 & 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FC00000, 0x7F800000, int rand $pages, int rand 65536))), $bytes)[1, 0];
	}
	return ($set->($at, $any->(PAGE - TAIL - $at % PAGE < 16 ? 1 : 16)), $bytes)[1, 0] if $dice < .78;
	return ($set->($page * PAGE + PAGE - TAIL + int rand TAIL, $any->(1 + int rand 2)), $bytes)[1, 0] if $dice < .83;
	return ($set->($page * PAGE + int rand HEAD, $any->(1)), $bytes)[1, 0] if $dice < .85;
	if ($dice < .88)
	{
		substr($bytes, $page * PAGE, PAGE) = "\0" x PAGE;
		return ($bytes, "page $page: zeros");
	}
	if ($dice < .96)
	{
		my $from = $dice < .93 ? $copy : pick(@$copies);
		my $other = int rand(length($from->{bytes}) / PAGE);
		my $image = substr($from->{bytes}, $other * PAGE, PAGE);
		substr($bytes, $other * PAGE, PAGE) = substr($bytes, $page * PAGE, PAGE) if $dice < .90;
		substr($bytes, $page * PAGE, PAGE) = $image;
		return ($bytes, "page $page: page $other of $from->{name}" . ($dice < .90 ? ', and back' : ''));
	}
	my $keep = 1 + int rand(length($bytes) - 1);
	$keep -= $keep % PAGE if rand() < .7;
	return (substr($bytes, 0, $keep), "cut to $keep bytes");
}

# What may be said of a damaged index: it is damaged, a page of it cannot be read, or it
# is of another version, another configuration, another access method's.
my %known = map { $_ => 1 } qw(00000 XX002 XX001 0A000 55000);

# The statements of one copy: reads, checker, writes, reads again, REINDEX.
sub statements
{
	my ($copy) = @_;
	my ($name, $recipe, $n) = ($copy->{name}, $copy->{recipe}, 0);
	my $sizes = "SELECT pg_relation_size('$name'), pg_relation_size('${name}_i')";
	my $check = "SELECT string_agg(c::text, '; ') FROM (SELECT c FROM $recipe->{check}('${name}_i') c LIMIT 3) x";
	return (
		[ 'before', $sizes ], read_statements($copy, 'r'), [ 'check', $check ], [ 'after', $sizes ],
		(map { [ 'w' . ++$n, fill($_, $name) ] } @{ $recipe->{writes} }), [ 'vacuum', "VACUUM $name" ],
		($recipe->{merge} ? [ 'merge', fill($recipe->{merge}, $name) ] : ()), read_statements($copy, 'x'), [ 'recheck', $check ], [ 'grown', $sizes ],
		[ 'reindex', "REINDEX INDEX ${name}_i" ], [ 'rebuilt', $check ]);
}

# Whether a copy is to be tried and how it fared: a list of faults.
sub judge
{
	my ($node, $copy, $errors) = @_;
	my @statements = statements($copy);
	my ($result, $err) = run_statements($node, 'postgres', \@statements, $settings);
	my @faults;
	for my $s (@statements)
	{
		my $state = $result->{ $s->[0] }{state};
		$errors->{$state}++ if $state ne '00000';
		if ($state eq 'CRASH') { push @faults, "the server went away at $s->[0]: $s->[1]"; return @faults }
		my ($message) = $err =~ /^psql:.*?ERROR:\s+(.*?)$/m;
		push @faults, "$state at $s->[0]: $s->[1]" . ($message ? " (first error: $message)" : '') unless $known{$state};
	}
	push @faults, "reading made files longer: $result->{before}{answer} $result->{after}{answer}"
	  if $result->{after}{answer} ne $result->{before}{answer};
	my ($grown) = $result->{grown}{answer} =~ /\|(\d+)/;
	# an extent may be known that a standby, promoted since, has not got: 64 MB at most
	push @faults, "the index grew to $grown bytes" if ($grown // 0) > 2 * length($copy->{bytes}) + (72 << 20);
	push @faults, "after REINDEX: $result->{rebuilt}{answer}" if $result->{rebuilt}{answer} =~ /\S/;
	my $told = $result->{check}{state} ne '00000' || $result->{check}{answer} =~ /\S/;
	for my $r (sort grep { /^r\d/ } keys %$result)
	{
		next if $result->{$r}{state} ne '00000' || $result->{$r}{answer} eq $copy->{sound}{$r}{answer};
		$errors->{'other answers'}++;
		push @faults, "another answer, and the checker is silent: " . fill($copy->{recipe}{reads}[ substr($r, 1) - 1 ], $copy->{name}) .
		  "\nsound: $copy->{sound}{$r}{answer}damaged: $result->{$r}{answer}" unless $told;
	}
	return @faults;
}

# Damages that once ended the server or made files longer, each in one place: the index, how,
# the statement that meets it.
my @known_damages = (
	[ 'a term without postings', 'words', sub { $_[0] =~ s/zzzq(.)\x10/zzzq$1\0/gs }, q{SELECT count(*) FROM NAME WHERE body @@@ 'zzzq'} ],
	[ 'and in a range of words', 'words', sub { $_[0] =~ s/zzzq(.)\x10/zzzq$1\0/gs }, q{SELECT count(*) FROM NAME WHERE body @@@ to_rankquery('simple', 'z*')} ],
	[ 'a document that there is not', 'words', sub { $_[0] =~ s/zzzq(.)\x10(.)../zzzq$1\x10$2\xff\x7f/gs }, q{SELECT count(*) FROM NAME WHERE body @@@ to_rankquery('simple', 'zz*')} ],
	[ 'a node that goes on nowhere', 'wide', sub { each_page($_[0], 0x21, PAGE - 12, pack('V', 0xFFFFFFFF)) }, 'SELECT count(*) FROM (SELECT id FROM NAME ORDER BY v <-> (SELECT v FROM NAME WHERE id = 7) LIMIT 10) x' ],
	[ 'a row that no table has', 'full', sub { each_page($_[0], 0x21, HEAD + 28, pack('V', 0xFFFFFFFF)) }, 'SELECT count(*) FROM (SELECT id FROM NAME ORDER BY v <=> (SELECT v FROM NAME WHERE id = 7)) x' ],
	[ 'digests of a frame that there is not', 'filtered', sub { substr($_[0], HEAD + 78, 2) = pack('v', 0xFFFF); 1 }, 'INSERT INTO NAME SELECT 7000, v, tag, lang FROM NAME WHERE id = 7' ],
	[ 'a metapage that lists too much', 'bags', sub { substr($_[0], HEAD + 20, 8) = pack('VV', 1000, 1000); 1 }, q{INSERT INTO NAME VALUES (7000, 'w1')} ]);

# Writes bytes at a place of all pages of a kind.
sub each_page
{
	my (undef, $kind, $at, $what) = @_;
	my $n = 0;
	for my $page (0 .. length($_[0]) / PAGE - 1)
	{
		next unless unpack('v', substr($_[0], $page * PAGE + PAGE - 8, 2)) == $kind;
		substr($_[0], $page * PAGE + $at, length $what) = $what;
		$n++;
	}
	return $n;
}

# Each of those is an error that says that the index is damaged, and leaves files as they are.
sub damage_known
{
	my ($node, $copies) = @_;
	for my $known (@known_damages)
	{
		my ($what, $recipe, $how, $sql) = @$known;
		my ($copy) = grep { $_->{recipe}{name} eq $recipe } @$copies;
		my $bytes = $copy->{bytes};
		my $data = $node->data_dir;
		die "$what: nothing to damage" unless $how->($bytes);
		system_or_bail('rm', '-rf', $data);
		system_or_bail('cp', '-a', "$data.sound", $data);
		open my $fh, '>:raw', "$data/$copy->{file}" or die $!;
		print $fh $bytes;
		close $fh or die $!;
		$node->start;
		my $sizes = "SELECT pg_relation_size('$copy->{name}'), pg_relation_size('$copy->{name}_i')";
		my ($result) = run_statements($node, 'postgres', [ [ 'before', $sizes ], [ 'it', fill($sql, $copy->{name}) ], [ 'after', $sizes ] ], $settings);
		is($result->{it}{state}, "XX002", $what) or diag("$copy->{name}, $copy->{file}: $result->{it}{answer}");
		is($result->{after}{answer}, $result->{before}{answer}, "$what: no file has changed");
		$node->stop('immediate');
	}
	return;
}

sub wait_for_server
{
	my ($node) = @_;
	for (1 .. 300)
	{
		my ($rc, $out) = eval { $node->psql('postgres', 'SELECT 1') };
		return 1 if defined $rc && $rc == 0;
		select undef, undef, undef, 0.1;
	}
	return 0;
}

# Damages all copies once and tries them; returns the faults. only: a copy's name.
sub damage_round
{
	my ($node, $copies, $seed, $errors, $only) = @_;
	my $data = $node->data_dir;
	system_or_bail('rm', '-rf', $data);
	system_or_bail('cp', '-a', "$data.sound", $data);
	srand($seed);
	for my $copy (@$copies)
	{
		my ($bytes, $what) = damage($copies, $copy);
		$copy->{what} = $what;
		open my $fh, '>:raw', "$data/$copy->{file}" or die $!;
		print $fh $bytes;
		close $fh or die $!;
	}
	$node->start;
	my @faults;
	for my $copy (@$copies)
	{
		next if defined $only && $only ne $copy->{name};
		my @found = judge($node, $copy, $errors);
		push @faults, map { "seed $seed, $copy->{name}, $copy->{what}: $_" } @found;
		if (grep { /went away/ } @found)
		{
			if (!wait_for_server($node)) { push @faults, "seed $seed: the server does not come back after $copy->{name}"; last }
		}
	}
	$node->stop('immediate');
	return @faults;
}

1;
