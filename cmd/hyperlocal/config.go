package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"hyperlocal/fence"

	"hyperlocal/geo"
)

// config is what `serve` runs with. Each setting is a flag (--stale-after), an
// environment variable (HYPERLOCAL_STALE_AFTER) and a line of the file
// (stale-after: 60s); the first of them that is given wins.
type config struct {
	Addr             string        `koanf:"addr"`
	DataDir          string        `koanf:"data-dir"`
	Engine           string        `koanf:"engine"`
	EngineDurability string        `koanf:"engine-durability"`
	Store            string        `koanf:"store"`
	PingsWaiting     string        `koanf:"pings-waiting"`
	Zones            string        `koanf:"zones"`
	AdminToken       string        `koanf:"admin-token"`
	StaleAfter       time.Duration `koanf:"stale-after"`
	MaxSpeed         float64       `koanf:"max-speed"`
	MaxSpeedWithin   time.Duration `koanf:"max-speed-within"`
	BelieveAfter     int           `koanf:"believe-after"`
	MaxAhead         time.Duration `koanf:"max-ahead"`
	MaxAge           time.Duration `koanf:"max-age"`
	BodyTimeout      time.Duration `koanf:"body-timeout"`
	DriverRate       float64       `koanf:"driver-rate"`
	DriverBurst      int           `koanf:"driver-burst"`
	TokenRate        float64       `koanf:"token-rate"`
	TokenBurst       int           `koanf:"token-burst"`
	AddressRate      float64       `koanf:"address-rate"`
	AddressBurst     int           `koanf:"address-burst"`
	TrustedProxies   []string      `koanf:"trusted-proxies"`
	Bucket           time.Duration `koanf:"bucket"`
	BucketGrace      time.Duration `koanf:"bucket-grace"`
	FlushEvery       time.Duration `koanf:"flush-every"`
	FlushWaiting     string        `koanf:"flush-waiting"`
	SpillLimit       string        `koanf:"spill-limit"`
	TrackRetention   time.Duration `koanf:"track-retention"`
	DrainRows        int           `koanf:"drain-rows"`
	MaxFences        int           `koanf:"max-fences"`
	StoreFence       float64       `koanf:"store-fence"`
	CustomerFence    float64       `koanf:"customer-fence"`
	FenceFixes       int           `koanf:"fence-fixes"`
	FenceAfter       time.Duration `koanf:"fence-after"`
	LiveTick         time.Duration `koanf:"live-tick"`
	AllowedOrigins   []string      `koanf:"allowed-origins"`
	ShutdownTimeout  time.Duration `koanf:"shutdown-timeout"`
	LogLevel         string        `koanf:"log-level"`
	LogFormat        string        `koanf:"log-format"`
	Demo             bool          `koanf:"demo"`
	DemoPartners     int           `koanf:"demo-partners"`
	PprofAddr        string        `koanf:"pprof-addr"`
	MaxMemory        string        `koanf:"max-memory"`
	Eviction         string        `koanf:"eviction"`
	RESPAddr         string        `koanf:"resp-addr"`
	RESPPassword     string        `koanf:"resp-password"`
	RESPReadOnly     bool          `koanf:"resp-read-only"`
}

const envPrefix = "HYPERLOCAL_"

// serveFlags declares the settings with their defaults and help.
func serveFlags(f *pflag.FlagSet) {
	f.String("config", "", "read settings from a YAML `file`: the flags' names without dashes in front")
	f.String("addr", "127.0.0.1:8080", "listen on this `host:port`; use :8080 to be reached from other machines")
	f.String("data-dir", "data", "keep the memory engine's journal and the SQLite file in this `folder`")
	f.String("engine", "memory", "`where` the live state is: memory, redis://[user:password@]host:port[/db], redis-sentinel://HOSTS/PRIMARY, or redis-cluster://HOSTS; rediss… with TLS; ?timeout=500ms&pool=64 may follow")
	f.String("engine-durability", "server", "what a change of stock or of an order waits for before it is acknowledged, on a Redis engine: server (what its appendfsync says) or wait (until one replica has it, too)")
	f.String("max-memory", "", "let the memory engine's data take at most this `size`, such as 512MiB or 4GB (default no limit)")
	f.String("eviction", "noeviction", "which of the keys that others keep here go above --max-memory: noeviction, allkeys-lru, allkeys-lfu, volatile-lru or volatile-ttl; stock, orders and the fleet never do")
	f.String("store", "", "`where` the durable record is: sqlite:PATH, or cassandra://[user:password@]host[:port]/keyspace (default sqlite:DATA-DIR/hyperlocal.db)")
	f.String("pings-waiting", "64MiB", "keep pings of at most this `size` in memory while the engine does not answer, to record them when it does; more are refused with 503")
	f.String("zones", "", "GeoJSON `file` of the zones' polygons; without it every geohash cell of 5 characters is a zone")
	f.String("admin-token", "", "let who shows this `token` reload the zones over HTTP (off by default); better given as HYPERLOCAL_ADMIN_TOKEN, which other users do not see")
	f.Duration("stale-after", time.Minute, "leave out drivers whose newest fix is older than this")
	f.Float64("max-speed", 50, "take a ping for implausible if this many `m/s` and the accuracy of both do not explain the way from the one before")
	f.Duration("max-speed-within", 24*time.Hour, "compare only pings at most this far apart; the longer they are, the further one gets anyway")
	f.Int("believe-after", 3, "believe a run of this many implausible pings that are plausible after each other")
	f.Duration("max-ahead", 10*time.Second, "refuse pings further ahead of this server's clock")
	f.Duration("max-age", 24*time.Hour, "refuse pings older than this")
	f.Duration("body-timeout", time.Minute, "end a request that has not arrived after this time; one that is slower ties up a connection for nothing")
	f.Float64("driver-rate", 10, "let a driver send this many pings a second in the long run; 0 for no limit")
	f.Int("driver-burst", 3600, "let a driver send this many pings at once, such as after an hour without network")
	f.Float64("token-rate", 100_000, "let requests with one token (Authorization: Bearer, or X-API-Key) send this many pings a second; 0 for no limit")
	f.Int("token-burst", 200_000, "let them send this many pings at once")
	f.Float64("address-rate", 0, "let requests without a token from one address (of IPv6: from one /64) send this many pings a second; 0 for no limit, because a carrier has thousands of phones behind one address")
	f.Int("address-burst", 20_000, "let them send this many pings at once")
	f.StringSlice("trusted-proxies", nil, "`networks` of the proxies in front, as 10.0.0.0/8: what they say in X-Forwarded-For is where a request comes from")
	f.Duration("bucket", 30*time.Second, "length of a driver's row in the durable record")
	f.Duration("bucket-grace", 5*time.Second, "wait so long after a bucket's end for pings under way")
	f.Duration("flush-every", 30*time.Second, "write closed buckets this often; zones take turns within it")
	f.String("flush-waiting", "64MiB", "let buckets of at most this `size` wait in the engine while the database does not answer; the others go to files in the data folder")
	f.String("spill-limit", "4GiB", "let those files take at most this `size`; what exceeds it waits in the engine, too")
	f.Int("drain-rows", 5000, "when the database is back, write so many rows per second of what waited, beside what is due")
	f.Duration("track-retention", 30*24*time.Hour, "remove drivers' tracks from the database when they are older than this; 0 keeps them for ever")
	f.Int("max-fences", fence.DefaultMaxFences, "let callers put at most so many fences")
	f.Float64("store-fence", 100, "drivers are at a store within this many `metres`")
	f.Float64("customer-fence", 200, "drivers are near a customer within this many `metres`")
	f.Int("fence-fixes", 3, "believe so many pings in a row that a driver has entered or left a fence")
	f.Duration("fence-after", 10*time.Second, "or two of them so far apart, with none between that says otherwise")
	f.Duration("live-tick", 500*time.Millisecond, "push positions to followers this often")
	f.StringSlice("allowed-origins", nil, "web `origins` besides the server's own that may open a WebSocket, as https://app.example.com")
	f.Duration("shutdown-timeout", 20*time.Second, "give requests and flushes so long to finish when stopping")
	f.String("log-level", "info", "debug, info, warn or error")
	f.String("log-format", "text", "text or json")
	f.String("resp-addr", "", "answer redis-cli and other Redis clients on this `port` or host:port; a port alone is on this machine only (off by default)")
	f.String("resp-password", "", "ask Redis clients for this `password`; better given as HYPERLOCAL_RESP_PASSWORD, which other users do not see")
	f.Bool("resp-read-only", false, "let Redis clients read only")
	f.Bool("demo", false, "load Bengaluru with forty dark stores, and move partners and an order through the public API")
	f.Int("demo-partners", 1000, "number of partners in the demo; 0 for a city that others move")
	f.String("pprof-addr", "", "answer Go's profiling calls on this `host:port` (off by default; keep it private)")
}

// loadConfig reads the file, then the environment, then the flags, each over
// the one before.
func loadConfig(flags *pflag.FlagSet) (config, error) {
	k := koanf.New(".")
	path, err := flags.GetString("config")
	if err != nil {
		return config{}, err
	}
	if path == "" {
		path = os.Getenv(envPrefix + "CONFIG")
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return config{}, fmt.Errorf("--config %s: %w", path, err)
		}
	}
	if err := k.Load(env.Provider(".", env.Opt{Prefix: envPrefix, TransformFunc: envSetting}), nil); err != nil {
		return config{}, err
	}
	// Flags that were given win; the defaults of the others fill what is
	// still missing.
	if err := k.Load(posflag.Provider(flags, ".", k), nil); err != nil {
		return config{}, err
	}
	for _, key := range k.Keys() {
		if flags.Lookup(key) == nil {
			return config{}, fmt.Errorf("unknown setting %q in the file or the environment; see hyperlocal serve --help", key)
		}
	}
	var c config
	if err := k.Unmarshal("", &c); err != nil {
		return config{}, fmt.Errorf("settings: %w", err)
	}
	if c.Store == "" {
		c.Store = "sqlite:" + filepath.Join(c.DataDir, "hyperlocal.db")
	}
	return c, c.check()
}

// envSetting maps HYPERLOCAL_STALE_AFTER to stale-after. The variables of the
// test suites are not settings.
func envSetting(name, value string) (string, any) {
	key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
	if strings.HasPrefix(key, "test-") {
		return "", nil
	}
	if key == "allowed-origins" || key == "trusted-proxies" {
		return key, strings.Split(value, ",")
	}
	return key, value
}

// check refuses what cannot work, by the name of its flag.
func (c config) check() error {
	switch {
	case c.EngineDurability != "server" && c.EngineDurability != "wait":
		return fmt.Errorf("--engine-durability %q: want server or wait", c.EngineDurability)
	case c.EngineDurability == "wait" && c.Engine == "memory":
		return errors.New("--engine-durability wait: the memory engine has no replicas; it always has a change on disk first")
	}
	if err := c.checkFlush(); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("--addr %q: want host:port, such as 127.0.0.1:8080 or :8080", c.Addr)
	}
	for _, d := range []struct {
		flag     string
		value    time.Duration
		min, max time.Duration
	}{
		{"stale-after", c.StaleAfter, time.Second, 24 * time.Hour},
		{"max-speed-within", c.MaxSpeedWithin, time.Second, 168 * time.Hour},
		{"max-ahead", c.MaxAhead, time.Second, time.Hour},
		{"max-age", c.MaxAge, time.Minute, 7 * 24 * time.Hour},
		{"body-timeout", c.BodyTimeout, time.Second, time.Hour},
		{"bucket", c.Bucket, time.Second, time.Minute},
		{"bucket-grace", c.BucketGrace, time.Millisecond, 10 * time.Minute},
		{"flush-every", c.FlushEvery, 100 * time.Millisecond, time.Hour},
		{"fence-after", c.FenceAfter, time.Second, 10 * time.Minute},
		{"live-tick", c.LiveTick, 50 * time.Millisecond, 10 * time.Second},
		{"shutdown-timeout", c.ShutdownTimeout, time.Second, 10 * time.Minute},
	} {
		if d.value < d.min || d.value > d.max {
			return fmt.Errorf("--%s %v: must be between %v and %v", d.flag, d.value, d.min, d.max)
		}
	}
	if err := c.checkPingLimits(); err != nil {
		return err
	}
	if !(c.MaxSpeed >= 1 && c.MaxSpeed <= 1000) {
		return fmt.Errorf("--max-speed %v: must be between 1 and 1000", c.MaxSpeed)
	}
	if c.BelieveAfter < 2 || c.BelieveAfter > 100 {
		return fmt.Errorf("--believe-after %d: must be between 2 and 100", c.BelieveAfter)
	}
	if c.DemoPartners < 0 || c.DemoPartners > 100_000 {
		return fmt.Errorf("--demo-partners %d: must be between 0 and 100000", c.DemoPartners)
	}
	if _, _, err := c.memoryLimit(); err != nil {
		return err
	}
	if err := c.checkFences(); err != nil {
		return err
	}
	return c.checkRESP()
}

// checkFlush checks what waits, for how long, and what is kept.
func (c config) checkFlush() error {
	if _, err := c.pingsWaiting(); err != nil {
		return err
	}
	if _, err := c.flushWaiting(); err != nil {
		return err
	}
	if _, err := c.spillLimit(); err != nil {
		return err
	}
	if c.DrainRows < 1 || c.DrainRows > 1_000_000 {
		return fmt.Errorf("--drain-rows %d: must be between 1 and 1000000", c.DrainRows)
	}
	if c.TrackRetention != 0 && (c.TrackRetention < time.Hour || c.TrackRetention > maxRetention) {
		return fmt.Errorf("--track-retention %v: must be 0, or between %v and %v", c.TrackRetention, time.Hour, maxRetention)
	}
	return nil
}

// limits are what the fleet believes of pings.
func (c config) limits() geo.Limits {
	return geo.Limits{
		MaxSpeedMPS: c.MaxSpeed, PlausibilityWindow: c.MaxSpeedWithin, BelieveAfter: c.BelieveAfter,
		MaxAhead: c.MaxAhead, MaxAge: c.MaxAge,
	}
}
