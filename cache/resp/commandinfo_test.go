package resp

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// The table says of each command what the referee says of it: arguments, keys
// and what it does.
func TestCommandInfoIsTheReferees(t *testing.T) {
	s, addr := startMemory(t, Options{})
	ours, theirs := dial(t, addr), dial(t, testenv.Redis(t))
	var known []string
	for _, f := range flagNames {
		known = append(known, f.name)
	}
	shown := func(flags reply) (names []string) {
		for _, f := range flags.list {
			if slices.Contains(known, f.text) {
				names = append(names, f.text)
			}
		}
		slices.Sort(names)
		return names
	}
	for name, cmd := range s.commands {
		names := []string{name}
		for sub := range cmd.sub {
			if name+"|"+sub != "client|setinfo" && name+"|"+sub != "client|no-touch" { // of Redis 7.2
				names = append(names, name+"|"+sub)
			}
		}
		for _, n := range names {
			a, b := ours.do("COMMAND", "INFO", n).list[0], theirs.do("COMMAND", "INFO", n).list[0]
			require.Len(t, a.list, 10, n)
			require.Len(t, b.list, 10, n)
			for _, i := range []int{0, 1, 3, 4, 5} {
				require.Equal(t, b.list[i].String(), a.list[i].String(), "%s, part %d", n, i)
			}
			require.Equal(t, shown(b.list[2]), shown(a.list[2]), n)
		}
	}
}

func TestCommandLists(t *testing.T) {
	s, addr := startMemory(t, Options{})
	p := dial(t, addr)
	require.Len(t, p.do("COMMAND").list, len(s.commands))
	require.Len(t, p.do("COMMAND", "INFO").list, len(s.commands))
	require.EqualValues(t, len(s.commands), len(p.do("COMMAND", "DOCS").list)/2)
	require.Equal(t, `*[*null *null]`, p.do("COMMAND", "INFO", "eval", "nosuch|get").String())
	require.Equal(t, `*[$"get" *[$"summary" $"Answer a value." $"group" $"string"]]`, p.do("COMMAND", "DOCS", "get", "nosuch").String())
	require.Contains(t, p.do("OBJECT", "HELP").String(), `+"ENCODING"`)
	for _, gone := range []string{"EVAL", "MULTI", "DEBUG", "FLUSHALL", "KEYS", "MONITOR", "SHUTDOWN", "REPLICAOF"} {
		require.True(t, strings.HasPrefix(p.do(gone, "x").text, "ERR unknown command '"+gone+"'"), gone)
	}
	require.Equal(t, `-"ERR unknown subcommand 'SET'. Try CONFIG HELP."`, p.do("CONFIG", "SET", "a", "b").String())
}

// The page for users lists every command.
func TestDocsListTheCommands(t *testing.T) {
	page, err := os.ReadFile("../../docs/resp.md")
	require.NoError(t, err)
	s, _ := startMemory(t, Options{})
	for name, cmd := range s.commands {
		require.Contains(t, string(page), "`"+strings.ToUpper(name)+"`", name)
		for sub := range cmd.sub {
			require.True(t, sub == "help" || strings.Contains(string(page), "`"+strings.ToUpper(name+" "+sub)+"`"), "%s %s", name, sub)
		}
	}
}
