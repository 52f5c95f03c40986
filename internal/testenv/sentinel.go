//go:build unix

package testenv

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// SentinelSet is a primary with two replicas, watched by three sentinels.
type SentinelSet struct {
	Primary   *Server
	Replicas  []*Server
	Sentinels []*Server
}

const watchedName = "own"

// OwnSentinel starts a set of the test's own, whose servers get further
// arguments. The sentinels give up a primary after down.
func OwnSentinel(t testing.TB, down time.Duration, args ...string) *SentinelSet {
	t.Helper()
	Redis(t) // skips or fails where there are no services
	set := &SentinelSet{Primary: startServer(t, args...)}
	at := strings.Replace(set.Primary.Addr, ":", " ", 1)
	for range 2 {
		set.Replicas = append(set.Replicas, startServer(t, append([]string{"--replicaof", at}, args...)...))
	}
	for range 3 {
		addr, dir := freeAddr(t), t.TempDir()
		conf := filepath.Join(dir, "sentinel.conf")
		lines := []string{
			"bind 127.0.0.1", "port " + strconv.Itoa(addr.Port), "dir " + dir,
			"sentinel monitor " + watchedName + " " + at + " 2",
			"sentinel down-after-milliseconds " + watchedName + " " + strconv.FormatInt(down.Milliseconds(), 10),
			"sentinel failover-timeout " + watchedName + " 10000", "",
		}
		if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		set.Sentinels = append(set.Sentinels, run(t, addr, []string{conf, "--sentinel"}))
	}
	until(t, "three sentinels that know each other and two replicas that follow", func() bool {
		for _, s := range set.Sentinels {
			quorum, _ := s.Ask("SENTINEL", "CKQUORUM", watchedName)
			replicas, _ := s.Ask("SENTINEL", "REPLICAS", watchedName)
			if !strings.HasPrefix(quorum, "OK 3") || strings.Count(replicas, "slave-repl-offset") != 2 {
				return false
			}
		}
		return following(set.Replicas) == 2
	})
	return set
}

// following counts the servers that follow a primary.
func following(servers []*Server) int {
	n := 0
	for _, s := range servers {
		if info, _ := s.Ask("INFO", "replication"); strings.Contains(info, "master_link_status:up") {
			n++
		}
	}
	return n
}

// URL names the set to cache/redis.
func (s *SentinelSet) URL() string {
	addrs := make([]string, len(s.Sentinels))
	for i, sentinel := range s.Sentinels {
		addrs[i] = sentinel.Addr
	}
	return "redis-sentinel://" + strings.Join(addrs, ",") + "/" + watchedName
}

// Elected returns the new primary once the set has one: a sentinel names it and
// it takes writes.
func (s *SentinelSet) Elected() *Server {
	for _, sentinel := range s.Sentinels {
		out, _ := sentinel.Ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", watchedName)
		addr := strings.Join(strings.Fields(out), ":")
		for _, r := range s.Replicas {
			if r.Addr == addr && isPrimary(r) {
				return r
			}
		}
	}
	return nil
}

func isPrimary(s *Server) bool {
	role, _ := s.Ask("ROLE")
	return strings.HasPrefix(role, "master")
}
