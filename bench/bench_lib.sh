# shellcheck shell=bash
#
# bench_lib.sh: what the benchmarks on servers share. Sourced, never run.
#
# Servers are given as libpq connection strings. What is compared is measured in
# turns within one run and told as ratios: machines are noisy, ratios less so.

sql() { PGOPTIONS="-c client_min_messages=warning" psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# usage SCRIPT: its header comment, and exit
usage() { sed -n '3,/^$/p' "$1" | sed 's/^# \{0,1\}//'; exit 2; }

# smaller A B
smaller() { echo "$1 $2" | awk '{ print ($1 < $2) ? $1 : $2 }'; }

# bench_setup CONNINFO EXTENSION: schema bench with its functions
bench_setup() {
	sql -d "$1" >/dev/null <<-SQL
	CREATE EXTENSION IF NOT EXISTS $2;
	CREATE SCHEMA IF NOT EXISTS bench;
	-- Elements that look random and are the same on every server, in [-1, 1).
	CREATE OR REPLACE FUNCTION bench.vec(seed int, dim int) RETURNS real[]
	LANGUAGE sql IMMUTABLE AS \$\$
	  SELECT array_agg(((hashint8(seed::bigint * 100003 + i)::bigint & 65535) / 32768.0 - 1)::real)
	  FROM generate_series(1, dim) i \$\$;
	-- Least time of one statement, in ms.
	CREATE OR REPLACE FUNCTION bench.time_ms(stmt text, rounds int) RETURNS float8
	LANGUAGE plpgsql AS \$\$
	DECLARE best float8 := 1e9; t timestamptz;
	BEGIN
	  FOR i IN 1..rounds LOOP
	    t := clock_timestamp();
	    EXECUTE stmt;
	    best := least(best, extract(epoch FROM clock_timestamp() - t) * 1000);
	  END LOOP;
	  RETURN best;
	END \$\$;
	SQL
}

# time_ms CONNINFO ROUNDS STATEMENT [serial|default [SETTINGS]]: least of the rounds; a
# serial plan, or whatever the planner's default settings give; after the statements SETTINGS
time_ms() {
	sql -d "$1" <<-SQL
	$([ "${4:-serial}" = default ] || echo "SET max_parallel_workers_per_gather = 0;")
	SET jit = off; ${5:-}
	SELECT round(bench.time_ms(\$bench\$ $3 \$bench\$, $2)::numeric, 3);
	SQL
}
