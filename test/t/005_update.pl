# ALTER EXTENSION ... UPDATE brings a database of the version before to the very objects
# that CREATE EXTENSION makes now.
# covers: nothing
use strict;
use warnings;
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');

# the objects of a database's extension, a line each
sub objects
{
	my ($db) = @_;
	sql_file($node, $db, 'catalog_objects.sql');
	return $node->safe_psql($db, q{SELECT replace(line || coalesce(body, ''), E'\n', ' ') FROM catalog_object});
}

# the lines that only one of two texts has
sub differing
{
	my ($a, $b) = @_;
	my %in_b = map { $_ => 1 } split /\n/, $b;
	my %in_a = map { $_ => 1 } split /\n/, $a;
	return join '', map({ "- $_\n" } grep { !$in_b{$_} } split /\n/, $a), map({ "+ $_\n" } grep { !$in_a{$_} } split /\n/, $b);
}

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION pgretrieve');
$node->safe_psql('postgres', 'CREATE DATABASE updated');
$node->safe_psql('updated', q{CREATE EXTENSION pgretrieve VERSION '1.0'});
$node->safe_psql('updated', 'ALTER EXTENSION pgretrieve UPDATE');
my $fresh = objects('fresh');
cmp_ok(scalar(split /\n/, $fresh), '>', 500, 'objects are described');
is(differing($fresh, objects('updated')), '', '1.0 updated has the objects of a fresh database (-: missing in the update script, +: left by it)');
is($node->safe_psql('updated', q{SELECT extversion FROM pg_extension WHERE extname = 'pgretrieve'}),
	$node->safe_psql('fresh', q{SELECT extversion FROM pg_extension WHERE extname = 'pgretrieve'}), 'and its version');

# Others may have made operators and functions in the extension's schema that fit better
# than those of pg_catalog. A superuser runs the script, which must call none of them.
$node->safe_psql('postgres', 'CREATE DATABASE hostile');
$node->safe_psql('hostile', q{
	CREATE EXTENSION pgretrieve VERSION '1.0';
	CREATE TABLE docs (v vector(2), q rankquery);
	CREATE INDEX ON docs USING hash (q);
	INSERT INTO rank_profile (relation, name, legs) VALUES ('docs', 'near', ARRAY[leg('v', '<->', NULL)]);
	CREATE FUNCTION stranger(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''a stranger was called''; END';
	CREATE FUNCTION stranger(oid, regnamespace) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''a stranger was called''; END';
	CREATE FUNCTION format(text, name) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''a stranger was called''; END';
	CREATE FUNCTION format(text, regclass) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''a stranger was called''; END';
	CREATE OPERATOR = (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = stranger);
	CREATE OPERATOR = (LEFTARG = oid, RIGHTARG = regnamespace, FUNCTION = stranger)});
my ($rc, $out, $err) = $node->psql('hostile', 'ALTER EXTENSION pgretrieve UPDATE');
unlike($err, qr/stranger|ERROR/, 'the script calls nothing that others made');
is($node->safe_psql('hostile', 'SELECT name FROM pgretrieve_profiles.rank_profile'), 'near', 'and is through');

$node->stop;
done_testing();
