package redis_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Engines and subscriptions leave nothing running when they are closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The library closes what a Cluster no longer needs five seconds later.
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"))
}
