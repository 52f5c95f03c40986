package resp

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"hyperlocal/cache"
)

func serverCommands() []command {
	const group = "server"
	return []command{
		{name: "info", arity: -1, group: group, summary: "Describe the server, by section.", run: info},
		{name: "dbsize", arity: 1, flags: readOnly | fast, group: group, summary: "Count the keys.", run: dbSize},
		{name: "time", arity: 1, flags: fast, group: group, summary: "Answer the time, in seconds since 1970 and microseconds.", run: clock},
		commandCommand(), configCommand(), memoryCommand(),
	}
}

func dbSize(c *client, _ []string) error {
	stats, err := c.srv.engine.Stats(c.life)
	return c.count(stats.Keys, err)
}

func clock(c *client, _ []string) error {
	now := time.Now().UnixMicro()
	c.w.array(2)
	c.w.bulk(fmt.Sprint(now / 1e6))
	c.w.bulk(fmt.Sprint(now % 1e6))
	return nil
}

// line is one of INFO's.
type line struct {
	name  string
	value any
}

// section is a part of INFO.
type section struct {
	title string
	lines func(s *Server, st cache.Stats) []line
}

var sections = []section{
	{"Server", (*Server).serverLines},
	{"Clients", (*Server).clientLines},
	{"Memory", (*Server).memoryLines},
	{"Persistence", (*Server).persistenceLines},
	{"Stats", (*Server).statsLines},
	{"Replication", (*Server).replicationLines},
	{"Cluster", (*Server).clusterLines},
	{"Keyspace", (*Server).keyspaceLines},
}

func info(c *client, args []string) error {
	stats, err := c.srv.engine.Stats(c.life)
	if err != nil {
		return err
	}
	var out strings.Builder
	for _, sec := range sections {
		if !asked(sec.title, args) {
			continue
		}
		if out.Len() > 0 {
			out.WriteString("\r\n")
		}
		fmt.Fprintf(&out, "# %s\r\n", sec.title)
		for _, l := range sec.lines(c.srv, stats) {
			fmt.Fprintf(&out, "%s:%v\r\n", l.name, l.value)
		}
	}
	c.w.verbatim(out.String())
	return nil
}

func asked(title string, args []string) bool {
	for _, arg := range args {
		if is(arg, title) || is(arg, "all") || is(arg, "default") || is(arg, "everything") {
			return true
		}
	}
	return len(args) == 0
}

func (s *Server) serverLines(cache.Stats) []line {
	up := int64(time.Since(s.started).Seconds())
	return []line{
		{"redis_version", RedisVersion},
		{"server_name", "hyperlocal"},
		{"redis_mode", "standalone"},
		{"os", runtime.GOOS + " " + runtime.GOARCH},
		{"arch_bits", 64},
		{"process_id", os.Getpid()},
		{"run_id", s.runID},
		{"tcp_port", s.port},
		{"server_time_usec", time.Now().UnixMicro()},
		{"uptime_in_seconds", up},
		{"uptime_in_days", up / (24 * 60 * 60)},
	}
}

func (s *Server) clientLines(cache.Stats) []line {
	clients := s.list()
	listening := 0
	for _, c := range clients {
		if c.listening().total() > 0 {
			listening++
		}
	}
	return []line{
		{"connected_clients", len(clients)},
		{"maxclients", s.opt.Limits.Clients},
		{"blocked_clients", s.blocked.Load()},
		{"pubsub_clients", listening},
	}
}

func (s *Server) memoryLines(st cache.Stats) []line {
	settings := s.settings()
	return []line{
		{"used_memory", st.Bytes},
		{"used_memory_dataset", st.Bytes},
		{"maxmemory", settings["maxmemory"]},
		{"maxmemory_policy", settings["maxmemory-policy"]},
	}
}

func (s *Server) persistenceLines(cache.Stats) []line {
	aof := 0
	if s.settings()["appendonly"] == "yes" {
		aof = 1
	}
	return []line{{"loading", 0}, {"aof_enabled", aof}}
}

func (s *Server) statsLines(st cache.Stats) []line {
	return []line{
		{"total_connections_received", s.accepted.Load()},
		{"rejected_connections", s.rejected.Load()},
		{"total_commands_processed", s.answered.Load()},
		{"expired_keys", st.Expired},
		{"evicted_keys", st.Evicted},
		{"keyspace_hits", st.Hits},
		{"keyspace_misses", st.Misses},
	}
}

func (s *Server) replicationLines(cache.Stats) []line {
	return []line{{"role", "master"}, {"connected_slaves", 0}}
}

func (s *Server) clusterLines(cache.Stats) []line { return []line{{"cluster_enabled", 0}} }

func (s *Server) keyspaceLines(st cache.Stats) []line {
	if st.Keys == 0 {
		return nil
	}
	return []line{{"db0", fmt.Sprintf("keys=%d,expires=0,avg_ttl=0", st.Keys)}}
}
