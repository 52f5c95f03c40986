#!/usr/bin/env bash
# A country's fleet on this machine: DRIVERS (a million), each with a ping every INTERVAL
# (four seconds), for DURATION, in a hundred zones, followers watching, the journal and the
# flush to SQLite at work, and the load generator beside it all. PROTOCOL is json,
# protobuf or another of `hyperlocal loadtest --help`; the 99th percentile of a batch
# must not be above MAX_P99 (0: it may). It counts after WARMUP, since a million drivers
# who come all at once are no steady state; FENCES are put before. Run by
# `make bench-sustained`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

port=${BENCH_PORT:-17440}
dir=$(mktemp -d)
./bin/hyperlocal loadtest zones >"$dir/country.geojson"
./bin/hyperlocal serve --addr "127.0.0.1:$port" --data-dir "$dir/data" --zones "$dir/country.geojson" \
	--log-level warn >"$dir/server.log" 2>&1 &
server=$!
trap 'kill "$server"; wait "$server" || true; rm -rf "$dir"' EXIT
until curl -sf "http://127.0.0.1:$port/readyz" >/dev/null; do
	kill -0 "$server" || { cat "$dir/server.log" >&2; exit 1; }
	sleep 0.1
done
./bin/hyperlocal loadtest --url "http://127.0.0.1:$port" --server-pid "$server" \
	--drivers "${DRIVERS:-1000000}" --interval "${INTERVAL:-4s}" --duration "${DURATION:-60s}" --protocol "${PROTOCOL:-protobuf}" \
	--followers 100 --fences "${FENCES:-0}" --warmup "${WARMUP:-30s}" --max-p99 "${MAX_P99:-50ms}"
