package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/redis/rueidis"
)

// What one connection may hold. The library's defaults (1 MiB of buffers, 1,024
// places for calls in flight) are for one connection to a busy server; here
// each subscription has one too. A call beyond the last place waits for one.
const (
	bufferBytes = 32 << 10
	ringScale   = 9 // 2^9 calls in flight
	pingGap     = time.Second
	// Connections of the pool that nobody has used for so long are closed.
	poolIdle = time.Minute
)

// The sentinels announce a new primary; asking them now and then as well finds
// one whose announcement was lost.
const sentinelRefresh = 500 * time.Millisecond

// Reads are sent again after a broken connection: at once, then twice more.
var readRetries = []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond}

// clientOption is how the library is to connect.
func clientOption(t target, o Options) (rueidis.ClientOption, error) {
	opt := rueidis.ClientOption{
		InitAddress:         t.addrs,
		Username:            t.username,
		Password:            t.password,
		SelectDB:            t.db,
		ClientName:          o.ClientName,
		ConnWriteTimeout:    o.Timeout,
		ReadBufferEachConn:  bufferBytes,
		WriteBufferEachConn: bufferBytes,
		RingScaleEachConn:   ringScale,
		BlockingPoolSize:    o.PoolSize,
		BlockingPoolCleanup: poolIdle,
		PipelineMultiplex:   -1, // one connection: a caller's calls stay in order
		AlwaysPipelining:    true,
		DisableCache:        true,
		ForceSingleClient:   t.kind == kindSingle,
		DialCtxFn:           dialer(o),
		RetryDelay: func(attempts int, _ rueidis.Completed, _ error) time.Duration {
			if attempts > len(readRetries) {
				return -1
			}
			return readRetries[attempts-1]
		},
	}
	opt.Dialer.Timeout = o.Timeout
	opt.Dialer.KeepAlive = pingGap
	if t.tls {
		config, err := t.tlsConfig()
		if err != nil {
			return opt, err
		}
		opt.TLSConfig = config
	}
	if t.kind == kindSentinel {
		opt.Sentinel = rueidis.SentinelOption{
			MasterSet:               t.masterSet,
			Username:                t.settings.sentinelUser,
			Password:                t.settings.sentinelPassword,
			Dialer:                  opt.Dialer,
			TLSConfig:               opt.TLSConfig,
			ClientName:              o.ClientName,
			TopologyRefreshInterval: sentinelRefresh,
		}
	}
	return opt, nil
}

// errDialGivenUp says that a call had no time left to make a connection.
var errDialGivenUp = errors.New("no time left to connect")

// dialer makes connections. One that a call has no time for is given up with an
// error of its own, since the library gives it to all who wait for the connection.
func dialer(o Options) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	dial := o.dial
	if dial == nil {
		dial = func(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
			if config != nil {
				return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, "tcp", addr)
			}
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	return func(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
		conn, err := dial(ctx, addr, d, config)
		if err != nil && ctx.Err() != nil {
			return nil, fmt.Errorf("%w to %s: %w", errDialGivenUp, addr, ctx.Err())
		}
		return conn, err
	}
}

// tlsConfig reads the files that a URL names.
func (t *target) tlsConfig() (*tls.Config, error) {
	s := t.settings
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.serverName}
	if config.ServerName == "" && t.kind == kindSingle {
		config.ServerName, _, _ = net.SplitHostPort(t.addrs[0])
	}
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, fmt.Errorf("%w: tls_ca: %w", ErrURL, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: tls_ca: no certificate in %s", ErrURL, s.caFile)
		}
	}
	if s.certFile != "" {
		own, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
		if err != nil {
			return nil, fmt.Errorf("%w: tls_cert, tls_key: %w", ErrURL, err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}
