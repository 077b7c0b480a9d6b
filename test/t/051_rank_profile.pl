# Rank profiles live in an ordinary table: it goes with pg_dump, into another schema of the
# extension too, and a user who is not a superuser can dump it. Those of 1.0, where the
# extension had the table, survive the update, which leaves no table in the extension.
# covers: hybrid_profile
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PgrTest;

my $node = new_server('main');
my $members = q{SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
	WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND relkind IN ('r', 'v', 'm', 'S')};

# --- dump and restore ---

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
	SELECT rank_profile_table('app');
	INSERT INTO rank_profile (relation, name, legs, rerank, k, method, filter)
		VALUES ('"Docs"', 'it''s', ARRAY[leg('v', '<=>', NULL, 0.25, 7), leg('v', '<->', NULL, 0.1)], leg('t', '<#>', NULL, depth => 9), 4, 'cc', '{"id": {">": 3}}')});
is($node->safe_psql('postgres', $members), '0', 'the extension has no table');
my $search = q{
	SET search_path = app, ext;
	SELECT string_agg(h::text, ' ' ORDER BY rank) FROM profile_search(NULL::"Docs", 'it''s', ARRAY['[9,1]', '[7,1]', '[1,1]'], profile_schema => 'app') h;
	SELECT count(*) FROM rank_profile p JOIN pg_class c ON c.oid = p.relation};
my $before = $node->safe_psql('postgres', $search);
like($before, qr/^\(.*\n1$/s, 'the profile searches');

my $file = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-p', $node->port, '-f', $file, 'postgres' ], 'dump');
$node->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE template0');
# oids of the copy shall differ
$node->safe_psql('copy', 'CREATE TABLE filler (i int); DROP TABLE filler');
$node->command_ok([ 'psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-p', $node->port, '-d', 'copy' ], 'restore');
is($node->safe_psql('copy', $search), $before, 'the restored profile searches alike');
$node->command_ok([ 'pg_dump', '-p', $node->port, '-U', 'dumper', '-f', "$file.2", 'postgres' ], 'dump by a user who only reads');

# --- from 1.0 ---

my $old = q{CREATE EXTENSION pgretrieve VERSION '1.0';
	CREATE TABLE docs (id int PRIMARY KEY, v vector(2));
	ALTER TABLE docs OWNER TO owner;
	INSERT INTO docs SELECT i, ARRAY[i, 1]::vector FROM generate_series(1, 9) i;};
my $profile = q{INSERT INTO rank_profile (relation, name, legs, k) VALUES ('docs', 'near', ARRAY[leg('v', '<->', NULL, 0.5, 3)], 2);};
$profile .= q{INSERT INTO rank_profile (relation, name, legs, rerank, k) VALUES ('docs', 'reranked', ARRAY[leg('v', '<->', NULL)], leg('v', '<->', NULL), 3);};
my $reranked = q{SELECT string_agg(hit, ',' ORDER BY rank) FROM profile_search_keys('docs', 'reranked', '{"[1,1]","[9,1]"}')};
my $near = q{SELECT string_agg(hit, ',' ORDER BY rank) FROM profile_search_keys('docs', 'near', '{"[7,1]"}')};

# makes a database at 1.0, updates it, returns what the client was told
sub updated
{
	my ($db, $setup) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, $setup);
	my ($rc, $out, $err) = $node->psql($db, 'ALTER EXTENSION pgretrieve UPDATE');
	is($rc, 0, "$db: updates") or diag $err;
	is($node->safe_psql($db, $members), '0', "$db: no table of the extension");
	return $err;
}

is(updated('empty', $old), '', 'a table without profiles goes silently');
is($node->safe_psql('empty', "SELECT count(*) FROM pg_class WHERE relname = 'rank_profile'"), '0', 'and is gone');
is($node->safe_psql('empty', "SELECT count(*) FROM pg_namespace WHERE nspname = 'pgretrieve_profiles'"), '0', 'no schema is made for it');

like(updated('kept', "$old $profile"), qr/WARNING:  rank profiles are in table pgretrieve_profiles.rank_profile/, 'told where profiles are');
is($node->safe_psql('kept', $near), '7,6', 'they search as before');
is($node->safe_psql('kept', "SET ROLE owner; $near"), '7,6', 'for others, too');
is($node->safe_psql('kept', $reranked), '9,8,7', 'their rerank replaces the fused order, as it did');
is($node->safe_psql('kept', $reranked =~ s/\)$/, rerank_weight => 0)/r), '1,2,3', 'if no weight is given');
my ($rc, $out, $err) = $node->psql('kept', 'SET ROLE owner; BEGIN; LOCK TABLE pgretrieve_profiles.rank_profile');
like($err, qr/permission denied/, 'which may not lock them');
($rc, $out, $err) = $node->psql('kept', 'SET ROLE owner; UPDATE pgretrieve_profiles.rank_profile SET k = 1');
like($err, qr/permission denied/, 'nor change them');
is($node->safe_psql('kept', q{UPDATE pgretrieve_profiles.rank_profile SET k = 3 WHERE name = 'near'}) . $node->safe_psql('kept', $near), '7,6,8', 'their owner may');
$node->command_ok([ 'pg_dump', '-p', $node->port, '-f', "$file.3", 'kept' ], 'dump after the update');
$node->safe_psql('template1', 'CREATE DATABASE kept_copy TEMPLATE template0');
$node->command_ok([ 'psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-f', "$file.3", '-p', $node->port, '-d', 'kept_copy' ], 'restore of it');
is($node->safe_psql('kept_copy', $near), '7,6,8', 'searches alike');
$node->safe_psql('kept', 'DROP EXTENSION pgretrieve CASCADE');

# before the update: the new library with the old objects
$node->safe_psql('postgres', 'CREATE DATABASE waiting');
$node->safe_psql('waiting', "$old $profile");
is($node->safe_psql('waiting', "SET ROLE owner; $near"), '7,6', 'before the update profiles search, too');
is($node->safe_psql('waiting', q{SELECT string_agg(hit, ',' ORDER BY rank) FROM hybrid_search('docs', 'id', ARRAY[leg('v', '<->', '[7,1]', depth => 2)], 2)}),
	'7,6', 'and so does a search');
is($node->safe_psql('waiting', $reranked), '9,8,7', 'whose rerank replaces the fused order');

# the schema is somebody else's: profiles stay where they are
like(updated('taken', "$old $profile CREATE SCHEMA pgretrieve_profiles AUTHORIZATION owner;"),
	qr/WARNING:  rank profiles are in table public.rank_profile/, 'not into a schema of another role');
is($node->safe_psql('taken', $near =~ s/\)$/, profile_schema => 'public')/r), '7,6', 'where they are found');

# somebody depends on what changes: said, and nothing is lost
$node->safe_psql('postgres', 'CREATE DATABASE viewed');
$node->safe_psql('viewed', "$old CREATE VIEW found AS SELECT * FROM hybrid_search('docs', 'id', ARRAY[leg('v', '<->', '[7,1]')], 2)");
($rc, $out, $err) = $node->psql('viewed', 'ALTER EXTENSION pgretrieve UPDATE');
like($err, qr/cannot drop function .*view found depends on function/s, 'a view on what changes is in the way, and named');
is($node->safe_psql('viewed', 'SELECT count(*) FROM found'), '2', 'and still works');

$node->stop;
done_testing();
