package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"hyperlocal/ingest"
)

// pingLimits are the settings of what senders of pings may send.
func (c config) pingLimits() (ingest.Limits, error) {
	addressOf, err := c.addressOf()
	return ingest.Limits{
		DriverRate: c.DriverRate, DriverBurst: c.DriverBurst,
		TokenRate: c.TokenRate, TokenBurst: c.TokenBurst,
		AddressRate: c.AddressRate, AddressBurst: c.AddressBurst, AddressOf: addressOf,
	}, err
}

// addressOf tells where a request comes from: whatever a proxy says that is trusted,
// and otherwise the other end of the connection, since anybody can write a header.
func (c config) addressOf() (func(*http.Request) string, error) {
	if len(c.TrustedProxies) == 0 {
		return echo.ExtractIPDirect(), nil
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, text := range c.TrustedProxies {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return nil, fmt.Errorf("--trusted-proxies %q: want a network, such as 10.0.0.0/8 or 192.0.2.1/32", text)
		}
		trust = append(trust, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(trust...), nil
}

// minPingRate and maxRefill bound limits of pings: beyond them a table of limits could
// not count the time.
const (
	minPingRate = 0.01
	maxRefill   = 365 * 24 * time.Hour
)

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
		{"address", c.AddressRate, c.AddressBurst, 10_000_000, 100_000_000},
	} {
		if l.rate != 0 && !(l.rate >= minPingRate && l.rate <= l.mostRate) {
			return fmt.Errorf("--%s-rate %v: must be 0, or between %v and %v", l.flag, l.rate, minPingRate, l.mostRate)
		}
		if l.burst < 1 || l.burst > l.mostBurst {
			return fmt.Errorf("--%s-burst %d: must be between 1 and %d", l.flag, l.burst, l.mostBurst)
		}
		if float64(l.burst) > l.rate*maxRefill.Seconds() && l.rate != 0 {
			return fmt.Errorf("--%s-burst %d: must be what --%[1]s-rate %v gives back within a year, at most", l.flag, l.burst, l.rate)
		}
	}
	_, err := c.addressOf()
	return err
}
