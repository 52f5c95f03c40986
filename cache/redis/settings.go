package redis

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the parameters of a URL. Open describes them.
type settings struct {
	timeout                        time.Duration
	pool                           int
	caFile, certFile, keyFile      string
	serverName                     string
	sentinelUser, sentinelPassword string
}

// What a URL may ask for.
const (
	minTimeout, maxTimeout = time.Millisecond, time.Minute
	maxPool                = 10_000
)

func (t *target) parseSettings(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%w: bad escape or character after ?", ErrURL)
	}
	s := &t.settings
	texts := map[string]*string{
		"tls_ca": &s.caFile, "tls_cert": &s.certFile, "tls_key": &s.keyFile, "tls_name": &s.serverName,
		"sentinel_user": &s.sentinelUser, "sentinel_password": &s.sentinelPassword,
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values.Get(name)
		if len(values[name]) > 1 || value == "" {
			return fmt.Errorf("%w: want one value of %q", ErrURL, name)
		}
		switch to := texts[name]; {
		case strings.HasPrefix(name, "tls_") && !t.tls:
			return fmt.Errorf("%w: %s needs TLS: rediss://, rediss-sentinel:// or rediss-cluster://", ErrURL, name)
		case strings.HasPrefix(name, "sentinel_") && t.kind != kindSentinel:
			return fmt.Errorf("%w: %s needs redis-sentinel://", ErrURL, name)
		case to != nil:
			*to = value
		case name == "timeout":
			if s.timeout, err = time.ParseDuration(value); err != nil || s.timeout < minTimeout || s.timeout > maxTimeout {
				return fmt.Errorf("%w: timeout %q: want %v to %v, such as 500ms", ErrURL, value, minTimeout, maxTimeout)
			}
		case name == "pool":
			if s.pool, err = strconv.Atoi(value); err != nil || s.pool < 1 || s.pool > maxPool {
				return fmt.Errorf("%w: pool %q: want 1 to %d", ErrURL, value, maxPool)
			}
		default:
			return fmt.Errorf("%w: there is no parameter %q", ErrURL, name)
		}
	}
	if (s.certFile == "") != (s.keyFile == "") {
		return fmt.Errorf("%w: tls_cert and tls_key need each other", ErrURL)
	}
	return nil
}

// fill sets those of a caller's options that it has left open.
func (t *target) fill(o *Options) {
	if o.Timeout <= 0 {
		o.Timeout = t.settings.timeout
	}
	if o.PoolSize <= 0 {
		o.PoolSize = t.settings.pool
	}
}
