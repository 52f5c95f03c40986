package cassandra

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

// settings is what a URL says.
type settings struct {
	hosts          []string // host or host:port
	port           int      // of the first host, and so of the nodes that it tells of
	user, password string
	keyspace       string
	replication    int // copies, for a keyspace that is to be created
	// replicationAsked: the URL named it, so it must be what the keyspace has.
	replicationAsked bool
	consistency      gocql.Consistency
	dc               string
	timeout          time.Duration
	tls              *gocql.SslOptions // nil: none
}

// keyspaceName is what Cassandra allows, without the names that need quotes.
var keyspaceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)

// parseURL reads cassandra://[user:password@]host[:port][,host…]/keyspace?….
// It is not a URL of net/url, which knows one host only. Errors never hold the
// password.
func parseURL(raw string) (settings, error) {
	set := settings{replication: 1, consistency: gocql.LocalQuorum, timeout: 10 * time.Second}
	rest, ok := strings.CutPrefix(raw, "cassandra://")
	if !ok {
		return set, errors.New("the URL does not start with cassandra://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, keyspace, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		if err := set.credentials(authority[:at]); err != nil {
			return set, err
		}
		authority = authority[at+1:]
	}
	for host := range strings.SplitSeq(authority, ",") {
		if !validHost(host) {
			return set, fmt.Errorf("%q is not a host or host:port", host)
		}
		set.hosts = append(set.hosts, host)
	}
	set.port = portOf(set.hosts[0])
	if !keyspaceName.MatchString(keyspace) {
		return set, fmt.Errorf("keyspace %q: after the hosts a name of lower-case letters, digits and _ is needed, 48 at most", keyspace)
	}
	set.keyspace = keyspace
	if err := set.parameters(query); err != nil {
		return set, err
	}
	return set, set.checkTLS()
}

func (set *settings) credentials(info string) error {
	user, password, ok := strings.Cut(info, ":")
	if !ok {
		return errors.New("before the @, user:password is needed")
	}
	var err1, err2 error
	set.user, err1 = url.PathUnescape(user)
	set.password, err2 = url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return errors.New("a % in the user or password must be written as %25")
	}
	return nil
}

// validHost leaves the fine points to the resolver, and takes names,
// addresses and [::1], each with or without a port.
func validHost(host string) bool {
	u, err := url.Parse("//" + host)
	return err == nil && u.Host == host && u.Hostname() != "" &&
		!strings.HasSuffix(host, ":") && portOf(host) > 0 && portOf(host) < 1<<16
}

// portOf returns the port of host:port, Cassandra's own where there is none, or
// 0 if it is not a number.
func portOf(host string) int {
	u, err := url.Parse("//" + host)
	if err != nil {
		return 0
	}
	if u.Port() == "" {
		return 9042
	}
	port, _ := strconv.Atoi(u.Port())
	return port
}

func (set *settings) parameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("what follows the ?: %w", err)
	}
	for name, all := range values {
		value := all[len(all)-1]
		switch name {
		case "replication":
			set.replicationAsked = true
			set.replication, err = strconv.Atoi(value)
			if err != nil || set.replication < 1 {
				return fmt.Errorf("replication=%s: a number of copies, 1 or more, is needed", value)
			}
		case "consistency":
			set.consistency, err = gocql.ParseConsistencyWrapper(value)
			if err != nil {
				return fmt.Errorf("consistency=%s: local_quorum, quorum, one, local_one, each_quorum, two, three or all is needed", value)
			}
		case "dc":
			set.dc = value
		case "timeout":
			set.timeout, err = time.ParseDuration(value)
			if err != nil || set.timeout <= 0 {
				return fmt.Errorf("timeout=%s: a duration such as 10s is needed", value)
			}
		case "tls":
			if value != "on" && value != "unverified" {
				return fmt.Errorf("tls=%s: on, or unverified for certificates that nobody checks, is needed", value)
			}
			set.encrypt().EnableHostVerification = value == "on"
			set.tls.InsecureSkipVerify = value != "on"
		case "ca":
			set.encrypt().CaPath = value
		case "cert":
			set.encrypt().CertPath = value
		case "key":
			set.encrypt().KeyPath = value
		default:
			return fmt.Errorf("unknown parameter %s: there are replication, consistency, dc, timeout, tls, ca, cert and key", name)
		}
	}
	return nil
}

// encrypt returns what is known of TLS, which is used from then on.
func (set *settings) encrypt() *gocql.SslOptions {
	if set.tls == nil {
		set.tls = &gocql.SslOptions{Config: &tls.Config{MinVersion: tls.VersionTLS12}, EnableHostVerification: true}
	}
	return set.tls
}

// checkTLS refuses files that are not there: the driver would say less.
func (set *settings) checkTLS() error {
	if set.tls == nil {
		return nil
	}
	if (set.tls.CertPath == "") != (set.tls.KeyPath == "") {
		return errors.New("cert and key belong together")
	}
	for name, path := range map[string]string{"ca": set.tls.CaPath, "cert": set.tls.CertPath, "key": set.tls.KeyPath} {
		if path == "" {
			continue
		}
		if _, err := os.ReadFile(path); err != nil {
			return fmt.Errorf("%s=%s: %w", name, path, err)
		}
	}
	return nil
}
