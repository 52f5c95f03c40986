// Package testenv tells tests where the real services are that the test script
// started. Without them a test is skipped, except under
// HYPERLOCAL_TEST_REQUIRE=1, which `make test` sets: there a missing service is
// a failure, so that a suite can never pass by not running.
package testenv

import (
	"os"
	"strconv"
	"testing"
)

// Redis returns the host:port of a real redis-server.
func Redis(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_REDIS") }

// Valkey returns the host:port of a real valkey-server.
func Valkey(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_VALKEY") }

// Sentinel returns what follows redis-sentinel:// in the URL of a real set: its
// three sentinels and the primary's name.
func Sentinel(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_SENTINEL") }

// Cluster returns the nodes of a real Cluster, with commas between.
func Cluster(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_CLUSTER") }

// Cassandra returns the host:port of a real Cassandra node.
func Cassandra(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_CASSANDRA") }

// Chromium returns the path of a real Chromium.
func Chromium(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_CHROMIUM") }

// RedisPy returns the folder that Python finds redis-py in.
func RedisPy(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_REDIS_PY") }

// SQLite3 returns the path of the sqlite3 command.
func SQLite3(t testing.TB) string { return need(t, "HYPERLOCAL_TEST_SQLITE3") }

// Soak returns how often a test is to do what it does n times in an ordinary run:
// under `make soak`, which sets HYPERLOCAL_TEST_SOAK, so many times as often.
func Soak(t testing.TB, n int) int {
	t.Helper()
	const name = "HYPERLOCAL_TEST_SOAK"
	v := os.Getenv(name)
	if v == "" {
		return n
	}
	times, err := strconv.Atoi(v)
	if err != nil || times < 1 {
		t.Fatalf("%s is %q, and must be a whole number of at least 1", name, v)
	}
	return n * times
}

func need(t testing.TB, name string) string {
	t.Helper()
	if v := os.Getenv(name); v != "" {
		return v
	}
	if os.Getenv("HYPERLOCAL_TEST_REQUIRE") == "1" {
		t.Fatalf("%s is not set, and this run must not skip: start the services with scripts/services.sh", name)
	}
	t.Skipf("%s is not set", name)
	return ""
}
