package main

import (
	"fmt"

	"hyperlocal/ingest"
)

// pingLimits are the settings of what senders of pings may send.
func (c config) pingLimits() ingest.Limits {
	return ingest.Limits{
		DriverRate: c.DriverRate, DriverBurst: c.DriverBurst,
		TokenRate: c.TokenRate, TokenBurst: c.TokenBurst,
	}
}

// checkPingLimits refuses what cannot work, by the name of its flag.
func (c config) checkPingLimits() error {
	for _, l := range []struct {
		flag      string
		rate      float64
		burst     int
		mostRate  float64
		mostBurst int
	}{
		{"driver", c.DriverRate, c.DriverBurst, 1000, 1_000_000},
		{"token", c.TokenRate, c.TokenBurst, 10_000_000, 100_000_000},
	} {
		if !(l.rate >= 0 && l.rate <= l.mostRate) {
			return fmt.Errorf("--%s-rate %v: must be between 0 and %v", l.flag, l.rate, l.mostRate)
		}
		if l.burst < 1 || l.burst > l.mostBurst {
			return fmt.Errorf("--%s-burst %d: must be between 1 and %d", l.flag, l.burst, l.mostBurst)
		}
	}
	return nil
}
