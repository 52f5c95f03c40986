package resp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
	"hyperlocal/internal/testenv"
)

// pair is a connection to this server and one to the referee, a real Redis,
// which get the same commands.
type pair struct {
	t            fataler
	ours, theirs *peer
	tag          string
	keys         []string // used under the tag
}

// fataler is what *testing.T and *rapid.T have in common here.
type fataler interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func newPair(t *testing.T, addr string) *pair {
	t.Helper()
	p := &pair{t: t, ours: dial(t, addr), theirs: dial(t, testenv.Redis(t)), tag: enginetest.Tag(t)}
	t.Cleanup(p.clear)
	return p
}

// words cuts a line as a server cuts what is typed at it. A word that begins
// with @ is a key of this test's own.
func (p *pair) words(line string) []string {
	p.t.Helper()
	args, ok := splitLine([]byte(line), nil)
	if !ok {
		p.t.Fatalf("%s: bad quotes", line)
	}
	for i, a := range args {
		if strings.HasPrefix(a, "@") {
			args[i] = p.key(a[1:])
		}
	}
	return args
}

func (p *pair) key(name string) string {
	key := enginetest.Key(p.tag, name)
	if !slices.Contains(p.keys, key) {
		p.keys = append(p.keys, key)
	}
	return key
}

// same sends commands to both in one go each, and requires the same replies.
func (p *pair) same(commands ...[]string) {
	p.t.Helper()
	if diff := p.compare(commands...); diff != "" {
		p.t.Logf("%s", diff)
		p.t.Fatalf("a reply differs") // nothing more: rapid shrinks only what fails in the same words
	}
}

// compare is same that returns the first difference.
func (p *pair) compare(commands ...[]string) (diff string) {
	var request strings.Builder
	for _, args := range commands {
		request.WriteString(encode(args...))
	}
	p.ours.send(request.String())
	p.theirs.send(request.String())
	for i, args := range commands {
		ours, theirs := p.ours.receive(), p.theirs.receive()
		if a, b := normal(args, ours), normal(args, theirs); a != b && diff == "" {
			diff = fmt.Sprintf("the last of\n%sours   %s\ntheirs %s", show(commands[:i+1]), a, b)
		}
	}
	return diff
}

func show(commands [][]string) string {
	var b strings.Builder
	for _, args := range commands {
		fmt.Fprintf(&b, "  %q\n", args)
	}
	return b.String()
}

// requireSameKeys reads every key that was used from both.
func (p *pair) requireSameKeys() {
	p.t.Helper()
	for _, key := range p.keys {
		reads := [][]string{{"TYPE", key}, {"PTTL", key}}
		switch p.theirs.do("TYPE", key).text {
		case "string":
			if strings.HasPrefix(p.theirs.do("GET", key).text, "HYLL") {
				reads = append(reads, []string{"PFCOUNT", key})
			} else {
				reads = append(reads, []string{"GET", key})
			}
		case "list":
			reads = append(reads, []string{"LRANGE", key, "0", "-1"})
		case "set":
			reads = append(reads, []string{"SMEMBERS", key})
		case "zset":
			reads = append(reads, []string{"ZRANGE", key, "0", "-1", "WITHSCORES"})
		case "hash":
			reads = append(reads, []string{"HGETALL", key})
		case "stream":
			reads = append(reads, []string{"XRANGE", key, "-", "+"})
		}
		p.same(reads...)
	}
}

func (p *pair) clear() {
	if len(p.keys) > 0 {
		args := append([]string{"DEL"}, p.keys...)
		p.ours.do(args...)
		p.theirs.do(args...)
		p.keys = nil
	}
}

// fresh gives the pair new names for its keys.
func (p *pair) fresh(n int) {
	p.clear()
	p.tag = strings.SplitN(p.tag, "-", 2)[0] + "-" + strconv.Itoa(n)
}

// normal shows a reply without what may differ: an order that nothing
// promises, a client's number, and milliseconds that pass.
func normal(args []string, r reply) string {
	switch name := strings.ToLower(args[0]); name {
	case "smembers", "sunion", "sinter", "sdiff":
		sortReplies(r.list, 1)
	case "hgetall":
		sortReplies(r.list, 2)
	case "hscan", "scan":
		if len(r.list) == 2 {
			sortReplies(r.list[1].list, map[string]int{"hscan": 2, "scan": 1}[name])
		}
	case "hello":
		if i := slices.IndexFunc(r.list, func(e reply) bool { return e.text == "id" }); i >= 0 {
			r.list[i+1].text = "of the client"
		}
	case "config":
		sortReplies(r.list, 2)
	case "geosearch":
		if !slices.ContainsFunc(args, func(a string) bool { return is(a, "asc") || is(a, "desc") || is(a, "count") }) {
			sortReplies(r.list, 1)
		}
	case "pttl", "ttl":
		return roundTTL(r, name)
	}
	return r.String()
}

// roundTTL hides the time that passes between two hosts.
func roundTTL(r reply, name string) string {
	n, err := strconv.ParseInt(r.text, 10, 64)
	step := map[string]int64{"pttl": 100_000, "ttl": 100}[name]
	if r.kind != ':' || err != nil || n < 0 {
		return r.String()
	}
	return fmt.Sprint("about ", (n+step/2)/step*step)
}

// sortReplies sorts groups of n replies that belong together.
func sortReplies(list []reply, n int) {
	if n == 1 {
		slices.SortFunc(list, func(a, b reply) int { return strings.Compare(a.String(), b.String()) })
		return
	}
	groups := slices.Collect(slices.Chunk(slices.Clone(list), n))
	slices.SortFunc(groups, func(a, b []reply) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	copy(list, slices.Concat(groups...))
}

// protocols runs a test in RESP2 and in RESP3.
func protocols(t *testing.T, test func(t *testing.T, connect func(t *testing.T) *pair)) {
	_, addr := startMemory(t, Options{})
	for _, version := range []string{"2", "3"} {
		t.Run("RESP"+version, func(t *testing.T) {
			test(t, func(t *testing.T) *pair {
				p := newPair(t, addr)
				require.Equal(t, p.theirs.do("HELLO", version).kind, p.ours.do("HELLO", version).kind)
				return p
			})
		})
	}
}

// TestConformanceTable sends the cases of conformanceCases, line by line.
func TestConformanceTable(t *testing.T) {
	protocols(t, func(t *testing.T, connect func(t *testing.T) *pair) {
		for _, c := range conformanceCases {
			t.Run(c.name, func(t *testing.T) {
				p := connect(t)
				for line := range strings.Lines(c.lines) {
					if line = strings.TrimSpace(line); line != "" {
						if diff := p.compare(p.words(line)); diff != "" {
							t.Error(diff)
						}
					}
				}
				p.requireSameKeys()
			})
		}
	})
}
