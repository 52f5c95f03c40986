package resp

import (
	"maps"
	"strconv"
	"strings"

	"hyperlocal/cache/glob"
)

func configCommand() command {
	return container("config", "server", "About settings.",
		command{name: "get", arity: -3, summary: "Answer the settings whose names match patterns.", run: configGet},
	)
}

// settings are those that clients ask for when they connect, and those that the
// server's owner told. The password is not among them.
func (s *Server) settings() map[string]string {
	l := s.opt.Limits
	all := map[string]string{
		"save":                   "",
		"appendonly":             "no",
		"maxmemory":              "0",
		"maxmemory-policy":       "noeviction",
		"databases":              "1",
		"timeout":                "0",
		"tcp-keepalive":          "15",
		"maxclients":             strconv.Itoa(l.Clients),
		"proto-max-bulk-len":     strconv.Itoa(l.Bulk),
		"replica-read-only":      yesNo(s.opt.ReadOnly),
		"cluster-enabled":        "no",
		"notify-keyspace-events": "",
		"port":                   strconv.Itoa(s.port),
	}
	maps.Copy(all, s.opt.Settings)
	return all
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func configGet(c *client, args []string) error {
	found := map[string]string{}
	for name, value := range c.srv.settings() {
		for _, pattern := range args {
			switch {
			case strings.EqualFold(pattern, name):
				found[pattern] = value // as it was asked for
			case glob.Match(strings.ToLower(pattern), name):
				found[name] = value
			}
		}
	}
	c.w.pairs(found)
	return nil
}
