# clients/encoder/embed_table.py against a server: all rows, changed rows, --follow, --uninstall,
# what is refused. Its model is a tiny one of random weights, made here. Skips where Python or a
# package of it is missing; PGR_PYTHON names another Python.
# covers: nothing
use strict;
use warnings;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PgrTest;

my $python = $ENV{PGR_PYTHON} // 'python3';
my $client = "$FindBin::Bin/../../clients/encoder";
plan skip_all => "$python lacks numpy, onnx, onnxruntime, tokenizers or psycopg"
	if !IPC::Run::run([ $python, '-c', 'import numpy, onnx, onnxruntime, tokenizers, psycopg' ], '>', \my $ignored, '2>', \my $why);

my $model = PostgreSQL::Test::Utils::tempdir();
ok(IPC::Run::run([ $python, "$client/test_model.py", $model ]), 'a model');
my $node = new_server('main');
$node->safe_psql('postgres', q{
	CREATE EXTENSION pgretrieve;
	CREATE SCHEMA "My Notes";
	CREATE ROLE writer LOGIN;
	CREATE TABLE "My Notes"."Note" ("Key" text PRIMARY KEY, title text, body text, v vector(16), t multivector(16, i8));
	GRANT USAGE ON SCHEMA "My Notes" TO writer;
	GRANT SELECT, INSERT, UPDATE, DELETE ON "My Notes"."Note" TO writer;
	INSERT INTO "My Notes"."Note" SELECT 'k''' || i, 'apple', CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN ' ' ELSE 'banana zebra ' || i END FROM generate_series(1, 50) i});

my @arguments = ('--table', '"My Notes"."Note"', '--key', 'Key', '--model', $model,
	'--text', q{nullif(title || format('%s', ''), '') || CASE WHEN btrim(body) <> '' THEN body END}, '--dense', 'v', '--tokens', 't', '--rows', '7');
my @program = ($python, "$client/embed_table.py");
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGDATABASE} = 'postgres';

sub ask { return $node->safe_psql('postgres', shift) }
my $queue = '"My Notes"."Note_to_embed"';
my $state = qq{SELECT (SELECT count(v) FROM "My Notes"."Note"), (SELECT count(t) FROM "My Notes"."Note"), (SELECT count(*) FROM $queue)};

$node->command_ok([ @program, @arguments ], 'all rows');
is(ask($state), '30|30|0', 'those with text have vectors, the queue is empty');
is(ask(q{SELECT DISTINCT round(vector_norm(v)::numeric, 4), token_count(t) FROM "My Notes"."Note" WHERE v IS NOT NULL}), '1.0000|3', 'of unit length, a vector a token');
$node->command_ok([ @program, @arguments ], 'again');
is(ask($state), '30|30|0', 'and nothing was to do');

# the function runs as its owner, so nobody else may have it run over a table of theirs
my ($status, $said, $error) = $node->psql('postgres', qq{SET ROLE writer; CREATE TEMP TABLE mine ("Key" text, title text, body text);
	CREATE TRIGGER t AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION $queue()});
like($error, qr/permission denied for function/, 'no trigger of it for others');

# what changes is queued, by whoever may write the table; what keeps its text is not
ask(q{SET ROLE writer; UPDATE "My Notes"."Note" SET title = title; UPDATE "My Notes"."Note" SET v = v});
is(ask("SELECT count(*) FROM $queue"), '0', 'the same text is not queued');
ask(q{SET ROLE writer; SET search_path = pg_temp; UPDATE "My Notes"."Note" SET body = 'cherry' WHERE "Key" = 'k''2';
	UPDATE "My Notes"."Note" SET body = NULL WHERE "Key" = 'k''3'; INSERT INTO "My Notes"."Note" VALUES ('new', 'index', 'search');
	INSERT INTO "My Notes"."Note" VALUES ('gone', 'index', 'search'); DELETE FROM "My Notes"."Note" WHERE "Key" = 'gone'});
is(ask(qq{SELECT string_agg(key, ' ' ORDER BY key) FROM $queue}), q{gone k'2 k'3 new}, 'another text is');
my $before = ask(q{SELECT v FROM "My Notes"."Note" WHERE "Key" = 'k''2'});
$node->command_ok([ @program, @arguments ], 'what changed');
is(ask($state), '30|30|0', 'one more, one less');
isnt(ask(q{SELECT v FROM "My Notes"."Note" WHERE "Key" = 'k''2'}), $before, 'another vector');
is(ask(q{SELECT v IS NULL AND t IS NULL FROM "My Notes"."Note" WHERE "Key" = 'k''3'}), 't', 'no text, no vectors');

# a change is not held up by a batch, and its vector is that of the text
my ($in, $out, $err) = ('', '', '');
local $ENV{PGAPPNAME} = 'follower';
my $following = IPC::Run::start([ @program, @arguments, '--follow' ], '<', \$in, '>', \$out, '2>', \$err);
delete $ENV{PGAPPNAME};
# the first look at the queue comes after LISTEN and ends with a COMMIT
ok($node->poll_query_until('postgres', q{SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'follower' AND state = 'idle' AND query = 'COMMIT')}), 'it follows');
my $changed = time;
ask(q{UPDATE "My Notes"."Note" SET body = 'fusion search' WHERE "Key" = 'new'; INSERT INTO "My Notes"."Note" VALUES ('late', 'fusion', 'zebra')});
ok($node->poll_query_until('postgres', q{SELECT v IS NOT NULL FROM "My Notes"."Note" WHERE "Key" = 'late'}), 'and embeds what comes');
cmp_ok(time - $changed, '<', 50, 'when it is told, before it looks by itself');
$following->kill_kill;
is(ask("SELECT count(*) FROM $queue"), '0', 'stopped, it leaves nothing half done');

$node->command_ok([ @program, '--table', '"My Notes"."Note"', '--uninstall' ], 'uninstall');
is(ask(q{SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE '%embed'), (SELECT count(*) FROM pg_proc WHERE proname LIKE '%embed'), (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%embed')}), '0|0|0', 'nothing is left');

# a SPLADE model's weights, found through their index
my $splade = PostgreSQL::Test::Utils::tempdir();
ok(IPC::Run::run([ $python, "$client/test_model.py", $splade, 16, 'splade' ]), 'a SPLADE model');
ask('CREATE TABLE plain (id int PRIMARY KEY, body text, w sparsevec(12)); INSERT INTO plain VALUES (1, \'apple\'), (2, \'zebra index\'), (3, NULL)');
$node->command_ok([ @program, '--table', 'plain', '--key', 'id', '--text', 'body', '--model', $splade, '--sparse', 'w' ], 'sparse weights');
is(ask('CREATE INDEX ON plain USING inverted (w); SELECT count(w), min(l2_norm(w)) > 0 FROM plain'), '2|t', 'of each text');

# a text beyond the model's length is cut, at --max-tokens before that; the marks of start and end count
ask(q{CREATE TABLE "50%" (id int PRIMARY KEY, body text, v vector(16), t multivector(16));
	INSERT INTO "50%" VALUES (1, repeat('banana ', 40)), (2, repeat('banana ', 5000)), (3, repeat('banana ', 14)), (4, ''), (5, E' \t\n')});
my @cut = ('--table', '"50%"', '--key', 'id', '--text', 'body', '--model', $model, '--dense', 'v', '--tokens', 't');
my $cut = q{SELECT string_agg(coalesce(token_count(t)::text, '-'), ' ' ORDER BY id), (SELECT count(*) FROM "50%_to_embed") FROM "50%"};
$node->command_ok([ @program, @cut ], 'long texts');
is(ask($cut), '14 14 14 - -|0', 'are cut, and empty ones have no vectors');
is(ask('SELECT count(*) FROM "50%" WHERE abs(max_sim_norm(t, t) - 1) < 1e-6'), '3', 'tokens are of unit length');
is(ask('SELECT (SELECT v FROM "50%" WHERE id = 2) = v FROM "50%" WHERE id = 3'), 't', 'what is beyond is in no vector');
ask('UPDATE "50%" SET v = NULL, t = NULL');
$node->command_ok([ @program, @cut, '--max-tokens', '8' ], 'earlier');
is(ask($cut), '6 6 6 - -|0', 'they are');
$node->command_ok([ @program, @cut, '--uninstall' ], 'the end of it');

my ($broken, $damaged) = (PostgreSQL::Test::Utils::tempdir(), PostgreSQL::Test::Utils::tempdir());
system("cp $model/* $damaged/ && rm $damaged/*.onnx && truncate -s 1000 $damaged/model.safetensors && cp $model/tokenizer.json $broken/ && echo nothing > $broken/model.onnx");
# the guide's blocks, top to bottom, with this model's width
my @guide = slurp_file("$FindBin::Bin/../../docs/bring_your_own_encoder.md") =~ /^```(sql|sh|python)\n(.*?)^```/msg;
ask(q{CREATE TABLE docs (id int PRIMARY KEY, title text, body text); INSERT INTO docs VALUES (1, 'fusion', 'apple banana'), (2, 'index', 'why does vacuum not shrink a table')});
is(scalar(grep { /^(sql|sh|python)$/ } @guide), 5, 'the guide has five blocks');
while (my ($language, $block) = splice @guide, 0, 2)
{
	next if $block =~ /-m venv/;
	$block =~ s/384/16/g;
	$block =~ s{[~\w/]+\.cache/pgretrieve/all-MiniLM-L6-v2}{$model};
	$block =~ s{\bclients/encoder}{$client};
	$block =~ s/dbname=app//;
	$block =~ s/export PGDATABASE=app|encoders\/bin\/python/$& eq 'export PGDATABASE=app' ? '' : $python/ge;
	my @run = $language eq 'sql' ? ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-c') : $language eq 'sh' ? ('sh', '-ec') : ($python, '-c');
	$block .= "print(rows[0])\n" if $language eq 'python';
	my $ok = IPC::Run::run([ @run, $block ], '>', \my $printed, '2>', \my $complaint);
	ok($ok, "the guide's $language runs") or diag $complaint;
	like($printed, qr/^\(2, 'index', 1\)/, 'and finds') if $language eq 'python';
}

my ($long, $longer) = ('n' x 54, 'n' x 63);
ask("CREATE TABLE $_ (id int PRIMARY KEY, body text, v vector(16))") for 'squatted', 'taken', $long, $longer;
ask('CREATE TABLE narrow (id int PRIMARY KEY, body text, v vector(3), t multivector(16))');
ask('CREATE TABLE squatted_to_embed (id int, key int); ALTER TABLE squatted_to_embed OWNER TO writer');
ask('CREATE FUNCTION taken_to_embed() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$; ALTER FUNCTION taken_to_embed() OWNER TO writer');
my @plain = ('--key', 'id', '--text', 'body', '--model', $model, '--dense', 'v');
$node->command_ok([ @program, '--table', $long, @plain ], 'the longest name');
$node->command_ok([ @program, '--table', $long, '--uninstall' ], 'its end');
for (
	[ 'too long a name', qr/is too long/, '--table', $longer, @plain ],
	[ 'its end', qr/is too long/, '--table', $longer, '--uninstall' ],
	[ 'another\'s queue', qr/belongs to another role/, '--table', 'squatted', @plain ],
	[ 'another\'s function', qr/belongs to another role/, '--table', 'taken', @plain ],
	[ 'no such table', qr/there is no table nope/, '--table', 'nope', '--key', 'id', '--text', 'x', '--model', $model, '--dense', 'v' ],
	[ 'no such column', qr/has no column w/, @arguments, '--dense', 'w' ],
	[ 'no column named', qr/name at least one/, '--table', 'x', '--key', 'id', '--text', 'x', '--model', $model ],
	[ 'no model', qr/cannot use the model .*nowhere: .*No such file/, @cut, '--model', "$model/nowhere" ],
	[ 'no graph', qr/cannot use the model/, @cut, '--model', $broken ],
	[ 'a truncated model', qr/cannot use the model/, @cut, '--model', $damaged ],
	[ 'more tokens than the model has', qr/at most 32 tokens, not 33/, @cut, '--max-tokens', 33 ],
	[ 'a column of another width', qr/expected 3 dimensions, not 16/, '--table', 'narrow', @plain ],
	[ 'no SQL', qr/syntax error/, '--table', 'narrow', '--key', 'id', '--text', ')', '--model', $model, '--tokens', 't' ],
	[ 'no server', qr/connection/, @cut, '--dsn', 'port=1' ],
	[ 'not a SPLADE model', qr/is not a SPLADE model/, '--table', '"My Notes"."Note"', '--key', 'Key', '--text', 'body', '--model', $model, '--sparse', 'v' ],
	[ 'no rows', qr/at least 1/, @arguments, '--rows', '0' ])
{
	my ($name, $message, @with) = @$_;
	my $ok = IPC::Run::run([ @program, @with ], '>', \my $printed, '2>', \my $complaint);
	ok(!$ok, "$name: refused");
	unlike($complaint, qr/Traceback/, "$name: plainly");
	like($complaint, $message, "$name: said");
}
is(ask(qq{SELECT count(*) FROM pg_class WHERE relname ~ '^(Note|50%|narrow).*embed' OR relname = '$longer'}), '1', 'nothing was made, and no table is gone');
$node->stop;
done_testing();
