package redis_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Engines and subscriptions leave nothing running when they are closed. The library
// closes connections that a Cluster no longer needs five seconds later, so it may take
// as long until that shows.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		err := goleak.Find()
		for patience := time.Now().Add(15 * time.Second); err != nil && time.Now().Before(patience); {
			err = goleak.Find()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "still running after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}
