package redis

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// ErrURL says that a server's address cannot be understood.
var ErrURL = errors.New("not a redis URL")

// kind is how the servers behind an address work together.
type kind uint8

const (
	kindSingle kind = iota
	kindSentinel
	kindCluster
)

// target is a parsed URL.
type target struct {
	kind               kind
	tls                bool
	addrs              []string // host:port
	username, password string
	masterSet          string // sentinel: the name of the watched primary
	db                 int
	settings           settings
}

// schemes lists the forms an address has. "valkey" is Redis's other name.
var schemes = map[string]target{
	"redis":           {kind: kindSingle},
	"rediss":          {kind: kindSingle, tls: true},
	"valkey":          {kind: kindSingle},
	"valkeys":         {kind: kindSingle, tls: true},
	"redis-sentinel":  {kind: kindSentinel},
	"rediss-sentinel": {kind: kindSentinel, tls: true},
	"redis-cluster":   {kind: kindCluster},
	"rediss-cluster":  {kind: kindCluster, tls: true},
}

const (
	serverPort   = "6379"
	sentinelPort = "26379"
)

// parseURL understands
//
//	redis://[user[:password]@]host[:port][/db]          rediss:// for TLS
//	redis-sentinel://[…@]host[:port][,host…]/set[/db]   the primary named set
//	redis-cluster://[…@]host[:port][,host…]             any nodes of it
//
// and the parameters behind a "?", see settings.
func parseURL(raw string) (target, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	t, known := schemes[scheme]
	if !ok || !known {
		return t, fmt.Errorf("%w: want redis://, rediss://, redis-sentinel:// or redis-cluster://", ErrURL)
	}
	// net/url refuses several hosts, so they are taken out before it looks at
	// the rest. Its errors quote the URL, password included: they go no further.
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	userinfo, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		userinfo, hosts = authority[:i+1], authority[i+1:]
	}
	u, err := url.Parse(scheme + "://" + userinfo + "host" + path)
	if err != nil {
		return t, fmt.Errorf("%w: bad escape or character", ErrURL)
	}
	if u.Fragment != "" {
		return t, fmt.Errorf("%w: what follows # is not understood", ErrURL)
	}
	if err := t.parseSettings(u.RawQuery); err != nil {
		return t, err
	}
	t.username = u.User.Username()
	t.password, _ = u.User.Password()
	if t.addrs, err = parseHosts(hosts, t.kind); err != nil {
		return t, err
	}
	return t, t.parsePath(strings.Split(strings.Trim(u.Path, "/"), "/"))
}

func parseHosts(list string, k kind) ([]string, error) {
	port := serverPort
	if k == kindSentinel {
		port = sentinelPort
	}
	hosts := strings.Split(list, ",")
	if k == kindSingle && len(hosts) > 1 {
		return nil, fmt.Errorf("%w: several hosts need redis-sentinel:// or redis-cluster://", ErrURL)
	}
	addrs := make([]string, 0, len(hosts))
	for _, h := range hosts {
		host, p, err := net.SplitHostPort(h)
		if err != nil {
			host, p, err = net.SplitHostPort(h + ":" + port)
		}
		n, notNumber := strconv.ParseUint(p, 10, 16)
		if host == "" || err != nil || notNumber != nil || n == 0 {
			return nil, fmt.Errorf("%w: bad host or port %q", ErrURL, h)
		}
		addrs = append(addrs, net.JoinHostPort(host, p))
	}
	return addrs, nil
}

// parsePath takes the primary's name and the database number out of the path's
// segments. An empty path is one empty segment.
func (t *target) parsePath(segments []string) error {
	if t.kind == kindSentinel {
		if segments[0] == "" {
			return fmt.Errorf("%w: redis-sentinel:// needs the primary's name: redis-sentinel://host/name", ErrURL)
		}
		t.masterSet, segments = segments[0], segments[1:]
	}
	switch {
	case len(segments) == 0 || (len(segments) == 1 && segments[0] == ""):
		return nil
	case len(segments) > 1:
		return fmt.Errorf("%w: path too long", ErrURL)
	case t.kind == kindCluster:
		return fmt.Errorf("%w: a cluster has no numbered databases", ErrURL)
	}
	db, err := strconv.ParseUint(segments[0], 10, 16)
	if err != nil {
		return fmt.Errorf("%w: database %q is not a number", ErrURL, segments[0])
	}
	t.db = int(db)
	return nil
}
