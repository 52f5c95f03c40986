package openloop

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Protocol is how pings are sent.
type Protocol string

// The protocols: batches over HTTP, or frames of a WebSocket.
const (
	JSON           Protocol = "json"
	NDJSON         Protocol = "ndjson"
	Gzip           Protocol = "gzip" // JSON
	Protobuf       Protocol = "protobuf"
	StreamJSON     Protocol = "ws-json"
	StreamProtobuf Protocol = "ws-protobuf"
	OwnTracks      Protocol = "owntracks" // as other makers' apps do
	OsmAnd         Protocol = "osmand"
)

// Protocols are all of them.
var Protocols = []Protocol{JSON, NDJSON, Gzip, Protobuf, StreamJSON, StreamProtobuf, OwnTracks, OsmAnd}

func (p Protocol) stream() bool { return p == StreamJSON || p == StreamProtobuf }

// Config is what to send, and where.
type Config struct {
	URL         string // of the server, such as http://127.0.0.1:8080
	Token       string // sent as a bearer token, unless it is empty
	Protocol    Protocol
	Connections int
	AckEvery    int // batches to an acknowledgement; more than the default of 1 for streams only

	Drivers  int
	Prefix   string        // of their ids, which end in seven digits
	Interval time.Duration // between a driver's pings
	Batch    int           // pings to a request or frame
	Warmup   time.Duration // at the beginning; not in the figures
	Duration time.Duration // after that
	Grace    time.Duration // what is not sent by then is given up; default 10 s

	// Shares of the drivers that, at any time, are in a tunnel (16 s without network
	// at an interval of 4 s, then all at once), repeat a ping, or send two in the
	// wrong order.
	Tunnels, Duplicates, Disorder float64

	Routes    []Route
	Seed      uint64
	Fences    int // circles that are put before the load, and stay
	Followers int // WebSockets that follow a driver each
	// ServerPIDs are processes whose CPU and memory are reported together, such as a
	// server and its Redis.
	ServerPIDs []int

	Now func() time.Time // default time.Now
}

// MaxDrivers bounds a fleet: their numbers have seven digits.
const MaxDrivers = 10_000_000

func (c *Config) setDefaults() {
	if c.Grace <= 0 {
		c.Grace = 10 * time.Second
	}
	if c.AckEvery == 0 {
		c.AckEvery = 1
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (c *Config) check() error {
	c.setDefaults()
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is not the URL of a server, such as http://127.0.0.1:8080", c.URL)
	}
	c.URL = strings.TrimRight(c.URL, "/")
	if err := c.checkTraffic(); err != nil {
		return err
	}
	switch {
	case !slices.Contains(Protocols, c.Protocol):
		return fmt.Errorf("protocol %q: want one of %v", c.Protocol, Protocols)
	case c.Drivers < 1 || c.Drivers > MaxDrivers:
		return fmt.Errorf("%d drivers: must be between 1 and %d", c.Drivers, MaxDrivers)
	case c.Batch < 1 || c.Batch > 1000:
		return fmt.Errorf("batches of %d pings: must be between 1 and 1000", c.Batch)
	case c.Connections < 1 || c.Connections > 10_000:
		return fmt.Errorf("%d connections: must be between 1 and 10000", c.Connections)
	case c.AckEvery < 1 || c.AckEvery > 1 && !c.Protocol.stream():
		return fmt.Errorf("an acknowledgement for %d batches: must be 1, or more with a stream", c.AckEvery)
	case c.Interval < 10*time.Millisecond:
		return fmt.Errorf("an interval of %v: must be at least 10ms", c.Interval)
	case c.Duration <= 0 || c.Warmup < 0:
		return errors.New("the duration must be above 0, and the warm-up not below")
	}
	return nil
}

// authorize sets the header that shows the token, if there is one.
func (c *Config) authorize(h http.Header) {
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
}

// checkTraffic checks what drivers do, and what is around them.
func (c *Config) checkTraffic() error {
	switch {
	case c.Tunnels < 0 || c.Duplicates < 0 || c.Disorder < 0 || c.Tunnels+c.Duplicates+c.Disorder > 1:
		return errors.New("the shares of tunnels, duplicates and disorder must not be below 0, and together at most 1")
	case len(c.Routes) == 0:
		return errors.New("there are no routes to move along")
	case c.Fences < 0 || c.Fences > 1_000_000:
		return fmt.Errorf("%d fences: must be between 0 and 1000000", c.Fences)
	case c.Followers < 0 || c.Followers > 10_000:
		return fmt.Errorf("%d followers: must be between 0 and 10000", c.Followers)
	}
	return nil
}
