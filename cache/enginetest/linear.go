package enginetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/internal/testenv"
)

// A linear trial lets several clients use the same keys at the same time and
// asks porcupine whether what they were told could have happened one call after
// the other, each between its beginning and its end.
//
// S is what the keys hold, in a form that == compares.
type linearTrial[S comparable] struct {
	// draw makes a random call. n differs from call to call, so that values
	// tell who wrote them.
	draw func(r *rand.Rand, keys linearKeys, n int) linearCall[S]
}

// linearKeys are the keys of one round, under one tag.
type linearKeys struct{ a, b string }

// linearCall is a call with its meaning.
type linearCall[S comparable] struct {
	text string
	// do returns the reply, in words.
	do func(ctx context.Context, e cache.Engine) (string, error)
	// on says what the reply must be in a state, and what state follows.
	on func(s S) (reply string, next S)
}

// performer carries out a call; a test puts in its place one with a fault.
type performer[S comparable] func(ctx context.Context, c linearCall[S]) (string, error)

const (
	linearClients = 6
	linearCalls   = 8 // of a client in a round
	linearRounds  = 40
	linearReport  = 250 // rounds until the next line about how far a long run is
	// linearPatience bounds the search for an order, which takes milliseconds
	// where there is one.
	linearPatience = 20 * time.Second
)

// requireLinear runs a trial against a host.
func requireLinear[S comparable](t *testing.T, h *host, trial linearTrial[S]) {
	t.Helper()
	overlaps, rounds := 0, testenv.Soak(t, linearRounds)
	for round := range rounds {
		history := trial.history(t, h, round, func(ctx context.Context, c linearCall[S]) (string, error) { return c.do(ctx, h) })
		result, _ := porcupine.CheckOperationsVerbose(trial.model(), history, linearPatience)
		require.Equal(t, porcupine.Ok, result, "calls, replies, begin and end in ns:\n%v", describe(history))
		overlaps += overlapping(history)
		if done := round + 1; done%linearReport == 0 {
			t.Logf("%d of %d rounds, %d calls that met others", done, rounds, overlaps)
		}
	}
	require.Greater(t, overlaps, rounds*linearClients*linearCalls/4, "too few calls met each other to prove anything")
}

// history runs one round: every client its calls, on keys that no other round
// uses.
func (trial linearTrial[S]) history(t testing.TB, h *host, round int, perform performer[S]) []porcupine.Operation {
	t.Helper()
	keys := linearKeys{a: h.key(fmt.Sprint("linear-a", round)), b: h.key(fmt.Sprint("linear-b", round))}
	history := make([]porcupine.Operation, linearClients*linearCalls)
	start := time.Now()
	var mu sync.Mutex
	next := 0
	inBackground(t, linearClients, func() error {
		mu.Lock()
		client := next
		next++
		mu.Unlock()
		r := rand.New(rand.NewPCG(uint64(round), uint64(client)))
		for i := range linearCalls {
			n := client*linearCalls + i
			c := trial.draw(r, keys, n)
			op := porcupine.Operation{ClientId: client, Input: c, Call: time.Since(start).Nanoseconds()}
			// Calls in this process are so short that they would rarely meet:
			// let others go on during some of them.
			if r.IntN(2) == 0 {
				runtime.Gosched()
			}
			reply, err := perform(h.ctx, c)
			if err != nil {
				return fmt.Errorf("%s: %w", c.text, err)
			}
			op.Output, op.Return = reply, time.Since(start).Nanoseconds()
			history[n] = op
		}
		return nil
	})
	return history
}

func (trial linearTrial[S]) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { var none S; return none },
		Step: func(state, input, output any) (bool, any) {
			reply, next := input.(linearCall[S]).on(state.(S))
			return reply == output.(string), next
		},
	}
}

// overlapping counts the calls during which another client's began.
func overlapping(history []porcupine.Operation) int {
	n := 0
	for _, a := range history {
		for _, b := range history {
			if a.ClientId != b.ClientId && a.Call < b.Call && b.Call < a.Return {
				n++
				break
			}
		}
	}
	return n
}

func describe(history []porcupine.Operation) string {
	text := ""
	for _, op := range history {
		text += fmt.Sprintf("client %d, %d–%d: %v → %v\n", op.ClientId, op.Call, op.Return, op.Input, op.Output)
	}
	return text
}

// String is the call in a failure's report.
func (c linearCall[S]) String() string { return c.text }
