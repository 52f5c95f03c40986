package openloop

import (
	"bufio"
	"context"
	"fmt"
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
	Wrong    int64            `json:"wrong_answers"`  // whose verdicts are not those of what was sent
	Verdicts map[string]int64 `json:"verdicts"`
}

// Sent is numbers of pings by what is to become of them.
type Sent [numKinds]int64

// MarshalJSON writes them by name.
func (s Sent) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"new":%d,"repeated":%d,"late":%d}`, s[fresh], s[repeat], s[late]), nil
}

func (s Sent) total() int64 { return s[fresh] + s[repeat] + s[late] }

// kindOf has what a ping with a verdict must have been.
var kindOf = map[string]kind{"accepted": fresh, "stationary": fresh, "duplicate": repeat, "late": late}

// differences says where verdicts are not those of what was sent; nothing if they
// are.
func differences(sent Sent, verdicts map[string]int64) (found []string) {
	var got Sent
	for v, n := range verdicts {
		if k, ok := kindOf[v]; ok {
			got[k] += n
		} else if n != 0 {
			found = append(found, fmt.Sprintf("%d pings have the verdict %s, and none should", n, v))
		}
	}
	for k, what := range [numKinds]string{
		"%d new pings were sent, and %d have the verdict accepted or stationary",
		"%d repeated pings were sent, and %d have the verdict duplicate",
		"%d late pings were sent, and %d have the verdict late",
	} {
		if got[k] != sent[k] {
			found = append(found, fmt.Sprintf(what, sent[k], got[k]))
		}
	}
	slices.Sort(found)
	return found
}

// check says what does not add up; nothing if all is well. Sums alone would not
// show a ping that is lost here and one that is invented there, so each answer was
// held against what it answers, too.
func (a *Account) check() (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if a.Unsent > 0 {
		say("%d batches were not sent in time", a.Unsent)
	}
	if a.Errors > 0 {
		say("%d batches have no verdicts", a.Errors)
	}
	if a.Wrong > 0 {
		say("%d answers do not have the verdicts of what was sent", a.Wrong)
	}
	return append(problems, differences(a.Sent, a.Verdicts)...)
}

// readVerdicts reads how many pings the server has given which verdict since it
// started.
func readVerdicts(ctx context.Context, url string) (map[string]int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Client{Timeout: answerWait}).Do(req)
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
