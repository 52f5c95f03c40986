#!/usr/bin/env bash
# What a ping costs the server's process, in user and system CPU time, beside
# the glue of echo, sonic and rueidis on a Redis server: all in one run on one
# machine. Run by `make bench`; each driver sends a ping a second, DRIVERS and ROUNDS make the run smaller or longer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

drivers=${DRIVERS:-100000}
rounds=${ROUNDS:-40} # of a second each: the flush, every 30 s, has its share
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

cost() { ./bin/pingcost -interval 1s -drivers "$drivers" -rounds "$rounds" "$@"; echo; }

echo "== one server process, memory engine, SQLite"
cost
cost -mixed
echo "== one server process and its Redis, CPU of both"
cost -engine "redis://127.0.0.1:$port" -engine-pid "$redis"
redis-cli -p "$port" flushall >/dev/null
echo "== the glue and its Redis, CPU of both: no verdicts, zones or history"
cost -glue "127.0.0.1:$port" -engine-pid "$redis"
