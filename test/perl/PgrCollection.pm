# Collections of $ENV{PGR_DATA} for tests: files as COPY input, BM25 as sparse vectors.
package PgrCollection;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(slurp first_fields copy_binary give_to_server $load_tsv $weigh_bm25);

# A file's bytes.
sub slurp
{
	my ($file) = @_;
	open my $fh, '<:raw', $file or die "$file: $!";
	local $/;
	return scalar <$fh>;
}

# The first field of each line of a tab-separated file.
sub first_fields
{
	my ($file) = @_;
	return map { (split /\t/)[0] } split /\n/, slurp($file);
}

# A copy that the server, another user, can read.
sub give_to_server
{
	my ($from, $to) = @_;
	open my $fh, '>:raw', $to or die "$to: $!";
	print $fh slurp($from);
	close $fh;
}

# Rows (id, value) as a COPY BINARY file, from little-endian floats end to end.
# Without lens a value is a vector of dim; with them a multivector (f32) of that
# many tokens of dim.
sub copy_binary
{
	my ($file, $ids, $dim, $floats, $lens) = @_;
	my $at = 0;
	open my $fh, '>:raw', $file or die "$file: $!";
	print $fh "PGCOPY\n\xff\r\n\0", pack('NN', 0, 0);
	for my $i (0 .. $#$ids)
	{
		my $size = ($lens ? $lens->[$i] : 1) * $dim * 4;
		my $head = $lens ? pack('nCCN', $dim, 0, 0, $lens->[$i]) : pack('nn', $dim, 0);
		# to network order
		my $value = $head . pack('N*', unpack('V*', substr($floats, $at, $size)));
		$at += $size;
		print $fh pack('n', 2), pack('N/a*', $ids->[$i]), pack('N/a*', $value);
	}
	print $fh pack('n', 0xffff);
	close $fh;
	die "$file: sizes do not fit" if $at != length $floats;
}

# COPY options of a .tsv: no quotes, no escapes
our $load_tsv = q{(FORMAT csv, DELIMITER E'\t', QUOTE E'\x01')};

# BM25 (k1 = 1.2, b = 0.75, Lucene's idf) as a sparse inner product, from tables docs
# and queries (id text, body tsvector, bm25 sparsevec): a document holds the weight
# of each of its words, a query how often it has them.
our $weigh_bm25 = q{
	CREATE TEMP TABLE tf AS SELECT id, lexeme, cardinality(positions)::float8 AS tf FROM docs, unnest(body);
	CREATE TEMP TABLE word AS SELECT lexeme, row_number() OVER (ORDER BY lexeme COLLATE "C") AS n,
		ln(1 + ((SELECT count(*) FROM docs) - count(*) + 0.5) / (count(*) + 0.5)) AS idf FROM tf GROUP BY lexeme;
	CREATE TEMP TABLE size AS SELECT id, sum(tf) AS len, avg(sum(tf)) OVER () AS mean FROM tf GROUP BY id;
	UPDATE docs SET bm25 = w.v::sparsevec FROM (SELECT id, '{' || string_agg(n || ':' || idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * len / mean)), ',') || '}/1000000' AS v
		FROM tf JOIN word USING (lexeme) JOIN size USING (id) GROUP BY id) w WHERE w.id = docs.id;
	UPDATE queries SET bm25 = coalesce((SELECT '{' || string_agg(n || ':' || cardinality(positions), ',') || '}/1000000' FROM unnest(body) JOIN word USING (lexeme)), '{}/1000000')::sparsevec;
	DROP TABLE tf, word, size;
	ANALYZE docs};

1;
