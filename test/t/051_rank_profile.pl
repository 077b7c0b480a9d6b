# Rank profiles go with pg_dump, into another schema too, and find their relation;
# one of a dropped relation is left behind. A user who is not a superuser can dump.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
$node->safe_psql('postgres', q{
	CREATE ROLE owner LOGIN;
	CREATE ROLE dumper LOGIN IN ROLE pg_read_all_data;
	CREATE SCHEMA ext;
	CREATE SCHEMA app AUTHORIZATION owner;
	CREATE EXTENSION pgretrieve SCHEMA ext;
	GRANT USAGE ON SCHEMA ext TO PUBLIC;
	SET ROLE owner;
	SET search_path = app, ext;
	CREATE TABLE "Docs" (id int PRIMARY KEY, v vector(2), t vector(2));
	INSERT INTO "Docs" SELECT i, ARRAY[i, 1]::vector, ARRAY[-i, 2]::vector FROM generate_series(1, 50) i;
	CREATE TABLE gone (id int PRIMARY KEY, v vector(2));
	INSERT INTO rank_profile (relation, name, legs, rerank, k, method, filter)
		VALUES ('"Docs"', 'it''s', ARRAY[leg('v', '<=>', NULL, 0.25, 7), leg('v', '<->', NULL, 0.1)], leg('t', '<#>', NULL, depth => 9), 4, 'cc', '{"id": {">": 3}}'),
		('gone', 'x', ARRAY[leg('v', '<->', NULL)], NULL, 10, 'rrf', NULL);
	DROP TABLE gone});
my $search = q{
	SET search_path = app, ext;
	SELECT string_agg(h::text, ' ' ORDER BY rank) FROM profile_search(NULL::"Docs", 'it''s', ARRAY['[9,1]', '[7,1]', '[1,1]']) h;
	SELECT count(*) FROM rank_profile p JOIN pg_class c ON c.oid = p.relation};
my $before = $node->safe_psql('postgres', $search);
like($before, qr/^\(.*\n1$/s, 'the profile searches');
is($node->safe_psql('postgres', 'SELECT count(*) FROM ext.rank_profile'), '2', 'one of a dropped relation is left');

my $file = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-p', $node->port, '-f', $file, 'postgres' ], 'dump');
$node->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE template0');
# oids of the copy shall differ
$node->safe_psql('copy', 'CREATE TABLE filler (i int); DROP TABLE filler');
$node->command_ok([ 'psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-p', $node->port, '-d', 'copy' ], 'restore');
is($node->safe_psql('copy', $search), $before, 'the restored profile searches alike');
is($node->safe_psql('copy', 'SELECT count(*) FROM ext.rank_profile'), '1', 'what a dropped relation left is not dumped');
$node->command_ok([ 'pg_dump', '-p', $node->port, '-U', 'dumper', '-f', "$file.2", 'postgres' ], 'dump by a user who only reads');

$node->stop;
done_testing();
