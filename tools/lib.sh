# shellcheck shell=bash
#
# lib.sh: what ./quickstart, ./check and the benchmarks share: installing
# packages, a private copy of PostgreSQL, a build into it, and servers that run
# as an unprivileged user. Sourced, never run.
#
# Nothing outside the caller's work directory is changed except by pgr_need
# (packages) and pgr_need_user. The system's own PostgreSQL is copied, not
# touched: extensions are installed into the copy. Servers listen on a unix
# socket only, and only those started here are stopped.

PGR_MIN_MAJOR=15

# --- messages ---------------------------------------------------------------

if [ -t 1 ]; then
	PGR_BOLD=$'\e[1m' PGR_RED=$'\e[31m' PGR_OFF=$'\e[0m'
else
	PGR_BOLD='' PGR_RED='' PGR_OFF=''
fi

pgr_step() { printf '%s== %s%s\n' "$PGR_BOLD" "$*" "$PGR_OFF"; }
pgr_warn() { printf '%s\n' "$*" >&2; }
pgr_die() {
	printf '%serror:%s %s\n' "$PGR_RED" "$PGR_OFF" "$*" >&2
	exit 1
}

# --- the end -----------------------------------------------------------------

# pgr_supervise SCRIPT ARGUMENTS...: runs the script again in a session of its own
# and waits for it; the second time it returns at once. Bash acts on a signal only
# when the command that it waits for has ended, which may be a test of minutes;
# this shell waits for nothing else. Ended by a signal, it ends the script's whole
# process group, stops the servers whose data lie below work directories and
# removes those (pgr_note_work_dir).
pgr_supervise() {
	local status=0
	[ -z "${PGR_SUPERVISED:-}" ] || return 0
	PGR_SUPERVISED=$(mktemp)
	export PGR_SUPERVISED
	setsid "$@" <&0 &
	PGR_CHILD=$!
	trap 'pgr_end_session INT 130' INT
	trap 'pgr_end_session TERM 143' TERM
	trap 'pgr_end_session HUP 129' HUP
	wait $PGR_CHILD || status=$?
	rm -f "$PGR_SUPERVISED"
	exit $status
}

# pgr_note_work_dir DIRECTORY [keep]: what goes, but for "keep", when the script
# is ended by a signal; servers below it are stopped in any case.
pgr_note_work_dir() { [ ! -e "${PGR_SUPERVISED:-}" ] || echo "$@" >>"$PGR_SUPERVISED"; }

pgr_end_session() {
	local dir keep pidfile i
	trap '' INT TERM HUP
	kill -TERM -- -"$PGR_CHILD" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		kill -0 -- -"$PGR_CHILD" 2>/dev/null || break
		sleep .2
	done
	kill -KILL -- -"$PGR_CHILD" 2>/dev/null || true
	while read -r dir keep; do
		[ -d "$dir" ] || continue
		find "$dir" -name postmaster.pid 2>/dev/null | while read -r pidfile; do pgr_quit_server "$pidfile"; done
		[ -n "$keep" ] || rm -rf "$dir"
	done <"$PGR_SUPERVISED"
	rm -f "$PGR_SUPERVISED"
	exit "$2"
}

# Ends a server at once, if the process is the one that the file tells of.
pgr_quit_server() {
	local pid i
	pid=$(head -1 "$1")
	[ "$(readlink "/proc/$pid/cwd")" = "$(dirname "$1")" ] || return 0
	kill -QUIT "$pid" 2>/dev/null || true
	for ((i = 0; i < 50; i++)); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep .1
	done
}

# --- packages ---------------------------------------------------------------

# Runs a command as root, through sudo where need be. No terminal controls the session
# that pgr_supervise makes, so sudo asks for the password on stdin, if that is one; it
# asks once for each shell, of which a pipe is another.
pgr_as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		if [ -t 0 ]; then sudo -S "$@"; else sudo "$@"; fi
	else
		return 1
	fi
}

pgr_have_package() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

# Debian starts a cluster of its own when a server is installed, unless told
# not to. Nobody asked for one.
pgr_no_main_cluster() {
	[ -e /etc/postgresql-common/createcluster.conf ] && return
	pgr_as_root mkdir -p /etc/postgresql-common
	pgr_as_root tee /etc/postgresql-common/createcluster.conf >/dev/null <<<'create_main_cluster = false'
}

# pgr_need PACKAGE...: installs what is missing.
pgr_need() {
	local missing=() p
	command -v apt-get >/dev/null ||
		pgr_die "this needs apt-get (Debian or Ubuntu); elsewhere install: $*"
	for p in "$@"; do pgr_have_package "$p" || missing+=("$p"); done
	[ ${#missing[@]} = 0 ] && return 0
	pgr_step "installing ${missing[*]}"
	pgr_as_root true ||
		pgr_die "cannot install packages: be root, or install sudo, or run: apt-get install ${missing[*]}"
	case " ${missing[*]} " in *" postgresql"*) pgr_no_main_cluster ;; esac
	if [ -z "${PGR_APT_UPDATED:-}" ]; then
		pgr_as_root apt-get update -qq || pgr_warn "apt-get update failed; going on with the lists at hand"
		PGR_APT_UPDATED=1
	fi
	pgr_as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null ||
		pgr_die "apt-get could not install: ${missing[*]}"
}

# The server major to use: the argument, or that of PG_CONFIG, or the newest
# one installed with its headers, or what apt offers.
pgr_choose_major() {
	local major
	if [ -n "${1:-}" ]; then
		echo "$1"
		return
	fi
	if [ -n "${PG_CONFIG:-}" ]; then
		"$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/'
		return
	fi
	for major in $(ls /usr/lib/postgresql 2>/dev/null | sort -rn); do
		if [ -x "/usr/lib/postgresql/$major/bin/postgres" ] && [ "$major" -ge $PGR_MIN_MAJOR ]; then
			echo "$major"
			return
		fi
	done
	# "postgresql" is a package that depends on the release's major
	{ apt-cache depends postgresql 2>/dev/null || true; } |
		sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -1
}

# pgr_need_postgres [MAJOR]: server, headers and compiler; sets PGR_MAJOR and
# PGR_PG_CONFIG.
pgr_need_postgres() {
	PGR_MAJOR=$(pgr_choose_major "${1:-}")
	if [ -z "$PGR_MAJOR" ] && command -v apt-get >/dev/null; then
		pgr_as_root apt-get update -qq && PGR_APT_UPDATED=1
		PGR_MAJOR=$(pgr_choose_major "${1:-}")
	fi
	[ -n "$PGR_MAJOR" ] || pgr_die "no PostgreSQL found, and apt offers none"
	[ "$PGR_MAJOR" -ge $PGR_MIN_MAJOR ] ||
		pgr_die "PostgreSQL $PGR_MAJOR is too old: $PGR_MIN_MAJOR or later is needed (apt.postgresql.org has packages for older systems)"
	if [ -n "${PG_CONFIG:-}" ]; then
		PGR_PG_CONFIG=$PG_CONFIG
		return
	fi
	pgr_need "postgresql-$PGR_MAJOR" "postgresql-client-$PGR_MAJOR" "postgresql-server-dev-$PGR_MAJOR" gcc make libc6-dev
	PGR_PG_CONFIG=/usr/lib/postgresql/$PGR_MAJOR/bin/pg_config
}

# --- the unprivileged user ---------------------------------------------------

# Sets PGR_USER: who servers run as. PostgreSQL refuses to run as root.
pgr_need_user() {
	if [ "$(id -u)" != 0 ]; then
		PGR_USER=$(id -un)
	elif id postgres >/dev/null 2>&1; then
		PGR_USER=postgres
	else
		PGR_USER=pgretrieve
		id $PGR_USER >/dev/null 2>&1 || useradd --system --no-create-home --shell /bin/sh $PGR_USER
	fi
}

# pgr_as_user COMMAND...: from /, because the user may not enter the clone.
pgr_as_user() {
	if [ "$(id -u)" = 0 ]; then
		(cd / && exec runuser -u "$PGR_USER" -- "$@")
	else
		"$@"
	fi
}

# pgr_own PATH...: hands files to the unprivileged user.
pgr_own() {
	if [ "$(id -u)" = 0 ]; then chown -R "$PGR_USER" "$@"; fi
}

# pgr_make_work_dir NAME: a fresh directory with a path short enough for a
# socket, readable by the unprivileged user; sets PGR_WORK.
pgr_make_work_dir() {
	PGR_WORK=$(mktemp -d "/tmp/$1.XXXXXX")
	pgr_note_work_dir "$PGR_WORK"
	chmod 755 "$PGR_WORK"
	pgr_own "$PGR_WORK"
}

# --- source, build -------------------------------------------------------------

# pgr_stage CLONE DEST: copies the clone's files (tracked, or new and not
# ignored; every file where there is no git) to where the user can read them.
# Files keep their times, so that an incremental build stays one; what the clone
# no longer has goes.
pgr_stage() {
	rm -rf "$2"
	mkdir -p "$2"
	if git -C "$1" rev-parse --git-dir >/dev/null 2>&1; then
		(cd "$1" && git -c safe.directory='*' ls-files -z --cached --others --exclude-standard --deduplicate |
			while IFS= read -r -d '' f; do if [ -e "$f" ]; then printf '%s\0' "$f"; fi; done |
			tar -c --no-recursion --null -T -) | tar -x -C "$2" --no-same-owner
	else
		(cd "$1" && tar -c --exclude=.git .) | tar -x -C "$2" --no-same-owner
	fi
	chmod -R u+rwX,go+rX "$2"
	pgr_own "$2"
}

# The commit whose indexes test/t/024_before.pl makes: that before the last change which
# might have touched what stands on disk.
PGR_BEFORE_COMMIT=148dab3a5d9b13a9cbf72119a0f2268cf7a2fe71

# pgr_stage_before CLONE DEST: the source of that commit; false without its history.
pgr_stage_before() {
	git -C "$1" -c safe.directory='*' cat-file -e "$PGR_BEFORE_COMMIT^{commit}" 2>/dev/null || return 1
	mkdir -p "$2"
	git -C "$1" -c safe.directory='*' archive "$PGR_BEFORE_COMMIT" | tar -x -C "$2" --no-same-owner
	pgr_own "$2"
}

# pgr_install_tree PG_CONFIG DEST: a relocatable private copy of an installation
# in Debian's layout; sets PGR_BIN to its programs.
pgr_install_tree() {
	local bin share include
	bin=$("$1" --bindir)
	share=$("$1" --sharedir)
	include=$("$1" --includedir)
	if [ ! -d "$2$bin" ]; then
		mkdir -p "$2$(dirname "$bin")" "$2$share" "$2$include"
		cp -a "$(dirname "$bin")/." "$2$(dirname "$bin")/"
		cp -a "$share/." "$2$share/"
		cp -a "$include/." "$2$include/"
		pgr_own "$2"
	fi
	PGR_BIN=$2$bin
}

# pgr_build SOURCE BUILD_DIR [make variables...]: a VPATH build installed into
# the tree of PGR_BIN. The log is shown if it fails.
pgr_build() {
	local src=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	pgr_own "$dir"
	if ! pgr_as_user bash -c 'cd "$0" && make -s -j2 -f "$1/Makefile" VPATH="$1" "${@:2}" all install' \
		"$dir" "$src" PG_CONFIG="$PGR_BIN/pg_config" with_llvm=no "$@" >"$dir.log" 2>&1; then
		tail -40 "$dir.log" >&2
		pgr_die "the build failed; the whole log is $dir.log"
	fi
}

# --- servers -----------------------------------------------------------------------

# pgr_start_server DATA_DIR SOCKET_DIR [postgres options...]: creates the
# cluster if there is none; sets PGHOST, PGUSER, PGDATABASE for psql.
pgr_start_server() {
	local data=$1 socket=$2 opts
	shift 2
	[ ${#socket} -le 90 ] || pgr_die "the socket path is too long for a unix socket: $socket"
	mkdir -p "$socket"
	pgr_own "$socket"
	if [ ! -e "$data/PG_VERSION" ]; then
		pgr_as_user "$PGR_BIN/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$data.initdb.log" 2>&1 || {
			cat "$data.initdb.log" >&2
			pgr_die "initdb failed"
		}
	fi
	opts="-k $socket -c listen_addresses='' -c unix_socket_permissions=0777 $*"
	pgr_as_user "$PGR_BIN/pg_ctl" -D "$data" -w -s -l "$data.log" -o "$opts" start || {
		tail -20 "$data.log" >&2
		pgr_die "the server did not start"
	}
	PGR_SERVERS+=("$data")
	export PGHOST=$socket PGUSER=postgres PGDATABASE=postgres
	unset PGPORT PGSERVICE PGPASSWORD PGHOSTADDR
}

PGR_SERVERS=()

# pgr_stop_servers: all that this process started.
pgr_stop_servers() {
	local data
	for data in ${PGR_SERVERS[@]+"${PGR_SERVERS[@]}"}; do
		pgr_as_user "$PGR_BIN/pg_ctl" -D "$data" -m fast -s stop >/dev/null 2>&1 || true
	done
	PGR_SERVERS=()
}
