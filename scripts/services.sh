#!/usr/bin/env bash
# The real services that the test suites talk to: a Redis server, a Valkey
# server, a Sentinel set, a Cluster, a Cassandra node and a Chromium. Run without
# arguments for the list of verbs.
#
# Works on a Debian-like machine, as root or with sudo: what is missing is
# installed (apt for the programs, Maven for Cassandra's jars, pip for Valkey
# and redis-py).
# Everything that runs listens on 127.0.0.1 on a port of its own and keeps its
# files under .services/, so nothing of the machine's own is touched. A service
# is one process, or several that belong together (scripts/redis-sets.sh):
#
#   .services/env             what a test needs to know; source it
#   .services/NAME.pid        pid and start time of a process that we started
#   .services/NAME.log        its output
#   .services/NAME.port       its port
#   .services/redis/ …        their data, Cassandra's jars, Valkey's program
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$root/.services
address=127.0.0.1
services=(redis valkey sentinel cluster cassandra)
# The services of several processes, the one that stands for it first.
declare -A members_of=(
	[sentinel]="sentinel-1 sentinel-2 sentinel-3 primary replica-1 replica-2"
	[cluster]="cluster-1 cluster-2 cluster-3 cluster-4 cluster-5 cluster-6"
)

redis_base_port=17379
valkey_base_port=17479
sentinel_base_port=17500
cluster_base_port=17600
cassandra_base_port=19042
cassandra_base_storage_port=17000
cassandra_base_jmx_port=17199
cassandra_heap=768M

# How many seconds a service may take to answer. Cassandra needs 5-10 s on an idle
# machine and several times that beside a busy compiler.
declare -A patience_of=([redis]=20 [valkey]=20 [sentinel]=60 [cluster]=60 [cassandra]=180)

usage() {
	cat <<-'USAGE'
		usage: scripts/services.sh VERB

		  up           install what is missing, start what is not running, wait until it answers
		  down         end what "up" started, and wait until it is gone
		  status       tell what runs; fails unless everything answers
		  env          print the variables of a running set, to be sourced or evaluated
		  run CMD...   up, CMD with those variables, down again; the exit status is CMD's.
		               What was up before stays up.
	USAGE
}

say() { printf 'services: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# --- Processes ---------------------------------------------------------------

# A pid alone is reused by the system sooner or later; together with the time
# the process started (field 22 of its stat, counted after the name, which may
# hold spaces) it is ours or nobody's.
start_time() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# shellcheck disable=SC2086 # split into fields
	set -- ${stat##*) }
	# A zombie has ended, whoever has yet to collect it.
	[ "$1" != Z ] || return 1
	echo "${20}"
}

# running NAME prints the pid of a process if it is the very one we started.
running() {
	local pid started
	read -r pid started 2>/dev/null <"$dir/$1.pid" || return 1
	[ "$(start_time "$pid")" = "$started" ] || return 1
	echo "$pid"
}

# members SERVICE prints the names of its processes.
members() { echo "${members_of[$1]:-$1}"; }

# all_run SERVICE prints the pids of a service all of whose processes run.
all_run() {
	local name pids=()
	for name in $(members "$1"); do
		pids+=("$(running "$name")") || return 1
	done
	echo "${pids[*]}"
}

# any_runs SERVICE tells whether anything is left of a service.
any_runs() {
	local name
	for name in $(members "$1"); do
		! running "$name" >/dev/null || return 0
	done
	return 1
}

# launch NAME CMD... starts a service in a session of its own, out of reach of
# the terminal's Ctrl-C: it is "down" that ends it. The lock is not inherited.
launch() {
	local name=$1 pid
	shift
	setsid "$@" >"$dir/$name.log" 2>&1 </dev/null 9>&- &
	pid=$!
	echo "$pid $(start_time "$pid")" >"$dir/$name.pid"
}

# stop SERVICE ends its processes.
stop() {
	local name
	for name in $(members "$1"); do
		stop_process "$name"
	done
}

# stop_process NAME ends a process politely, and after 20 s by force.
stop_process() {
	local name=$1 pid deadline=$((SECONDS + 20))
	if pid=$(running "$name"); then
		say "$name: ending process $pid"
		kill -TERM "$pid" 2>/dev/null || true
		while running "$name" >/dev/null; do
			if [ "$SECONDS" -ge "$deadline" ]; then
				say "$name: still there, killing it"
				kill -KILL "$pid" 2>/dev/null || true
				deadline=$((SECONDS + 20))
			fi
			sleep 0.1
		done
	fi
	rm -f "$dir/$name.pid" "$dir/$name.port"
}

# await SERVICE SECONDS waits until a service answers; if it ends or takes too
# long the tail of its log is shown.
await() {
	local name=$1 begin=$SECONDS
	until "${name}_answers" >/dev/null 2>&1; do
		if ! all_run "$name" >/dev/null; then
			fail_with_log "$name" "ended while starting"
		elif [ $((SECONDS - begin)) -ge "$2" ]; then
			fail_with_log "$name" "did not answer within $2 s"
		fi
		sleep 0.3
	done
	say "$name: answers on $(addresses "$name") after $((SECONDS - begin)) s"
}

fail_with_log() {
	local name
	for name in $(members "$1"); do
		say "$1 $2; the end of $dir/$name.log:"
		tail -n 40 "$dir/$name.log" | sed 's/^/    /' >&2
	done
	exit 1
}

# --- Ports -------------------------------------------------------------------

port_of() { cat "$dir/$1.port"; }

# addresses SERVICE prints where its processes listen, with commas between.
addresses() {
	local name list=
	for name in $(members "$1"); do
		list+=,$address:$(port_of "$name")
	done
	echo "${list#,}"
}

# free_port BASE prints the first port from BASE on where nobody listens.
free_port() {
	local port
	for ((port = $1; port < $1 + 100; port++)); do
		if ! (exec 3<>"/dev/tcp/$address/$port") 2>/dev/null; then
			echo "$port"
			return
		fi
	done
	die "no free port between $1 and $((port - 1))"
}

# --- Installing --------------------------------------------------------------

# java_17 prints the path of a Java 17 (Cassandra 5.0 runs on 11 and 17, on no later one).
java_17() {
	local java
	for java in ${JAVA_HOME:+"$JAVA_HOME/bin/java"} "$(command -v java || true)" /usr/lib/jvm/*17*/bin/java; do
		if [ -x "$java" ] && "$java" -version 2>&1 | grep -q 'version "17'; then
			echo "$java"
			return
		fi
	done
	return 1
}

chromium_path() {
	if [ -n "${HYPERLOCAL_TEST_CHROMIUM:-}" ]; then
		echo "$HYPERLOCAL_TEST_CHROMIUM"
	else
		command -v chromium || command -v chromium-browser || command -v google-chrome
	fi
}

missing_packages() {
	command -v redis-server >/dev/null && command -v redis-cli >/dev/null || echo redis-server
	chromium_path >/dev/null || echo chromium
	command -v sqlite3 >/dev/null || echo sqlite3
	java_17 >/dev/null || echo openjdk-17-jre-headless
	command -v mvn >/dev/null || echo maven
	{ valkey_path >/dev/null && redis_py_is_there; } || python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
	# The race detector is linked in by a C compiler.
	command -v "${CC:-gcc}" >/dev/null || echo gcc libc6-dev
}

# as_root CMD... runs CMD as root, with sudo if need be.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

install_packages() {
	[ $# -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "missing and no apt-get to install it with: $*"
	[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || die "missing, and neither root nor sudo to install it: $*"

	# Debian starts a daemon as soon as it is installed, unless this file says no.
	local policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ]; then
		policy=
	else
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	say "installing with apt: $*"
	local status=0
	apt_install "$@" >"$dir/apt.log" 2>&1 || status=$?
	[ -z "$policy" ] || as_root rm -f "$policy"
	[ "$status" -eq 0 ] || fail_with_log apt "could not install $*"
	say "installed: $*"
}

apt_install() {
	as_root apt-get update -q &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
			-o DPkg::Lock::Timeout=300 "$@"
}

# fetch_cassandra copies Cassandra's jars into .services, once for each pom.
fetch_cassandra() {
	local pom=$root/scripts/cassandra/pom.xml lib=$dir/cassandra/lib
	if cmp -s "$pom" "$lib/pom.xml"; then
		return
	fi
	say "fetching Cassandra's jars with Maven"
	rm -rf "$lib"
	mkdir -p "$lib"
	(cd "$dir" && mvn -B -f "$pom" dependency:copy-dependencies "-DoutputDirectory=$lib" \
		-DincludeScope=runtime -Dmdep.useBaseVersion=true) >"$dir/maven.log" 2>&1 </dev/null ||
		fail_with_log maven "could not fetch Cassandra"
	cp "$pom" "$lib/pom.xml" # last: the sign that the folder is complete
	say "fetched $(find "$lib" -name '*.jar' | wc -l) jars"
}

# The library that most programs in Python speak to Redis with. It is no service:
# the tests have it speak to the product's own port.
redis_py=redis==8.1.0

redis_py_is_there() { [ -d "$dir/redis-py/${redis_py/==/-}.dist-info" ]; }

# fetch_redis_py puts it into a folder of its own, for PYTHONPATH.
fetch_redis_py() {
	if redis_py_is_there; then
		return
	fi
	say "fetching redis-py with pip"
	rm -rf "$dir/redis-py" "$dir/redis-py.new"
	python3 -m pip install --quiet --target "$dir/redis-py.new" "$redis_py" >"$dir/pip.log" 2>&1 ||
		fail_with_log pip "could not fetch $redis_py"
	mv "$dir/redis-py.new" "$dir/redis-py" # last: the sign that it is complete
}

# build_cqlping builds the question that Cassandra has to answer.
build_cqlping() {
	(cd "$root" && go build -o "$dir/cqlping" ./scripts/cassandra/cqlping) ||
		die "could not build scripts/cassandra/cqlping"
}

# install_everything runs side by side what does not wait for each other.
install_everything() {
	local packages jobs=() job status=0
	# shellcheck disable=SC2207 # names of packages hold no spaces
	packages=($(missing_packages))
	build_cqlping 9>&- &
	jobs+=($!)
	if [[ " ${packages[*]-} " =~ \ (maven|openjdk) ]]; then
		(install_packages "${packages[@]}" && fetch_cassandra) 9>&- &
		jobs+=($!)
	else
		fetch_cassandra 9>&- &
		jobs+=($!)
		install_packages "${packages[@]}" 9>&- &
		jobs+=($!)
	fi
	for job in "${jobs[@]}"; do
		wait "$job" || status=1
	done
	[ "$status" -eq 0 ] || die "not everything could be installed"
	fetch_valkey
	fetch_redis_py
}

# --- The services ------------------------------------------------------------

# shellcheck source=scripts/redis-sets.sh
. "$root/scripts/redis-sets.sh"

cassandra_start() {
	local port java
	port=$(free_port "$cassandra_base_port")
	java=$(java_17)
	rm -rf "$dir/cassandra/node"
	JAVA=$java launch cassandra "$root/scripts/cassandra/start.sh" "$dir/cassandra/lib" "$dir/cassandra/node" \
		"$address" "$port" \
		"$(free_port "$cassandra_base_storage_port")" "$(free_port "$cassandra_base_jmx_port")" \
		"$cassandra_heap"
	echo "$port" >"$dir/cassandra.port"
}

cassandra_answers() {
	"$dir/cqlping" "$address:$(port_of cassandra)"
}

answers() { all_run "$1" >/dev/null && "${1}_answers" >/dev/null 2>&1; }

all_answer() {
	local name
	for name in "${services[@]}"; do
		answers "$name" || return 1
	done
	[ -s "$dir/env" ]
}

# --- Verbs -------------------------------------------------------------------

# up and down of the same tree exclude each other.
lock() {
	mkdir -p "$dir"
	exec 9>"$dir/lock"
	flock 9
}

up() {
	lock
	if all_answer; then
		say "already up"
		write_env # an older version of this script may have written it
		flock -u 9
		return
	fi
	rm -f "$dir/env"
	install_everything
	local name
	for name in "${services[@]}"; do
		if answers "$name"; then
			say "$name: already up"
		else
			stop "$name"
			"${name}_start"
			say "$name: started as process $(all_run "$name" || echo "that ended")"
		fi
	done
	for name in "${services[@]}"; do
		await "$name" "${patience_of[$name]}"
	done
	write_env
	flock -u 9
}

# write_env says where everything is.
write_env() {
	cat >"$dir/env" <<-ENV
		export HYPERLOCAL_TEST_REDIS=$address:$(port_of redis)
		export HYPERLOCAL_TEST_VALKEY=$address:$(port_of valkey)
		export HYPERLOCAL_TEST_SENTINEL=$(sentinel_url)
		export HYPERLOCAL_TEST_CLUSTER=$(addresses cluster)
		export HYPERLOCAL_TEST_CASSANDRA=$address:$(port_of cassandra)
		export HYPERLOCAL_TEST_CASSANDRA_LIB=$dir/cassandra/lib
		export HYPERLOCAL_TEST_JAVA=$(java_17)
		export HYPERLOCAL_TEST_CHROMIUM=$(chromium_path)
		export HYPERLOCAL_TEST_REDIS_PY=$dir/redis-py
		export HYPERLOCAL_TEST_SQLITE3=$(command -v sqlite3)
		export HYPERLOCAL_TEST_REQUIRE=1
	ENV
}

down() {
	lock
	local name
	rm -f "$dir/env"
	for name in "${services[@]}"; do
		stop "$name"
	done
	rm -rf "$dir/redis" "$dir/cassandra/node"
	flock -u 9
}

status() {
	local name
	for name in "${services[@]}"; do
		if answers "$name"; then
			say "$name: process $(all_run "$name") answers on $(addresses "$name")"
		elif any_runs "$name"; then
			say "$name: runs, at least in part, but does not answer"
		else
			say "$name: not running"
		fi
	done
	all_answer
}

print_env() {
	[ -s "$dir/env" ] || die "not up; start them with: scripts/services.sh up"
	cat "$dir/env"
}

# run ends what it started on every way out: the command's success or failure,
# a failure of "up" itself, Ctrl-C, and being told to end.
run() {
	[ $# -gt 0 ] || die "run what?"
	if ! all_answer; then
		trap 'exit 129' HUP
		trap 'exit 130' INT
		trap 'exit 143' TERM
		trap down EXIT
	fi
	up
	local exit_status=0
	# shellcheck source=/dev/null
	(. "$dir/env" && exec "$@") 9>&- || exit_status=$?
	exit "$exit_status"
}

verb=${1:-}
case $verb in
up | down | status) "$verb" ;;
env) print_env ;;
run)
	shift
	run "$@"
	;;
*)
	usage >&2
	exit 2
	;;
esac
