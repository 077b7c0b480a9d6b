# shellcheck shell=bash
#
# check_lib.sh: the parts of ./check. Sourced after lib.sh.
#
# Every test ends as one line "pass|fail|skip NAME" in $RESULTS; the parts add
# to it and go on after a failure, so that one run shows all of them.

PGR_CACHE=${PGR_CACHE:-/var/cache/pgretrieve}
PGR_DATA=${PGR_DATA:-$CLONE/../shared/data}

check_begin() {
	if [ -n "$QUICK" ]; then
		# kept between runs, one for each clone: only what changed is built again
		PGR_WORK=/tmp/pgr-quick.$(id -u).$(printf %s "$CLONE" | cksum | cut -d" " -f1)
		mkdir -p "$PGR_WORK"
		pgr_note_work_dir "$PGR_WORK" keep
		chmod 755 "$PGR_WORK"
		pgr_own "$PGR_WORK"
	else
		pgr_make_work_dir pgr-check
	fi
	RESULTS=$PGR_WORK/results
	: >"$RESULTS"
	SRC=$PGR_WORK/src
	if [ -n "$QUICK" ]; then rm -rf "$PGR_WORK/out"; fi
	pgr_stage "$CLONE" "$SRC"
}

check_end() {
	local lane
	for lane in ${LANES[@]+"${LANES[@]}"}; do kill "${lane##*:}" 2>/dev/null && wait "${lane##*:}"; done
	pgr_stop_servers
	if [ -n "$QUICK" ] || [ -n "$KEEP" ]; then
		echo "work directory: $PGR_WORK"
	else
		rm -rf "$PGR_WORK"
	fi
}

check_summary() {
	local passed failed skipped
	passed=$(grep -c '^pass ' "$RESULTS" || true)
	failed=$(grep -c '^fail ' "$RESULTS" || true)
	skipped=$(grep -c '^skip ' "$RESULTS" || true)
	pgr_step "done in $((SECONDS - START)) s"
	grep '^skip ' "$RESULTS" | sed 's/^skip /skipped: /' || true
	grep '^fail ' "$RESULTS" | sed 's/^fail /failed: /' || true
	[ -n "${CHECK_RESULTS_FILE:-}" ] && cp "$RESULTS" "$CHECK_RESULTS_FILE"
	trap - EXIT
	[ "$failed" = 0 ] || KEEP=1
	check_end >&2
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

# --- lanes ------------------------------------------------------------------------

LANES=()

# check_lane NAME FUNCTION: runs a function beside what follows, with results and
# output of its own. It must install no packages: apt-get runs once at a time.
check_lane() {
	(
		RESULTS=$PGR_WORK/results-$1 PGR_SERVERS=()
		: >"$RESULTS"
		trap pgr_stop_servers EXIT
		trap 'exit 1' TERM
		"$2"
	) >"$PGR_WORK/lane-$1.out" 2>&1 &
	LANES+=("$1:$!")
}

# Waits for the lanes; shows what they printed and adds their results.
check_join_lanes() {
	local lane
	for lane in "${LANES[@]}"; do
		wait "${lane##*:}" || result fail "${lane%%:*}: the lane did not finish"
		cat "$PGR_WORK/lane-${lane%%:*}.out"
		cat "$PGR_WORK/results-${lane%%:*}" >>"$RESULTS"
	done
	LANES=()
}

# check_parts PART...: those that no lane has begun yet. Lanes that are given the
# same parts, in different order, share them.
check_parts() {
	local part
	for part in "$@"; do
		mkdir "$PGR_WORK/begun-$part" 2>/dev/null || continue
		case $part in
			"$PGR_MAJOR") ;;
			ubsan | assert) "check_$part" ;;
			*) check_chroot "$part" ;;
		esac
	done
}

# All packages of a whole run. What only some parts need may be missing.
check_need_all() {
	pgr_need gcc clang make perl libipc-run-perl libpq-dev
	[ "$(uname -m)" != x86_64 ] || (pgr_need gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user) ||
		pgr_warn "no cross compiler: NEON is not tested"
	[ "$(id -u)" = 0 ] || return 0
	[ -d "$PGR_CACHE/roots" ] || [ -z "$(debian_mirror)" ] || pgr_need debootstrap debian-archive-keyring
	[ -x "$PGR_CACHE/assert/bin/postgres" ] || check_need_assert
}

result() { echo "$1 $2" >>"$RESULTS"; }

# run_test NAME COMMAND...: one test that passes if the command does.
run_test() {
	local name=$1 log
	shift
	log=$PGR_WORK/$(echo "$name" | tr -c 'A-Za-z0-9._\n' -).log
	if "$@" >"$log" 2>&1; then
		result pass "$name"
		echo "ok   $name"
	else
		result fail "$name"
		echo "FAIL $name"
		tail -40 "$log"
	fi
}

# count_tap PREFIX FILE: TAP output into results; pg_regress's older form too.
count_tap() {
	awk -v prefix="$1" '
		{ sub(/\r$/, "") }
		/^[[:space:]]*(not )?ok [0-9]+/ {
			# prove indents subtests; their parents are counted, not they
			if ($0 ~ /^[[:space:]]/) next
			state = /^not ok/ ? "fail" : (/# [Ss][Kk][Ii][Pp]/ ? "skip" : "pass")
			name = $0; sub(/^(not )?ok [0-9]+ *-? */, "", name); sub(/ +[0-9]+ ms$/, "", name)
			print state, prefix ": " name; next
		}
		/^(test|     |parallel)? *[a-z0-9_]+ +\.\.\. (ok|FAILED|failed)/ {
			state = / \.\.\. ok/ ? "pass" : "fail"
			name = $0; sub(/ +\.\.\..*/, "", name); sub(/^test +/, "", name); sub(/^ +/, "", name)
			print state, prefix ": " name
		}' "$2" >>"$RESULTS"
}

# --- static checks, unit tests, compilers -------------------------------------

check_static() {
	local rule
	pgr_step "layers, circles, comments, format, templates, covers"
	for rule in layers circles comments format templates; do run_test $rule "$SRC/test/check_$rule" "$SRC"; done
	run_test covers "$SRC/test/covers" --check "$SRC"
}

# check_unit TARGET: check, check-asan or check-neon of test/unit
check_unit() {
	local name=${1/#check/unit} out=$PGR_WORK/$1.log
	pgr_step "unit tests: make $1"
	if ! pgr_as_user make -s -j2 -C "$SRC/test/unit" BUILD="$PGR_WORK/unit" "$1" >"$out" 2>&1; then
		result fail "$name: make"
		tail -40 "$out"
	fi
	count_tap "$name" "$out"
	tail -1 "$out"
}

# No warning with clang either; every build for a server is one with gcc.
check_clang() {
	local tree=$PGR_WORK/clang
	# the server's CFLAGS and headers are written for gcc
	local werror='-Werror -Wno-ignored-optimization-argument -Wno-unknown-warning-option -Wno-ignored-attributes'
	pgr_step "clang"
	pgr_install_tree "$PGR_PG_CONFIG" "$PGR_WORK/pg$PGR_MAJOR"
	mkdir -p "$tree"
	pgr_own "$tree"
	run_test "build: clang -Werror" pgr_as_user make -s -j2 -C "$tree" -f "$SRC/Makefile" \
		VPATH="$SRC" PG_CONFIG="$PGR_BIN/pg_config" with_llvm=no CC=clang COPT="$werror" all
	run_test "symbols: clang" "$SRC/test/check_symbols" "$tree/pgretrieve.so" "$SRC"
}

# --- tests on a server -----------------------------------------------------------

# check_server PG_CONFIG NAME FLAGS KIND...: builds into a private copy of that
# installation, starts a server and runs the kinds of tests.
check_server() {
	local config=$1 name=$2 flags=$3 tree=$PGR_WORK/$2 kind
	shift 3
	pgr_step "$name: build"
	pgr_install_tree "$config" "$tree"
	if ! (pgr_build "$SRC" "$PGR_WORK/build-$name" COPT="$flags"); then
		result fail "$name: build"
		return
	fi
	result pass "$name: build"
	run_test "$name: symbols" "$SRC/test/check_symbols" "$PGR_WORK/build-$name/pgretrieve.so" "$SRC"
	for kind in "$@"; do "check_$kind" "$name"; done
	pgr_stop_servers
}

# Without autovacuum: when rows go, and when a table has statistics, is the tests' affair.
check_need_server() {
	[ -n "${PGR_SERVERS[*]-}" ] ||
		pgr_start_server "$PGR_WORK/data-$1" "$PGR_WORK/s-$1" -c fsync=off -c max_worker_processes=16 -c autovacuum=off
}

# The tests of one PGXS make variable through its driver program.
check_pg_regress() {
	local name=$1 what=$2 driver=$3 inputs=$4 tests=$5 out=$PGR_WORK/out/$1-$2 status=0
	[ -n "$tests" ] || { result skip "$name $what: no tests"; return; }
	pgr_step "$name: $what"
	check_need_server "$name"
	mkdir -p "$out"
	pgr_own "$PGR_WORK/out"
	# shellcheck disable=SC2086
	pgr_as_user bash -c 'cd "$0" && "$@"' "$out" "$(dirname "$("$PGR_BIN/pg_config" --pgxs)")/../../src/test/$driver" \
		--inputdir="$inputs" --outputdir="$out" --bindir="$PGR_BIN" --dbname="check_$what" \
		--load-extension=pgretrieve $tests >"$out.log" 2>&1 || status=$?
	count_tap "$name $what" "$out.log"
	# it gives up at a test without an expected file, say
	[ "$status" = 0 ] || grep -q "^fail $name $what" "$RESULTS" || result fail "$name $what: the run did not end"
	grep -E '^ ?(All|#? ?[0-9]+ of)|^not ok|FAILED|^# All' "$out.log" || cat "$out.log"
	[ ! -s "$out/regression.diffs" ] || head -200 "$out/regression.diffs"
}

check_regress() {
	mkdir -p "$PGR_WORK/out/$1-regress"
	ln -sfn "$SRC/expected" "$PGR_WORK/out/$1-regress/expected"
	check_pg_regress "$1" regress regress/pg_regress "$SRC/test" \
		"$(cd "$SRC/test/sql" && ls ./*.sql 2>/dev/null | sed 's,^\./,,; s,\.sql$,,' | tr '\n' ' ')"
}

check_isolation() {
	check_pg_regress "$1" isolation isolation/pg_isolation_regress "$SRC/test/isolation" \
		"$(cd "$SRC/test/isolation/specs" && ls ./*.spec 2>/dev/null | sed 's,^\./,,; s,\.spec$,,' | tr '\n' ' ')"
}

# TAP tests start servers of their own.
check_tap() {
	local name=$1 out=$PGR_WORK/tap-$1 perl pgxs
	ls "$SRC"/test/t/*.pl >/dev/null 2>&1 || { result skip "$name tap: no tests"; return; }
	pgr_need perl libipc-run-perl
	pgr_step "$name: TAP"
	pgxs=$(dirname "$("$PGR_BIN/pg_config" --pgxs)")/../../src/test
	perl=$pgxs/perl
	mkdir -p "$out"
	pgr_own "$out"
	[ -e "$PGR_WORK/before" ] || pgr_stage_before "$CLONE" "$PGR_WORK/before" || true
	# shellcheck disable=SC2016
	pgr_as_user env -u PGHOST -u PGPORT -u PGDATABASE -u PGUSER \
		PATH="$PGR_BIN:$PATH" PG_REGRESS="$pgxs/regress/pg_regress" \
		PGR_DATA="$PGR_DATA" PGR_COLLECTIONS="${CHECK_COLLECTIONS:-}" PGR_BRIEF="${CHECK_COLLECTIONS:+1}" \
		PGR_BEFORE="$PGR_WORK/before" TESTDIR="$out" TESTDATADIR="$out" TESTLOGDIR="$out/log" TMPDIR=/tmp \
		bash -c 'cd "$0" && exec prove -v --timer -I "$1" -I "$2/test/perl" "$2"/test/t/${CHECK_TAP:-}*.pl' \
		"$out" "$perl" "$SRC" >"$out.log" 2>&1 || true
	count_tap "$name tap" "$out.log"
	grep -E '^(Result|Files|not ok)' "$out.log" || tail -40 "$out.log"
	if grep -q '^Result: FAIL\|Dubious' "$out.log"; then
		grep -q "^fail $name tap" "$RESULTS" || result fail "$name tap: $(grep -m1 Dubious "$out.log")"
		grep -E -B2 -A12 'not ok|Failed test|Dubious' "$out.log" | head -80
		tap_deaths "$out"
	fi
}

# tap_deaths DIRECTORY: the ends of the logs of tests that died; PostgreSQL's
# modules send what a test says on its way out there, not to prove.
tap_deaths() {
	local log
	sed -n 's,^.*/t/\([^ ]*\)\.pl .*Dubious.*,\1,p; s,^.*/t/\([^ ]*\)\.pl *(Wstat: [1-9].*,\1,p' "$1.log" | sort -u | while read -r log; do
		echo "-- the end of regress_log_$log"
		find "$1" -name "regress_log_$log" -exec tail -25 {} + | cut -c1-600
	done
}

# Seeded fuzzing of the types' input; FUZZ inputs per type and format.
check_fuzz() {
	local out=$PGR_WORK/fuzz-$1
	pgr_need libpq-dev
	pgr_step "$1: fuzz, $FUZZ inputs per type and format"
	check_need_server "$1"
	if ! pgr_as_user make -s -C "$SRC/test/fuzz" PG_CONFIG="$PGR_BIN/pg_config" BUILD="$PGR_WORK/fuzz" >"$out" 2>&1; then
		result fail "$1 fuzz: make"
		cat "$out"
		return
	fi
	psql -Xqc "CREATE DATABASE fuzz" && psql -Xqd fuzz -c "CREATE EXTENSION pgretrieve"
	pgr_as_user env PGHOST="$PGHOST" PGUSER=postgres "$PGR_WORK/fuzz/fuzz_types" \
		"$SRC/test/fuzz/corpus" dbname=fuzz "$FUZZ" "$SEED" >"$out" 2>&1 || result fail "$1 fuzz: the run did not end"
	count_tap "$1 fuzz" "$out"
	grep -v '^ok' "$out" || true
	if grep -q '^Bail' "$out"; then tail -30 "$PGR_WORK/data-$1.log"; fi
}

# The library with undefined-behaviour traps on a usual server. An error ends the
# backend, and so the test.
check_ubsan() {
	check_server "$PGR_PG_CONFIG" ubsan "-Werror -O1 -g -fsanitize=undefined -fno-sanitize-recover=undefined" regress fuzz
}

# --- other servers ------------------------------------------------------------------


# The host's own Debian mirror, as apt knows it; empty on other systems.
debian_mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 2>/dev/null |
		awk '$1 == "Debian" && $2 ~ /\/debian\/?$/ { print $2; exit }'
}

# in_root ROOT SCRIPT: with the collections at /tmp/shared-data, where there are any
in_root() {
	unshare -m --propagation private bash -ec '
		mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; mount -t tmpfs shm "$0/dev/shm"
		mkdir -p "$0/tmp/shared-data"
		[ ! -d "$2" ] || mount --bind -o ro "$2" "$0/tmp/shared-data"
		exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive HOME=/root bash -ec "$1"' "$1" "$2" "$PGR_DATA"
}

# make_root SUITE MIRROR ROOT: a minimal Debian in a directory.
make_root() {
	local script=''
	pgr_need debootstrap debian-archive-keyring
	# an older debootstrap has no script of a newer suite; all are like sid's
	[ -e "/usr/share/debootstrap/scripts/$1" ] || script=/usr/share/debootstrap/scripts/sid
	rm -rf "$3" "$3.part"
	mkdir -p "$(dirname "$3")"
	# shellcheck disable=SC2086
	debootstrap --variant=minbase "$1" "$3.part" "$2" $script || return 1
	cp /etc/resolv.conf /etc/hosts "$3.part/etc/"
	cp -r /etc/apt/apt.conf.d/*proxy* "$3.part/etc/apt/apt.conf.d/" 2>/dev/null || true
	printf '#!/bin/sh\nexit 101\n' >"$3.part/usr/sbin/policy-rc.d"
	chmod +x "$3.part/usr/sbin/policy-rc.d"
	# a mirror may lag behind the validity that a testing suite's Release states
	echo 'Acquire::Check-Valid-Until "false";' >"$3.part/etc/apt/apt.conf.d/99valid"
	in_root "$3.part" 'apt-get update -qq' || return 1
	mv "$3.part" "$3"
}

# check_chroot MAJOR: the same checks inside a Debian of the suite that has it.
check_chroot() {
	local major=$1 suite root mirror src
	case $major in
		15) suite=bookworm ;;
		17) suite=trixie ;;
		18) suite=forky ;;
		*) result skip "pg$major: no Debian suite has it"; return ;;
	esac
	pgr_step "pg$major in a Debian $suite chroot"
	mirror=$(debian_mirror)
	if [ "$(id -u)" != 0 ] || [ -z "$mirror" ]; then
		result skip "pg$major: needs root on Debian"
		return
	fi
	root=$PGR_CACHE/roots/$suite
	if [ ! -d "$root" ] && ! make_root "$suite" "$mirror" "$root" >"$PGR_WORK/root-$suite.log" 2>&1; then
		tail -5 "$PGR_WORK/root-$suite.log"
		result skip "pg$major: the chroot could not be made"
		return
	fi
	src=$root/tmp/pgretrieve-src
	rm -rf "$src"
	cp -a "$SRC" "$src"
	rm -f "$root/tmp/results"
	in_root "$root" "cd /tmp/pgretrieve-src && CI=1 PGR_DATA=/tmp/shared-data CHECK_COLLECTIONS='cranfield med' CHECK_TAP=${CHECK_TAP:-} CHECK_RESULTS_FILE=/tmp/results ./check --inner $major" </dev/null 2>&1 |
		grep -v ' passed, ' || true
	if [ -e "$root/tmp/results" ]; then
		cat "$root/tmp/results" >>"$RESULTS"
	else
		result fail "pg$major: the check in the chroot did not finish"
	fi
	rm -rf "$src"
}

# A server with assertions, from Debian's source package of this machine's
# major. Finds misuse of memory contexts, buffers and locks that a release
# build lets pass.
check_assert() {
	local dir=$PGR_CACHE/assert log=$PGR_WORK/assert.log
	pgr_step "server with assertions"
	if [ "$(id -u)" != 0 ]; then
		result skip "assert-enabled server: needs root"
		return
	fi
	if [ ! -x "$dir/bin/postgres" ] && ! build_assert_server "$dir" >"$log" 2>&1; then
		tail -5 "$log"
		result skip "assert-enabled server: could not be built"
		return
	fi
	CHECK_COLLECTIONS='cranfield med' check_server "$dir/bin/pg_config" assert -Werror regress isolation tap
}

check_need_assert() { pgr_need bison flex dpkg-dev libreadline-dev zlib1g-dev perl libipc-run-perl; }

build_assert_server() {
	local dir=$1 src=$PGR_WORK/pgsrc major version
	major=$(pgr_choose_major)
	mkdir -p "$src" "$dir"
	check_need_assert
	# deb-src lines for the suites this machine already uses
	sed -e '/^Types:/ s/:.*/: deb-src/' /etc/apt/sources.list.d/*.sources >"$src/src.sources" 2>/dev/null || true
	sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$src/src.list" 2>/dev/null || true
	mkdir -p "$src/parts" "$src/lists/partial"
	mv "$src/src.sources" "$src/src.list" "$src/parts/"
	chmod 777 "$src" "$src/lists" "$src/lists/partial"
	set -- -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$src/parts" -o Dir::State::lists="$src/lists"
	apt-get "$@" update -qq || return 1
	# newest first; a mirror may list a version whose files it lacks. Without
	# Debian's patches, because they fix pg_config's paths to Debian's own.
	for version in $(apt-cache "$@" showsrc "postgresql-$major" | sed -n 's/^Version: //p' | sort -rV | uniq); do
		(cd "$src" && apt-get "$@" source -qq --download-only "postgresql-$major=$version" &&
			dpkg-source --no-check --skip-patches -x ./*.dsc pg) && break
	done
	[ -d "$src/pg" ] || return 1
	(cd "$src/pg" && ./configure -q --prefix="$dir" --enable-cassert --enable-debug --enable-tap-tests \
		--without-icu CFLAGS='-O1 -g' && nice make -s -j2 && make -s install &&
		make -s -C src/test/isolation && make -s -C src/test/isolation install &&
		make -s -C contrib install) || return 1
	rm -rf "$src"
}
