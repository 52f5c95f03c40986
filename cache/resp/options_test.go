package resp

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// optionsNotHere are the referee's that this server refuses, as docs/resp.md says.
var optionsNotHere = map[string][]string{
	"set":    {"EXAT", "PXAT"},
	"getex":  {"EXAT", "PXAT"},
	"zrange": {"BYLEX"},
	"xadd":   {"NOMKSTREAM", "LIMIT"},
	"xtrim":  {"LIMIT"},
}

// answersOfItsOwn are commands about the server itself, whose replies are no
// other server's. The tests of each look at them.
var answersOfItsOwn = []string{"dbsize", "info", "time", "command", "client"}

// Each command, with each subcommand of its and each option that the referee
// documents, is sent to both.
func TestEveryOptionIsCompared(t *testing.T) {
	sent := map[string][]string{} // the words after a command's name
	note := func(line string) {
		if words := strings.Fields(strings.ToUpper(line)); len(words) > 0 {
			name := strings.ToLower(words[0])
			sent[name] = append(sent[name], words[1:]...)
		}
	}
	for _, c := range conformanceCases {
		for line := range strings.Lines(c.lines) {
			note(line)
		}
	}
	for _, step := range subscriptionSteps {
		note(step.line)
	}
	for _, options := range scanOptionCases {
		note("SCAN " + options)
	}
	s, _ := startMemory(t, Options{})
	theirs := dial(t, testenv.Redis(t))
	for name, cmd := range s.commands {
		if slices.Contains(answersOfItsOwn, name) {
			continue
		}
		if !slices.Contains([]string{}, name) {
			require.Contains(t, sent, name)
			for sub := range cmd.sub {
				require.True(t, sub == "help" || slices.Contains(sent[name], strings.ToUpper(sub)), "%s %s", name, sub)
			}
		}
		for _, option := range tokens(theirs.do("COMMAND", "DOCS", name)) {
			if slices.Contains(optionsNotHere[name], option) {
				continue
			}
			require.Contains(t, sent[name], option, name)
		}
	}
}

// tokens are the fixed words in what COMMAND DOCS says of a command.
func tokens(docs reply) (words []string) {
	for i, r := range docs.list {
		if r.text == "token" && i+1 < len(docs.list) {
			words = append(words, docs.list[i+1].text)
		}
		words = append(words, tokens(r)...)
	}
	return words
}
