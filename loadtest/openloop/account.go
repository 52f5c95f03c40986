package openloop

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Account is what was sent and what the server said to it.
type Account struct {
	Sent     Sent             `json:"sent"`
	Unsent   int64            `json:"unsent_batches"` // given up, or the run was ended
	Errors   int64            `json:"errors"`         // batches without verdicts
	Verdicts map[string]int64 `json:"verdicts"`
}

// Sent is numbers of pings by what is to become of them.
type Sent [numKinds]int64

// MarshalJSON writes them by name.
func (s Sent) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"new":%d,"repeated":%d,"late":%d}`, s[fresh], s[repeat], s[late]), nil
}

func (s Sent) total() int64 { return s[fresh] + s[repeat] + s[late] }

// newVerdicts are those of a ping that is newer than all before it.
var newVerdicts = []string{"accepted", "stationary"}

// check says where verdicts are not what was sent; nothing if all is well.
func (a *Account) check() (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if a.Unsent > 0 {
		say("%d batches were not sent in time", a.Unsent)
	}
	if a.Errors > 0 {
		say("%d batches have no verdicts", a.Errors)
	}
	left := maps.Clone(a.Verdicts)
	expect := func(sent int64, what string, verdicts ...string) {
		got := int64(0)
		for _, v := range verdicts {
			got += left[v]
			delete(left, v)
		}
		if got != sent {
			say("%d %s pings were sent, and %d have the verdict %s", sent, what, got, strings.Join(verdicts, " or "))
		}
	}
	expect(a.Sent[fresh], "new", newVerdicts...)
	expect(a.Sent[repeat], "repeated", "duplicate")
	expect(a.Sent[late], "late", "late")
	for _, v := range slices.Sorted(maps.Keys(left)) {
		if left[v] != 0 {
			say("%d pings have the verdict %s, and none should", left[v], v)
		}
	}
	return problems
}

// readVerdicts reads how many pings the server has given which verdict since it
// started.
func readVerdicts(ctx context.Context, url string) (map[string]int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s/metrics: %s", url, res.Status)
	}
	out := map[string]int64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), `hyperlocal_pings_total{verdict="`)
		if !ok {
			continue
		}
		verdict, value, _ := strings.Cut(rest, `"} `)
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%s/metrics: %q is no number", url, value)
		}
		out[verdict] = int64(n)
	}
	return out, lines.Err()
}
