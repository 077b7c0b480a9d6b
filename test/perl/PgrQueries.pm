# Random tables and queries: what an index answers against what a sequential scan does.
# A new access method, type or operator is a row of @methods.
package PgrQueries;

use strict;
use warnings;
use Exporter 'import';
use PgrTest;
use Test::More;

our @EXPORT = qw(query_methods query_table);

# --- values ------------------------------------------------------------------------

# How a table's numbers are spread; what each gives is one number.
my %spread = (
	normal => sub { rand() * 2 - 1 },
	ints => sub { int(rand 5) - 2 },
	off => sub { 1000 + rand() * 2 },
	positive => sub { rand() },
	huge => sub { (rand() < .5 ? -1 : 1) * 10**(17 + rand 3) },
	tiny => sub { (rand() < .5 ? -1 : 1) * 10**(-38 - rand 5) },
	mixed => sub { rand() < .1 ? 10**(rand(24) - 12) : rand() * 2 - 1 });

# of half precision, what it can hold
my %half_spread = (%spread, huge => sub { (rand() < .5 ? -1 : 1) * (30000 + rand 30000) }, tiny => sub { 10**(-5 - rand 2) },
	mixed => sub { rand() < .1 ? 10**(rand(8) - 4) : rand() * 2 - 1 });

sub number { my ($x) = @_; return sprintf('%.7g', $x) }

sub dense { my ($table) = @_; my $f = $table->{spread}; return '[' . join(',', map { number($f->()) } 1 .. $table->{dims}) . ']' }

sub sparse
{
	my ($table) = @_;
	my %at = map { 1 + int(rand $table->{dims}) => 1 } 1 .. 1 + int rand 8;
	my $f = $table->{spread};
	return '{' . join(',', map { "$_:" . number($f->()) } sort { $a <=> $b } keys %at) . "}/$table->{dims}";
}

sub bits { my ($table) = @_; my $share = rand; return join '', map { rand() < $share ? 1 : 0 } 1 .. $table->{dims} }

sub word { return 'w' . int(200**rand) }

sub text { my ($table) = @_; return join ' ', map { word() } 1 .. 1 + int(rand() < .1 ? rand 200 : rand 25) }

# A query's words: plain ones, and what the query language has.
sub words_query
{
	my @parts;
	for (1 .. 1 + int rand 4)
	{
		my $dice = rand;
		push @parts, $dice < .6 ? word() : $dice < .7 ? '"' . word() . ' ' . word() . '"' : $dice < .8 ? 'w' . int(1 + rand 20) . '*'
		  : $dice < .88 ? word() . '^' . int(1 + rand 4) : $dice < .94 ? word() . '~1' : '-' . word();
	}
	return join ' ', @parts;
}

# Plain words of a text, or a query in the query language.
sub words_question { return rand() < .3 ? quote(join ' ', map { word() } 1 .. 1 + int rand 4) : "to_rankquery('simple', " . quote(words_query()) . ')' }

# --- methods -----------------------------------------------------------------------

# name; access method; type with DIMS; operator class and operator; a value; exact: rows and
# scores are the very same as without the index. spreads: of numbers; range: of dimensions.
sub hnsw_rows
{
	my ($type, $value, $spreads, $dims, @ops) = @_;
	my $base = $type =~ s/\(.*//r;
	return map { {
			name => "hnsw $base $_->[0]", am => 'hnsw', type => $type, class => "${base}_$_->[0]_ops", op => $_->[1], value => $value,
			spreads => $spreads, dims => $dims, metric => $_->[0], filters => 1, cosine => $_->[0] eq 'cosine',
			stores => $base eq 'sparsevec' ? 0 : 1 } } @ops;
}

my @dense_ops = ([ 'l2', '<->' ], [ 'ip', '<#>' ], [ 'cosine', '<=>' ], [ 'l1', '<+>' ]);
my @methods = (
	hnsw_rows('vector(DIMS)', \&dense, \%spread, [ 1, 2, 3, 8, 33 ], @dense_ops),
	hnsw_rows('halfvec(DIMS)', \&dense, \%half_spread, [ 2, 8, 17 ], @dense_ops),
	hnsw_rows('sparsevec(DIMS)', \&sparse, \%spread, [ 10, 100 ], @dense_ops),
	hnsw_rows('bit(DIMS)', \&bits, { normal => sub { 0 } }, [ 8, 65 ], [ 'hamming', '<~>' ], [ 'jaccard', '<%>' ]),
	{ name => 'inverted sparsevec', am => 'inverted', type => 'sparsevec(DIMS)', class => 'sparsevec_ip_ops', op => '<#>', value => \&sparse,
		spreads => { map { $_ => $spread{$_} } qw(normal ints positive off mixed) }, dims => [ 10, 100 ], exact => 1, metric => 'ip' },
	{ name => 'bm25 text', am => 'bm25', type => 'text', class => '', op => '<@>', match => '@@@', value => \&text, query => \&words_query,
		spreads => { normal => sub { 0 } }, dims => [1], exact => 1, with => "config = 'simple'" },
	{ name => 'bm25 text, no positions', am => 'bm25', type => 'text', class => '', op => '<@>', match => '@@@', value => \&text, query => \&words_query,
		spreads => { normal => sub { 0 } }, dims => [1], exact => 1, with => "config = 'simple', positions = off" },
	{ name => 'bm25 text[]', am => 'bm25', type => 'text[]', class => '', op => '<@>', match => '@@@',
		value => sub { '{' . join(',', map { '"' . text($_[0]) . '"' } 1 .. 2) . '}' }, query => \&words_query,
		spreads => { normal => sub { 0 } }, dims => [1], exact => 1, with => "config = 'simple', fields = 2" });

sub query_methods { return @methods }

# --- tables ------------------------------------------------------------------------

sub pick { return $_[ int rand @_ ] }

sub quote { my ($s) = @_; return "'" . $s =~ s/'/''/gr . "'" }

# One table of a method: what it is like, and the statements that make it.
sub random_table
{
	my ($m) = @_;
	my %t = (method => $m, dims => pick(@{ $m->{dims} }), rows => pick(0, 1, 7, 60, 250), nulls => pick(0, 0, .1, .5, 1), name => 't');
	$t{spread_name} = pick(sort keys %{ $m->{spreads} });
	$t{spread} = $m->{spreads}{ $t{spread_name} };
	$t{distinct} = pick(0, 0, 0, 1, 5);    # 0: as they come
	$t{zeros} = $t{distinct} == 0 && $m->{am} eq 'hnsw' && rand() < .2 ? .1 : 0;
	$t{partitions} = rand() < .25;
	$t{index_first} = rand() < .5;
	$t{filters} = $m->{filters} && rand() < .5;
	$t{changes} = rand() < .6;
	my @with = $m->{with} // ();
	push @with, 'pending_limit = 64' if !$m->{filters} && rand() < .5;
	push @with, 'm = ' . pick(4, 8, 16) if $m->{am} eq 'hnsw' && rand() < .5;
	push @with, 'storage = ' . pick('f16', 'full') if $m->{stores} && $m->{metric} !~ /hamming|jaccard/ && rand() < .3;
	$t{with} = @with ? 'WITH (' . join(', ', @with) . ')' : '';
	my $type = $m->{type} =~ s/DIMS/$t{dims}/r;
	my @pool = map { $m->{value}->(\%t) } 1 .. $t{distinct};
	my $zero = $m->{value} == \&sparse ? "{}/$t{dims}" : $m->{value} == \&bits ? '0' x $t{dims} : '[' . join(',', (0) x $t{dims}) . ']';
	my $value = sub { rand() < $t{nulls} ? undef : rand() < $t{zeros} ? $zero : @pool ? pick(@pool) : $m->{value}->(\%t) };
	my $insert = sub {
		my ($from, $to) = @_;
		return () if $from > $to;
		return 'INSERT INTO t VALUES ' . join(', ', map { my $v = $value->(); "($_, " . (defined $v ? quote($v) . "::$type" : 'NULL') . ', ' .
				pick('NULL', map { int } 1 .. 6) . ", " . int(rand 4) . ')' } $from .. $to);
	};
	my $index = "CREATE INDEX t_i ON t USING $m->{am} (v $m->{class}" . ($t{filters} ? ', tag' : '') . ") $t{with}";
	my @make = ('DROP TABLE IF EXISTS t', "CREATE TABLE t (id int, v $type, tag int, other int)" . ($t{partitions} ? ' PARTITION BY HASH (id)' : ''));
	push @make, map { "CREATE TABLE t_$_ PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER $_)" } 0 .. 2 if $t{partitions};
	push @make, $index if $t{index_first};
	push @make, $insert->(1, int($t{rows} * 2 / 3));
	push @make, $index unless $t{index_first};
	push @make, $insert->(int($t{rows} * 2 / 3) + 1, $t{rows});
	if ($t{changes})
	{
		push @make, 'DELETE FROM t WHERE id % 7 = 3', 'UPDATE t SET other = other + 1 WHERE id % 5 = 1', 'UPDATE t SET v = (SELECT v FROM t ORDER BY id LIMIT 1) WHERE id % 11 = 5';
		push @make, 'VACUUM t' if rand() < .5;
	}
	push @make, 'ANALYZE t';
	$t{make} = \@make;
	$t{type} = $type;
	$t{question} = sub { $m->{query} ? words_question() : quote(@pool && rand() < .5 ? pick(@pool) : $m->{value}->(\%t)) . "::$type" };
	return \%t;
}

# --- queries -----------------------------------------------------------------------

sub condition
{
	my ($t, $q) = @_;
	my @c = ('tag = 3', 'tag IN (1, 4)', 'tag < 3', 'tag IS NULL', 'tag BETWEEN 2 AND 4 AND tag <> 3', 'other = 1', 'id % 3 = 1', 'tag = 2 AND other < 2', 'tag = 77');
	push @c, "v $t->{method}{match} $q", "v $t->{method}{match} $q AND tag < 4", "NOT v $t->{method}{match} $q" if $t->{method}{match};
	return pick(@c);
}

# Shapes whose answer is rows with their distances, in order: [SQL of the query, SQL of
# all its rows, LIMIT or undef, how many rows are skipped, what to do afterwards]. The state of
# several statements is that of the last.
sub ordered_query
{
	my ($t) = @_;
	my ($m, $q) = ($t->{method}, $t->{question}->());
	my $d = "v $m->{op} $q";
	my $where = rand() < .45 ? 'WHERE ' . condition($t, $q) : '';
	my $limit = pick(1, 3, 10, 10, 40, undef);
	my $offset = rand() < .1 ? 2 : 0;
	my $tail = ($limit ? " LIMIT $limit" : '') . ($offset ? " OFFSET $offset" : '');
	my $all = "SELECT id, $d AS d FROM t $where";
	my $plain = "$all ORDER BY $d$tail";
	my $dice = rand;
	return [ 'order', $plain, $all, $limit, $offset ] if $dice < .35;
	return [ 'parameter', "SET plan_cache_mode = " . pick('force_generic_plan', 'force_custom_plan') . "; PREPARE p" . ($q =~ /^to_rankquery/ ? '(rankquery)' : '') . " AS SELECT id, v $m->{op} \$1 AS d FROM t $where ORDER BY v $m->{op} \$1$tail; EXECUTE p($q)", $all, $limit, $offset, 'DEALLOCATE p' ]
	  if $dice < .45;
	if ($dice < .55)
	{
		my $n = $limit // 12;
		return [ 'cursor', "BEGIN; DECLARE c CURSOR FOR $all ORDER BY $d; FETCH 1 FROM c; FETCH 2 FROM c; FETCH " . ($n > 3 ? $n - 3 : 1) . ' FROM c', $all, $n > 3 ? $n : 4, 0, 'COMMIT' ];
	}
	if ($dice < .75)
	{
		# a radius that a share of the rows lies within
		my $share = pick(0.05, 0.3, 0.8);
		my $set = "SELECT coalesce(percentile_disc($share) WITHIN GROUP (ORDER BY d), 0) AS r FROM (SELECT $d AS d FROM t) x WHERE d IS NOT NULL AND d <> 'NaN' \\gset\n";
		my $and = $where ? "$where AND" : 'WHERE';
		my $test = pick("$d < :'r'", "$d <= :'r'", ":'r' > $d", !$m->{match} && $m->{metric} =~ /^(l2|ip|cosine|l1)$/ && $m->{am} eq 'hnsw' ? "within(v, $q, :'r', '$m->{metric}')" : "$d < :'r'");
		return [ 'threshold', "${set}SELECT id, $d AS d FROM t $and $test ORDER BY $d$tail", "${set}SELECT id, $d AS d FROM t $and $test", $limit, $offset ];
	}
	return [ 'union', "SELECT id, d FROM (SELECT id, $d AS d FROM t WHERE other < 2 UNION ALL SELECT id, $d FROM t WHERE other >= 2) u ORDER BY d$tail",
		"SELECT id, $d AS d FROM t WHERE other IS NOT NULL", $limit, $offset ] if $dice < .82;
	return [ 'null', "SELECT id, $d AS d FROM t WHERE v IS NULL ORDER BY $d$tail", "SELECT id, $d AS d FROM t WHERE v IS NULL", $limit, $offset ] if $dice < .87;
	return [ 'relaxed', "SET hnsw.iterative_scan = relaxed_order; $plain", $all, $limit, $offset ] if $dice < .92 && $m->{am} eq 'hnsw';
	return [ 'memory', "SET work_mem = 64; $plain", $all, $limit, $offset ];
}

# Shapes whose answer is a text that must be the same: [name, SQL].
sub whole_query
{
	my ($t) = @_;
	my ($m, $q) = ($t->{method}, $t->{question}->());
	my $d = "v $m->{op} $q";
	my $where = 'WHERE v IS NOT NULL' . (rand() < .3 ? ' AND ' . condition($t, $q) : '');
	my @shapes = (
		[ 'distinct', "SELECT DISTINCT $d FROM t $where ORDER BY 1" ],
		[ 'distinct on', "SELECT DISTINCT ON (d) d FROM (SELECT $d AS d, id FROM t $where) x ORDER BY d" ],
		[ 'group', "SELECT $d, count(*), min(id) FROM t $where GROUP BY 1 ORDER BY 1" ],
		[ 'rank', "SELECT id, rank() OVER (ORDER BY $d) FROM t $where ORDER BY 2, 1" ],
		[ 'row number', "SELECT count(*), max(n) FROM (SELECT row_number() OVER (ORDER BY $d) AS n FROM t $where) x" ],
		[ 'count', "SELECT count(*) FROM (SELECT id FROM t $where ORDER BY $d) x" ],
		[ 'minimum', "SELECT min($d) FROM t $where" ],
		[ 'join', "SELECT count(*) FROM (SELECT id FROM t $where ORDER BY $d) x JOIN t y USING (id)" ]);
	push @shapes, [ 'match', "SELECT id FROM t WHERE v $m->{match} $q ORDER BY id" ], [ 'match and order', "SELECT count(*), sum(id) FROM (SELECT id FROM t WHERE v $m->{match} $q ORDER BY $d) x" ],
	  [ 'match or', "SELECT id FROM t WHERE v $m->{match} $q OR v $m->{match} " . words_question() . ' ORDER BY id' ],
	  [ 'score', "SELECT id, round(($d)::numeric, 9) FROM t WHERE v $m->{match} $q ORDER BY id" ],
	  [ 'not match', "SELECT id FROM t WHERE NOT v $m->{match} $q ORDER BY id" ] if $m->{match};
	return pick(@shapes);
}

# --- running -----------------------------------------------------------------------

my $sequential = 'RESET ALL; SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; SET pgretrieve.enable_nearest = off; SET client_min_messages = error';
my @indexed = (
	('RESET ALL; SET enable_seqscan = off; SET pgretrieve.enable_nearest = off; SET client_min_messages = error') x 3,
	'RESET ALL; SET enable_seqscan = off; SET enable_indexscan = off; SET client_min_messages = error',
	'RESET ALL; SET client_min_messages = error');

sub is_number { return $_[0] ne '' && $_[0] ne 'NaN' }

sub value_of { my ($d) = @_; return $d eq 'Infinity' ? 9**9**9 : $d eq '-Infinity' ? -9**9**9 : $d }

# Rows with distances against all there are. Returns a fault or undef, and the recall.
sub compare_rows
{
	my ($t, $kind, $answer, $truth, $limit, $offset) = @_;
	my %all = map { my ($id, $d) = split /\|/, $_, -1; $id => $d } split /\n/, $truth;
	my @got = map { [ split /\|/, $_, -1 ] } split /\n/, $answer;
	my $exact = $t->{method}{exact} || $kind eq 'null';
	my %seen;
	for my $row (@got)
	{
		return "row $row->[0] should not be there" unless exists $all{ $row->[0] };
		return "row $row->[0] twice" if $seen{ $row->[0] }++;
		return "row $row->[0] has distance $row->[1] instead of $all{$row->[0]}" if $row->[1] ne $all{ $row->[0] };
	}
	# ascending, then NaN, then NULL
	my $rank = sub { $_[0] eq '' ? 2 : $_[0] eq 'NaN' ? 1 : 0 };
	my $less = sub { my ($x, $y) = @_; $rank->($x) != $rank->($y) ? $rank->($x) < $rank->($y) : $rank->($x) == 0 && value_of($x) < value_of($y) };
	for my $i (1 .. $#got)
	{
		last if $kind eq 'relaxed';
		return "not in order: $got[$i-1][1] before $got[$i][1]" if $less->($got[$i][1], $got[ $i - 1 ][1]);
	}
	my @numbers = sort { $a <=> $b } map { value_of($_) } grep { is_number($_) } values %all;
	my $there = $exact ? scalar keys %all : scalar @numbers;
	my $want = $there - $offset < 0 ? 0 : $there - $offset;
	$want = $limit if defined $limit && $limit < $want;
	# rows without a distance may follow where a plan without the index was taken
	my $least = scalar grep { $exact || is_number($_->[1]) } @got;
	return scalar(@got) . " rows instead of $want of $there" if $least < $want || (defined $limit && @got > $limit);
	return undef if !@numbers || !$want;
	my $last = $numbers[ ($offset + $want > @numbers ? scalar @numbers : $offset + $want) - 1 ];
	my $hits = grep { is_number($_->[1]) && value_of($_->[1]) <= $last } @got;
	my $possible = $want < @numbers - $offset ? $want : @numbers - $offset;
	return undef if $possible <= 0;
	my $recall = $hits >= $possible ? 1 : $hits / $possible;
	return "recall $recall" if $exact && $recall < 1;
	return "recall $recall of $want rows" if $recall < .5 && $possible >= 5;
	return (undef, $recall);
}

# Makes one table of a method and asks it n queries; returns faults, and adds to stats.
sub query_table
{
	my ($node, $m, $n, $stats) = @_;
	my $t = random_table($m);
	my @statements = map { [ "make$_", $t->{make}[$_] ] } 0 .. $#{ $t->{make} };
	my @asked;
	for my $i (1 .. $n)
	{
		my $ordered = rand() < .65 ? ordered_query($t) : undef;
		my $whole = $ordered ? undef : whole_query($t);
		my $settings = pick(@indexed);
		my $sql = $ordered ? $ordered->[1] : $whole->[1];
		push @asked, { number => $i, ordered => $ordered, whole => $whole, settings => $settings, sql => $sql };
		push @statements, [ "sets$i", $sequential ], [ "seq$i", $ordered ? $ordered->[2] : $sql ], [ "seti$i", $settings ], [ "idx$i", $sql ], [ "after$i", $ordered ? $ordered->[5] // 'SELECT' : 'SELECT' ];
	}
	push @statements, [ 'check', 'SELECT string_agg(c::text, \'; \') FROM pg_class, ' . ($m->{am} eq 'hnsw' ? 'hnsw_check' : 'bm25_check') .
		  "(oid) c WHERE relkind = 'i' AND relname LIKE 't%'" ];
	my ($result, $err) = run_statements($node, 'postgres', \@statements, "SET statement_timeout = '60s'; SET client_min_messages = error;\n");
	my $about = "$m->{name}, $t->{type}, $t->{rows} rows, $t->{spread_name}, $t->{nulls} NULL, distinct $t->{distinct}, zeros $t->{zeros}, " .
	  "index " . ($t->{index_first} ? 'first' : 'after') . ($t->{partitions} ? ', partitions' : '') . ($t->{filters} ? ', filter' : '') . ($t->{changes} ? ', changed' : '') . " $t->{with}";
	my @faults;
	for (grep { /^make/ } keys %$result)
	{
		push @faults, "$about: $result->{$_}{state} in making: " . substr($t->{make}[ substr $_, 4 ], 0, 200) if $result->{$_}{state} ne '00000';
	}
	for my $a (@asked)
	{
		my ($seq, $idx) = @$result{ "seq$a->{number}", "idx$a->{number}" };
		my ($kind, $fault, $recall) = ($a->{ordered} ? $a->{ordered}[0] : $a->{whole}[0]);
		$stats->{queries}++;
		# what follows an error in a transaction has a state of its own
		if ($seq->{state} ne $idx->{state} && ($seq->{state} eq '00000' || $idx->{state} ne '25P02')) { $fault = "SQLSTATE $idx->{state} instead of $seq->{state}" }
		elsif ($seq->{state} ne '00000') { $stats->{"SQLSTATE $seq->{state}"}++ }
		elsif ($a->{ordered}) { ($fault, $recall) = compare_rows($t, $kind, $idx->{answer}, $seq->{answer}, @{ $a->{ordered} }[ 3, 4 ]) }
		# a vector of zeros has no cosine distance and is not in the index
		elsif ($seq->{answer} ne $idx->{answer} && !($m->{cosine} && $seq->{answer} =~ /NaN/) && !($m->{cosine} && ($t->{zeros} || $t->{spread_name} eq 'ints')))
		{
			$fault = "another answer: " . substr($idx->{answer}, 0, 300) . "\ninstead of: " . substr($seq->{answer}, 0, 300);
		}
		$stats->{recall} += $recall, $stats->{recalls}++ if defined $recall;
		push @faults, "$kind: $about\n  $a->{settings}\n  $a->{sql}\n  $fault" if defined $fault;
		$stats->{"fault: $m->{name}, $kind"}++ if defined $fault;
	}
	push @faults, "$about: the checker: $result->{check}{state} $result->{check}{answer}" if $result->{check}{state} ne '00000' || $result->{check}{answer} =~ /\S/;
	return ($t, @faults);
}

1;
