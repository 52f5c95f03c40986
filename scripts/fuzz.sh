#!/usr/bin/env bash
# Fuzzes every fuzz target of the module, one after the other.
#
#   fuzz.sh FUZZTIME [PACKAGES]     fuzz.sh 30s ./ingest/...
#
# `go test -fuzz` takes one target of one package at a time, so they are listed
# first. A failing target does not keep the others from their turn; its input is
# left under testdata/fuzz of its package, to be committed with the fix.
#
# Making an input smaller is bounded in tries: by default each one that reaches
# new code may take a minute of it, in which no new ones are tried, and where
# goroutines take turns it never ends sooner.
set -euo pipefail

if [ $# -lt 1 ]; then
	echo "usage: $0 FUZZTIME [PACKAGES]" >&2
	exit 2
fi
fuzztime=$1
readonly minimize=100x
shift
cd "$(dirname "${BASH_SOURCE[0]}")/.."

targets=()
failed=()
while read -r package; do
	# The listing ends with the line "ok PACKAGE TIME".
	while read -r target; do
		targets+=("$package $target")
	done < <(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true)
done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "${@:-./...}")

for entry in "${targets[@]}"; do
	read -r package target <<<"$entry"
	echo "== $package $target"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime "$minimize" "$package" || failed+=("$package $target")
done

if [ ${#failed[@]} -gt 0 ]; then
	printf 'failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
echo "${#targets[@]} fuzz targets, $fuzztime each: none failed"
