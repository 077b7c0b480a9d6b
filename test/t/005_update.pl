# ALTER EXTENSION ... UPDATE brings a database of the version before to the very objects
# that CREATE EXTENSION makes now.
use strict;
use warnings;
use PgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_server('main');

# One line for each object of the extension, with all that its definition has. OIDs
# are shown as names; columns that no script sets are left out.
my $described = q{
	SET search_path = pg_catalog;
	WITH member AS (
		SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pgretrieve'
	), amop AS (
		SELECT a.*, m.objid FROM pg_amop a JOIN member m ON m.objid = a.amopfamily AND m.classid = 'pg_opfamily'::regclass
	), line AS (
		SELECT pg_describe_object(classid, objid, 0) AS object, 'comment ' || coalesce(obj_description(objid, c.relname), '') AS text
		FROM member m JOIN pg_class c ON c.oid = m.classid
		UNION ALL
		SELECT objid::regprocedure::text, concat_ws(' | ', CASE WHEN prokind <> 'a' THEN pg_get_functiondef(objid) END,
			pg_get_function_arguments(objid), pg_get_function_result(objid), prokind, procost, prorows, provolatile, proparallel,
			proisstrict, prosupport, proacl, proconfig, prosrc,
			(SELECT concat_ws(' ', aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, agginitval, aggtranstype::regtype,
				aggfinalextra, aggfinalmodify, aggtransspace, aggsortop, aggkind, aggmtransfn) FROM pg_aggregate WHERE aggfnoid = objid))
		FROM member JOIN pg_proc p ON p.oid = objid WHERE classid = 'pg_proc'::regclass
		UNION ALL
		SELECT objid::regoperator::text, concat_ws(' ', oprcode, oprrest, oprjoin, oprcom::regoperator, oprnegate::regoperator,
			oprcanmerge, oprcanhash, oprresult::regtype)
		FROM member JOIN pg_operator o ON o.oid = objid WHERE classid = 'pg_operator'::regclass
		UNION ALL
		SELECT pg_describe_object(classid, objid, 0), concat_ws(' ', opcfamily, opcintype::regtype, opcdefault, opckeytype::regtype)
		FROM (SELECT m.*, opcintype, opcdefault, opckeytype,
			(SELECT opfname FROM pg_opfamily f WHERE f.oid = c.opcfamily) AS opcfamily
			FROM member m JOIN pg_opclass c ON c.oid = objid WHERE classid = 'pg_opclass'::regclass) x
		UNION ALL
		SELECT pg_describe_object('pg_opfamily'::regclass, objid, 0), concat_ws(' ', 'amop', amoplefttype::regtype, amoprighttype::regtype,
			amopstrategy, amoppurpose, amopopr::regoperator, (SELECT opfname FROM pg_opfamily f WHERE f.oid = amopsortfamily))
		FROM amop
		UNION ALL
		SELECT pg_describe_object(m.classid, m.objid, 0), concat_ws(' ', 'amproc', amproclefttype::regtype, amprocrighttype::regtype, amprocnum, amproc)
		FROM pg_amproc a JOIN member m ON m.objid = a.amprocfamily AND m.classid = 'pg_opfamily'::regclass
		UNION ALL
		SELECT pg_describe_object(classid, objid, 0), concat_ws(' ', castfunc::regprocedure, castcontext, castmethod)
		FROM member JOIN pg_cast c ON c.oid = objid WHERE classid = 'pg_cast'::regclass
		UNION ALL
		SELECT pg_describe_object(classid, objid, 0), concat_ws(' ', typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typsubscript,
			typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typalign, typstorage, typacl,
			(SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = typrelid AND typrelid <> 0 AND attnum > 0))
		FROM member JOIN pg_type t ON t.oid = objid WHERE classid = 'pg_type'::regclass
		UNION ALL
		SELECT pg_describe_object(classid, objid, 0), concat_ws(' ', amhandler, amtype)
		FROM member JOIN pg_am a ON a.oid = objid WHERE classid = 'pg_am'::regclass
		UNION ALL
		SELECT pg_describe_object(classid, objid, 0), concat_ws(' ', relkind, relacl)
		FROM member JOIN pg_class c ON c.oid = objid WHERE classid = 'pg_class'::regclass
	)
	SELECT object || ': ' || replace(text, E'\n', ' ') FROM line ORDER BY object COLLATE "C", text COLLATE "C"};

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
my $fresh = $node->safe_psql('fresh', $described);
cmp_ok(scalar(split /\n/, $fresh), '>', 500, 'objects are described');
is(differing($fresh, $node->safe_psql('updated', $described)), '', '1.0 updated has the objects of a fresh database (-: missing in the update script, +: left by it)');
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
