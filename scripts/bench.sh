#!/usr/bin/env bash
# What a ping costs the server's process, in user and system CPU time, beside
# the glue of echo, sonic and rueidis on a Redis server: all in one run on one
# machine. Run by `make bench`. DRIVERS send a ping every INTERVAL from a hundred
# zones over twenty cities, for DURATION; the flush, every 30 s, has its share.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

drivers=${DRIVERS:-1000000}
interval=${INTERVAL:-4s}
duration=${DURATION:-60s}
port=${BENCH_REDIS_PORT:-17439}

go build -o bin/hyperlocal ./cmd/hyperlocal
go build -o bin/pingcost ./loadtest/pingcost

# scripts/services.sh knows how to install a redis-server where there is none.
if ! command -v redis-server >/dev/null; then
	./scripts/services.sh up
	./scripts/services.sh down
fi

# A Redis of this run's own: on loopback, in memory only, ended by its pid.
dir=$(mktemp -d)
redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$dir" >"$dir/redis.log" &
redis=$!
trap 'kill "$redis"; wait "$redis" || true; rm -rf "$dir"' EXIT
until redis-cli -p "$port" ping >/dev/null 2>&1; do
	kill -0 "$redis" || { cat "$dir/redis.log" >&2; exit 1; }
	sleep 0.1
done

# What is not met, its report says.
load() {
	env DRIVERS="$1" INTERVAL="$interval" DURATION="$duration" MAX_P99=0 "${@:2}" ./scripts/bench-sustained.sh 2>/dev/null || true
	echo
}

for protocol in json protobuf; do
	echo "== one server process, memory engine, SQLite: batches of 100, $protocol"
	load "$drivers" PROTOCOL="$protocol"
done

echo "== a tenth of the drivers"
load "$((drivers / 10))" PROTOCOL=protobuf

echo "== with 25,000 fences near where the drivers move"
load "$drivers" PROTOCOL=protobuf FENCES=25000

# The same drivers, at a rate that a Redis on half of these cores bears.
cost() { ./bin/pingcost -interval 25s -drivers "$drivers" -rounds 2 -zones "$dir/country.geojson" "$@"; echo; }
./bin/hyperlocal loadtest zones >"$dir/country.geojson"

echo "== one server process and its Redis, CPU of both"
cost -engine "redis://127.0.0.1:$port" -engine-pid "$redis" -interval 50s -rounds 1
redis-cli -p "$port" flushall >/dev/null
echo "== the glue and its Redis, CPU of both: no verdicts, zones or history"
for batch in -mixed=false -mixed; do # a batch's drivers neighbours, or from all over the city
	cost -glue "127.0.0.1:$port" -engine-pid "$redis" "$batch"
	redis-cli -p "$port" info memory | grep used_memory_rss_human
done

echo "== one ping to a request: our server, and an echo handler that decodes it and does nothing"
for i in 1 2; do
	./bin/pingcost -interval 4s -drivers 40000 -batch 1 -conns 8 -rounds 5 | tail -n 1
	./bin/pingcost -interval 4s -drivers 40000 -batch 1 -conns 8 -rounds 5 -bare | tail -n 1
done
