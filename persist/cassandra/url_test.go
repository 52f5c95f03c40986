package cassandra

import (
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/stretchr/testify/require"
)

func TestParseURL(t *testing.T) {
	plain := settings{
		hosts: []string{"127.0.0.1"}, port: 9042, keyspace: "ks",
		replication: 1, consistency: gocql.LocalQuorum, timeout: 10 * time.Second,
	}
	with := func(change func(*settings)) settings {
		set := plain
		change(&set)
		return set
	}
	for url, want := range map[string]settings{
		"cassandra://127.0.0.1/ks":  plain,
		"cassandra://127.0.0.1/ks?": plain,
		"cassandra://a:1,b,[::1]:3/ks": with(func(s *settings) {
			s.hosts, s.port = []string{"a:1", "b", "[::1]:3"}, 1
		}),
		"cassandra://me:p%40s%3As:w%2F@127.0.0.1/ks": with(func(s *settings) { s.user, s.password = "me", "p@s:s:w/" }),
		"cassandra://me:a@b@127.0.0.1/ks":            with(func(s *settings) { s.user, s.password = "me", "a@b" }),
		"cassandra://127.0.0.1/ks?replication=3&consistency=quorum&dc=blr1&timeout=250ms": with(func(s *settings) {
			s.replication, s.replicationAsked, s.consistency, s.dc, s.timeout = 3, true, gocql.Quorum, "blr1", 250*time.Millisecond
		}),
		"cassandra://127.0.0.1/ks?consistency=LOCAL_ONE": with(func(s *settings) { s.consistency = gocql.LocalOne }),
	} {
		got, err := parseURL(url)
		require.NoError(t, err, url)
		require.Equal(t, want, got, url)
	}
}

func TestParseURLRefuses(t *testing.T) {
	for url, says := range map[string]string{
		"":                       "cassandra://",
		"sqlite:data.db":         "cassandra://",
		"cassandra://":           "not a host",
		"cassandra:///ks":        "not a host",
		"cassandra://a,,b/ks":    "not a host",
		"cassandra://a:/ks":      "not a host",
		"cassandra://a:x/ks":     "not a host",
		"cassandra://a:99999/ks": "not a host",
		"cassandra://a b/ks":     "not a host",
		"cassandra://a":          "keyspace",
		"cassandra://a/":         "keyspace",
		"cassandra://a/ks/more":  "keyspace",
		"cassandra://a/Ks":       "keyspace",
		"cassandra://a/k;drop":   "keyspace",
		"cassandra://a/" + strings.Repeat("k", 49): "keyspace",
		"cassandra://me@a/ks":                      "user:password",
		"cassandra://me:%zz@a/ks":                  "%25",
		"cassandra://a/ks?replication=0":           "replication=0",
		"cassandra://a/ks?replication=x":           "replication=x",
		"cassandra://a/ks?consistency=most":        "local_quorum",
		"cassandra://a/ks?timeout=5":               "such as 10s",
		"cassandra://a/ks?timeout=-5s":             "such as 10s",
		"cassandra://a/ks?colour=red":              "unknown parameter colour",
		"cassandra://a/ks?%zz":                     "follows the ?",
	} {
		_, err := parseURL(url)
		require.ErrorContains(t, err, says, url)
	}
}

// FuzzParseURL wants no panic, no password in an error, and of what is taken
// nothing that cannot be put into CQL.
func FuzzParseURL(f *testing.F) {
	f.Add("cassandra://me:secret@a:1,[::1]:2/ks?replication=3&timeout=1s")
	f.Add("cassandra://me:%zz@a/ks")
	f.Add("cassandra://@/?")
	f.Fuzz(func(t *testing.T, url string) {
		set, err := parseURL(url)
		if err != nil {
			return
		}
		require.Regexp(t, `^[a-z][a-z0-9_]*$`, set.keyspace)
		require.NotEmpty(t, set.hosts)
		require.Positive(t, set.replication)
		require.Positive(t, set.timeout)
		require.Positive(t, set.port)
	})
}

func TestErrorsKeepThePassword(t *testing.T) {
	for _, url := range []string{
		"cassandra://me:secret@/ks", "cassandra://me:secret@a/K", "cassandra://me:secret%zz@a/ks",
		"cassandra://me:secret@a/ks?x=1", "cassandra://127.0.0.1:1/ks?x=secret", "postgres://me:secret@a/ks",
	} {
		_, err := Open(t.Context(), url, Options{})
		require.Error(t, err)
		require.NotContains(t, strings.ReplaceAll(err.Error(), "x=secret", ""), "secret", url)
	}
}
