# "make install-vector-alias": the extension under pgvector's name, for clients
# and dumps that create extension "vector".
# covers: nothing
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = abs_path(dirname(__FILE__) . '/../..');
my $build = PostgreSQL::Test::Utils::tempdir;
chomp(my $share = `pg_config --sharedir`);
my $control = "$share/extension/vector.control";
plan skip_all => "cannot write to $share/extension" unless -w "$share/extension";
plan skip_all => 'pgvector is installed' if -e $control;

sub make_target
{
	my ($target) = @_;
	return system("cd $build && make -s -f $source/Makefile VPATH=$source PG_CONFIG=pg_config with_llvm=no $target >log 2>&1");
}

# pgvector's own files are left alone
append_to_file($control, "default_version = '0.8.0'\n");
isnt(make_target('install-vector-alias'), 0, 'refuses where pgvector is');
like(slurp_file("$build/log"), qr/pgvector is installed/, 'and says so');
make_target('uninstall-vector-alias');
ok(-e $control, 'nor is it uninstalled');
unlink $control;

is(make_target('install-vector-alias'), 0, 'installs') or diag slurp_file("$build/log");
END { make_target('uninstall-vector-alias') if $build; }

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION vector;
	CREATE TABLE t (id int, v vector(3));
	INSERT INTO t VALUES (1, '[1,2,3]'), (2, '[4,5,6]');});
is($node->safe_psql('postgres', q{SELECT id FROM t ORDER BY v <-> '[4,4,4]' LIMIT 1}), '2', 'searches');
like($node->safe_psql('postgres', q{SELECT extversion FROM pg_extension WHERE extname = 'vector'}),
	qr/^0\.\d+\.\d+$/, 'a version of pgvector\'s series');

# a database has one of the two names
my ($rc, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION pgretrieve SCHEMA pg_catalog');
like($err, qr/this database has extension "vector"/, 'not both');
like($err, qr/HINT: .*restore/, 'with a hint');

# same objects
my $objects = q{SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
	WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname IN ('vector', 'pgretrieve')) ORDER BY 1};
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pgretrieve');
is($node->safe_psql('other', $objects), $node->safe_psql('postgres', $objects), 'identical objects');

# one made by the version before
$node->safe_psql('postgres', 'CREATE DATABASE before');
$node->safe_psql('before', "CREATE EXTENSION vector VERSION '0.8.6'");
$node->safe_psql('before', 'ALTER EXTENSION vector UPDATE');
is($node->safe_psql('before', $objects), $node->safe_psql('postgres', $objects), 'and after an update');

# a dump of either name goes back in
my $dump = "$build/dump.sql";
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dumps');
like(slurp_file($dump), qr/CREATE EXTENSION IF NOT EXISTS vector/, 'under the name');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restores');
is($node->safe_psql('restored', 'SELECT count(*) FROM t'), '2', 'rows are there');

done_testing();
