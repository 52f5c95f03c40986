# What a developer does here; `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The race detector multiplies time and memory: two packages at once, and a
# bound far above what any of them needs, so that a hang shows its stacks.
TEST_PROCS   ?= 2
TEST_TIMEOUT ?= 20m
# Narrow a run down: make test PKG=./cache/... TESTFLAGS='-run Script -v'
PKG          ?= ./...
TESTFLAGS    ?=
# How long each fuzz target is fuzzed.
FUZZTIME     ?= 30s
# How long each benchmark runs, and which ones.
BENCH        ?= .
BENCHTIME    ?= 1s
# Flags of bench-ping and bench-outage: less of it, for a quick look; -h lists them.
# With STRICT=1 in the environment a bar that is missed is a failure.
BARS         ?=
# Flags of bench-engine: fewer lines, smaller sizes; -h lists them.
ENGINEBENCH  ?=

# Tools that are not part of the product have their own module, so that their
# dependencies are not the product's.
TOOL := go tool -modfile=tools/go.mod

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build, and start the server with the demo city on the memory engine and SQLite
	./bin/hyperlocal serve --demo

.PHONY: cluster-demo
cluster-demo: build ## the demo city on two servers with one Redis and one Cassandra, behind one address; kill -9 either
	./scripts/services.sh run sh -c 'exec go run ./demo/cluster -program bin/hyperlocal \
		-engine "redis://$$HYPERLOCAL_TEST_REDIS/9" -store "cassandra://$$HYPERLOCAL_TEST_CASSANDRA/cluster_demo"'

.PHONY: build
build: ## build bin/hyperlocal
	go build -o bin/hyperlocal ./cmd/hyperlocal

.PHONY: test
test: ## run every test with the race detector against real services, started and ended here
	go vet $(PKG)
	./scripts/services.sh run \
		go test -count=1 -race -p $(TEST_PROCS) -timeout $(TEST_TIMEOUT) $(TESTFLAGS) $(PKG)

.PHONY: test-short
test-short: ## run the tests that need Go alone
	go test -timeout $(TEST_TIMEOUT) $(TESTFLAGS) $(PKG)

.PHONY: lint
lint: ## check format and style, and which package may import which (.golangci.yml)
	@unformatted=$$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not gofmt's format:"; echo "$$unformatted"; exit 1; fi
	$(TOOL) golangci-lint run ./...

.PHONY: vuln
vuln: ## look for known vulnerabilities in what the binary calls (asks the Go vulnerability database)
	$(TOOL) govulncheck ./...

.PHONY: bench
bench: build ## measure: Go benchmarks, then all of bench-ping
	./scripts/services.sh run \
		go test -run '^$$' -bench '$(BENCH)' -skip '^BenchmarkFlush$$' -benchtime $(BENCHTIME) -benchmem $(PKG)
	$(MAKE) bench-ping

.PHONY: bench-ping
bench-ping: build ## hold a ping's cost, with a million drivers, against what is promised (BARS='-rounds 1 -only json'; half an hour)
	go build -o bin/bars ./loadtest/bars
	./bin/bars ping $(BARS)

.PHONY: bench-flush
bench-flush: ## hold writing a million drivers' rows of a second against what is promised, then all of bench-outage
	./scripts/services.sh run \
		go test -run '^$$' -bench '^(BenchmarkFlush|BenchmarkTrackBytes)$$' -benchtime 1x ./geo
	$(MAKE) bench-outage

.PHONY: bench-outage
bench-outage: build ## hold latencies while the database is slow, gone and back against those before (BARS='-rounds 1 -only sqlite'; half an hour)
	go build -o bin/bars ./loadtest/bars
	./scripts/services.sh run ./bin/bars outage $(BARS)

.PHONY: bench-sustained
bench-sustained: build ## load the server with a country's fleet for a minute (DRIVERS, DURATION, PROTOCOL)
	./scripts/bench-sustained.sh

.PHONY: bench-engine
bench-engine: ## measure the memory engine beside a redis-server that is started here (ENGINEBENCH='-lines hmget')
	go run ./cache/enginebench $(ENGINEBENCH)

# How many times as often as in `make test` the long tests do what they do.
SOAK       ?= 50
SOAK_TESTS := ^TestKilledWhileWriting$$|^TestHitRateBesideRedis$$|^(TestEngine|TestEngineOverRESP)$$/^Linear$$|^TestConformance$$/./^Linear$$

.PHONY: soak
soak: ## kill -9 a writing engine some 300 times, ask porcupine about thousands of histories, follow long traces
	HYPERLOCAL_TEST_SOAK=$(SOAK) ./scripts/services.sh run \
		go test -count=1 -v -p 1 -timeout 1h -run '$(SOAK_TESTS)' ./cache/memory ./cache/redis ./cache/resp

.PHONY: fuzz
fuzz: ## fuzz each fuzz target for FUZZTIME
	./scripts/fuzz.sh $(FUZZTIME)

.PHONY: generate
generate: ## run the code generators
	go generate ./...

.PHONY: services-up
services-up: ## start the services that the tests use, and leave them running
	./scripts/services.sh up

.PHONY: services-down
services-down: ## end them
	./scripts/services.sh down

.PHONY: clean
clean: services-down ## end the services and remove what was built and fetched
	rm -rf bin .services coverage.out
