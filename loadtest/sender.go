package loadtest

import (
	"context"
	"maps"
	"net/http"
	"sync"
)

// batchSize is the most pings of one request: well within the server's bound,
// and few enough that a repeated request costs little.
const batchSize = 1000

// Receipt tells what became of pings.
type Receipt struct {
	Verdicts map[string]int // number of pings by the server's verdict
	Rejected []Rejection
}

// Rejection is a ping that the server did not take.
type Rejection struct {
	Index   int    `json:"index"` // of the ping in what was sent
	Verdict string `json:"verdict"`
	Field   string `json:"field"`
	Detail  string `json:"detail"`
}

// Totals are a sender's counts since it was made.
type Totals struct {
	Verdicts map[string]int // number of pings by the server's verdict
	Failed   int            // pings that got none, since the request failed
}

// Sender sends pings in batches and counts what becomes of them. It may be used
// by any number of goroutines.
type Sender struct {
	client *Client

	mu     sync.Mutex
	totals Totals
}

// NewSender returns a sender that uses a client.
func NewSender(c *Client) *Sender {
	return &Sender{client: c, totals: Totals{Verdicts: make(map[string]int)}}
}

// Send posts pings, up to a thousand to a request, in their order. The first
// request that fails ends it; the receipt is of those before. A repeated ping
// is harmless, so a caller may send the same again.
func (s *Sender) Send(ctx context.Context, pings []Ping) (Receipt, error) {
	all := Receipt{Verdicts: make(map[string]int)}
	for begin := 0; begin < len(pings); begin += batchSize {
		batch := pings[begin:min(begin+batchSize, len(pings))]
		var reply struct {
			Verdicts map[string]int `json:"verdicts"`
			Rejected []Rejection    `json:"rejected"`
		}
		if err := s.client.Do(ctx, http.MethodPost, "/v1/locations", batch, &reply); err != nil {
			s.count(nil, len(pings)-begin)
			return all, err
		}
		s.count(reply.Verdicts, 0)
		add(all.Verdicts, reply.Verdicts)
		for _, r := range reply.Rejected {
			r.Index += begin
			all.Rejected = append(all.Rejected, r)
		}
	}
	return all, nil
}

// Totals returns the counts so far.
func (s *Sender) Totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Totals{Verdicts: maps.Clone(s.totals.Verdicts), Failed: s.totals.Failed}
}

func (s *Sender) count(verdicts map[string]int, failed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(s.totals.Verdicts, verdicts)
	s.totals.Failed += failed
}

func add(to, counts map[string]int) {
	for verdict, n := range counts {
		to[verdict] += n
	}
}
