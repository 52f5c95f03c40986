package redis

import (
	"context"
	"crypto/tls"
	"net"
)

// WithDial returns options whose connections dial makes.
func WithDial(o Options, dial func(ctx context.Context, addr string, d *net.Dialer, config *tls.Config) (net.Conn, error)) Options {
	o.dial = dial
	return o
}
