# Indexes that an earlier library made are read, changed, vacuumed and found sound by this
# one. PGR_BEFORE is a source tree of that library, which ./check takes out of git's history
# (PGR_BEFORE_COMMIT in tools/lib.sh). It is compiled here, without optimisation.
# covers: page inv_meta hnsw_verify vecclass
use strict;
use warnings;
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $before = $ENV{PGR_BEFORE} // '';
plan skip_all => 'no source of an earlier version (PGR_BEFORE): no git history, or not asked for'
  unless -e "$before/Makefile";

plan skip_all => 'on one server is enough' if $ENV{PGR_BRIEF};

my $build = PostgreSQL::Test::Utils::tempdir;
is(system("cd $build && make -s -j2 -f $before/Makefile VPATH=$before PG_CONFIG=pg_config with_llvm=no COPT=-O0 pgretrieve.so >log 2>&1"),
	0, 'the earlier library is built')
  or BAIL_OUT(slurp_file("$build/log"));

my $node = new_server('main', "max_parallel_maintenance_workers = 0\n");

# All functions of the extension are those of a library, of this name or path.
sub use_library
{
	my ($library) = @_;
	$node->safe_psql('postgres', qq{UPDATE pg_proc SET probin = '$library' WHERE probin LIKE '%pgretrieve%'});
	$node->restart;
	return;
}

# 2,000 rows from numbers, with NULLs, duplicates and zero vectors; half of them come
# after the indexes are made, and every ninth row of the first half goes.
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE FUNCTION noise(i int, n int) RETURNS real[] LANGUAGE sql IMMUTABLE
		RETURN (SELECT array_agg((hashint4(i * 1000 + j) % 1000) / 100.0) FROM generate_series(1, n) j);
	CREATE FUNCTION words(i int) RETURNS text LANGUAGE sql IMMUTABLE
		RETURN (SELECT string_agg('w' || (400 ^ ((hashint4(i * 77 + j)::bigint & 65535) / 65536.0))::int, ' ') FROM generate_series(1, 5 + i % 20) j);
	CREATE FUNCTION weights(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE
		RETURN (SELECT '{' || string_agg(k || ':' || 1 + (k + i) % 5, ',') || '}/300' FROM (SELECT DISTINCT 1 + (hashint4(i * 31 + j) & 255) AS k FROM generate_series(1, 12) j) x)::sparsevec;
	CREATE TABLE rows (id int PRIMARY KEY, lang int, v vector(24), b bit(64), s sparsevec(300), body text, fields text[], ts tsvector);
	CREATE PROCEDURE fill(first int, last int) LANGUAGE sql BEGIN ATOMIC
		INSERT INTO rows SELECT i, i % 5, CASE i % 101 WHEN 0 THEN NULL WHEN 1 THEN array_fill(0, ARRAY[24]) ELSE noise(i - i % 3, 24) END::vector,
			hashint8extended(i, 0)::bit(64), weights(i), words(i), ARRAY[words(i), words(-i)], to_tsvector('simple', words(i)) FROM generate_series(first, last) i;
	END});

# index => its opclass and options, and a query, of which the first rows are asked
my @indexes = (
	[ 'hnsw (v vector_l2_ops)', 'v', q{v <-> noise(7, 24)::vector} ],
	[ 'hnsw (v vector_cosine_ops, lang)', 'v', q{v <=> noise(7, 24)::vector}, 'lang = 3' ],
	[ 'hnsw (v vector_ip_ops) WITH (storage = full)', 'v', q{v <#> noise(7, 24)::vector} ],
	[ 'hnsw (v vector_l1_ops)', 'v', q{v <+> noise(7, 24)::vector} ],
	[ 'hnsw ((v::halfvec(24)) halfvec_l2_ops) WITH (storage = f16)', 'v', q{v::halfvec(24) <-> noise(7, 24)::vector::halfvec} ],
	[ 'hnsw (b bit_hamming_ops)', 'b', q{b <~> 99::bigint::bit(64)} ],
	[ 'hnsw (s sparsevec_ip_ops)', 's', q{s <#> weights(7)} ],
	[ q{bm25 (body) WITH (config = 'simple')}, 'body', q{body <@> 'w1 w20 w150'}, undef, 'bm25' ],
	[ q{bm25 (fields) WITH (config = 'simple', fields = 2)}, 'fields', q{fields <@> 'w1 w20 w150'}, undef, 'bm25' ],
	[ q{bm25 (ts) WITH (config = 'simple')}, 'ts', q{ts <@> 'w1 w20 w150'}, undef, 'bm25' ],
	[ 'inverted (s)', 's', q{s <#> weights(7)}, undef, 'inverted' ],
);

sub name { return "i$_[0]"; }

# The first 20 distances through index i, or without it; a plan where explain is said.
sub nearest
{
	my ($i, $indexed, $explain) = @_;
	my (undef, $column, $order, $where) = @{ $indexes[$i] };
	$where = ($where // 'true') . " AND $column IS NOT NULL";
	# bm25 scores are of an index: its own, in both ways
	my $others = join ' ', map { "DROP INDEX " . name($_) . ';' } grep { $_ != $i } 0 .. $#indexes;
	return $node->safe_psql('postgres', "BEGIN; $others"
		  . ($indexed ? 'SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL pgretrieve.enable_nearest = off;'
			: 'SET LOCAL enable_indexscan = off;')
		  . "SET LOCAL hnsw.ef_search = 2000; " . ($explain // '') . " SELECT round(($order)::numeric, 4) FROM rows WHERE $where ORDER BY $order LIMIT 20; ROLLBACK");
}

# Every index gives the rows that there are, and none is damaged.
sub all_right
{
	my ($when) = @_;
	for my $i (0 .. $#indexes)
	{
		my $definition = $indexes[$i][0];
		like(nearest($i, 1, 'EXPLAIN'), qr/Index Scan using i$i /, "$when: $definition is used");
		is(nearest($i, 1), nearest($i, 0), "$when: and searches");
		my $check = $definition =~ /^hnsw/ ? "SELECT problem FROM hnsw_check('%s')" : "SELECT * FROM bm25_check('%s')";
		is($node->safe_psql('postgres', sprintf $check, name($i)), '', "$when: and is sound");
	}
	return;
}

use_library("$build/pgretrieve.so");
$node->safe_psql('postgres', 'CALL fill(1, 1000)');
$node->safe_psql('postgres', 'CREATE INDEX ' . name($_) . " ON rows USING $indexes[$_][0]") for 0 .. $#indexes;
$node->safe_psql('postgres', 'CALL fill(1001, 1500); DELETE FROM rows WHERE id < 1000 AND id % 9 = 0');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE probin = '$libdir/pgretrieve'}), 0, 'made by the earlier library');

use_library('$libdir/pgretrieve');
all_right('read');
$node->safe_psql('postgres', 'CALL fill(1501, 2000); DELETE FROM rows WHERE id % 13 = 0; UPDATE rows SET lang = lang + 1 WHERE id % 50 = 1');
all_right('changed');
$node->safe_psql('postgres', 'VACUUM rows');
all_right('vacuumed');
$node->safe_psql('postgres', 'CALL fill(2001, 2100)');
$node->safe_psql('postgres', 'SELECT bm25_merge(' . "'" . name($_) . "')") for grep { defined $indexes[$_][4] } 0 .. $#indexes;
all_right('merged');

$node->stop;
done_testing();
