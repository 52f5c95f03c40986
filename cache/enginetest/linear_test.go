package enginetest

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// A trial must be able to fail: hosts with a fault are found out, a host that is
// the model itself is not.
func TestLinearFaultsAreFound(t *testing.T) {
	t.Run("a register", func(t *testing.T) { findFaults(t, registers) })
	t.Run("a counter", func(t *testing.T) { findFaults(t, counters) })
	t.Run("fields of a hash", func(t *testing.T) { findFaults(t, hashFields) })
	t.Run("scores of a sorted set", func(t *testing.T) { findFaults(t, scores) })
	t.Run("a list as a queue", func(t *testing.T) { findFaults(t, queues) })
	t.Run("compare and set by script", func(t *testing.T) { findFaults(t, swaps) })
	t.Run("transfer by script", func(t *testing.T) { findFaults(t, transfers) })
}

func findFaults[S comparable](t *testing.T, trial linearTrial[S]) {
	h := &host{tag: "model", ctx: t.Context()}
	for name, fault := range map[string]func(m *modelHost[S]) performer[S]{
		"loses an effect":                             func(m *modelHost[S]) performer[S] { return m.losing },
		"shows an effect only after the next one":     func(m *modelHost[S]) performer[S] { return m.late },
		"lets another in between reading and writing": func(m *modelHost[S]) performer[S] { return m.torn },
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, foundOut(t, h, trial, func() performer[S] { return fault(&modelHost[S]{}) }))
		})
	}
	t.Run("has none", func(t *testing.T) {
		require.False(t, foundOut(t, h, trial, func() performer[S] { return (&modelHost[S]{}).sound }))
	})
}

// foundOut tells whether a round of the trial is refuted. fresh makes the host
// of a round.
func foundOut[S comparable](t *testing.T, h *host, trial linearTrial[S], fresh func() performer[S]) bool {
	t.Helper()
	for round := range linearRounds {
		history := trial.history(t, h, round, fresh())
		result, _ := porcupine.CheckOperationsVerbose(trial.model(), history, linearPatience)
		require.NotEqual(t, porcupine.Unknown, result)
		if result == porcupine.Illegal {
			return true
		}
	}
	return false
}

// modelHost answers out of the model.
type modelHost[S comparable] struct {
	mu       sync.Mutex
	state    S
	previous S // before the last call
	calls    int
}

func (m *modelHost[S]) sound(_ context.Context, c linearCall[S]) (reply string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	reply, m.state = c.on(m.state)
	return reply, nil
}

func (m *modelHost[S]) losing(_ context.Context, c linearCall[S]) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	reply, next := c.on(m.state)
	if m.calls%4 != 0 {
		m.state = next
	}
	return reply, nil
}

func (m *modelHost[S]) late(_ context.Context, c linearCall[S]) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	reply, _ := c.on(m.previous)
	_, next := c.on(m.state)
	m.previous, m.state = m.state, next
	return reply, nil
}

func (m *modelHost[S]) torn(_ context.Context, c linearCall[S]) (string, error) {
	m.mu.Lock()
	state := m.state
	m.mu.Unlock()
	runtime.Gosched()
	m.mu.Lock()
	defer m.mu.Unlock()
	reply, next := c.on(state)
	m.state = next
	return reply, nil
}

// The same with a real engine behind the fault.
func TestLinearFaultyEnginesAreFound(t *testing.T) {
	t.Run("an increment that is lost", func(t *testing.T) {
		requireFoundOut(t, counters, &losingEngine{Engine: Memory(t)})
	})
	t.Run("a write that is acknowledged before it is there", func(t *testing.T) {
		requireFoundOut(t, registers, &lateEngine{Engine: Memory(t)})
	})
	t.Run("a score that is read before it is increased", func(t *testing.T) {
		requireFoundOut(t, scores, tornEngine{Memory(t)})
	})
	t.Run("a value that two pop", func(t *testing.T) {
		requireFoundOut(t, queues, tornEngine{Memory(t)})
	})
	t.Run("a script that is not atomic", func(t *testing.T) {
		requireFoundOut(t, swaps, tornEngine{Memory(t)})
	})
	t.Run("none", func(t *testing.T) {
		h := &host{Engine: Memory(t), tag: Tag(t), ctx: t.Context()}
		requireLinear(t, h, counters)
		requireLinear(t, h.sub(t), scores)
		requireLinear(t, h.sub(t), queues)
		requireLinear(t, h.sub(t), swaps)
	})
}

func requireFoundOut[S comparable](t *testing.T, trial linearTrial[S], e cache.Engine) {
	t.Helper()
	h := &host{Engine: e, tag: Tag(t, e), ctx: t.Context()}
	require.True(t, foundOut(t, h, trial, func() performer[S] {
		return func(ctx context.Context, c linearCall[S]) (string, error) { return c.do(ctx, e) }
	}))
}

// losingEngine answers every fifth increment without making it.
type losingEngine struct {
	cache.Engine
	calls atomic.Int64
}

func (l *losingEngine) IncrBy(ctx context.Context, key string, delta int64) (int64, error) {
	if l.calls.Add(1)%5 != 0 {
		return l.Engine.IncrBy(ctx, key, delta)
	}
	v, err := l.Get(ctx, key)
	n, _ := strconv.ParseInt(v.Str, 10, 64) // "" is none yet
	return n + delta, err
}

// lateEngine makes a plain Set when the next one comes.
type lateEngine struct {
	cache.Engine
	mu      sync.Mutex
	waiting func() error
}

func (l *lateEngine) Set(ctx context.Context, key, value string, opt cache.SetOptions) (bool, error) {
	if opt.NX {
		return l.Engine.Set(ctx, key, value, opt)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.waiting
	l.waiting = func() error {
		_, err := l.Engine.Set(ctx, key, value, opt)
		return err
	}
	if before == nil {
		return true, nil
	}
	return true, before()
}

// tornEngine makes two calls of what is one: of ZIncrBy, of LPop of one value,
// and of compareAndSet.
type tornEngine struct{ cache.Engine }

func (e tornEngine) ZIncrBy(ctx context.Context, key, member string, delta float64, _ cache.ZAddOptions) (float64, bool, error) {
	score, _, err := e.ZScore(ctx, key, member)
	if err != nil {
		return 0, false, err
	}
	runtime.Gosched()
	_, err = e.ZAdd(ctx, key, cache.Member{Name: member, Score: score + delta})
	return score + delta, true, err
}

func (e tornEngine) LPop(ctx context.Context, key string, _ int) ([]string, error) {
	first, err := e.LRange(ctx, key, 0, 0)
	if err != nil {
		return nil, err
	}
	runtime.Gosched()
	return first, e.LTrim(ctx, key, 1, -1)
}

func (e tornEngine) Run(ctx context.Context, _ *cache.Script, keys, args []string) (cache.Value, error) {
	v, err := e.Get(ctx, keys[0])
	if err != nil || v.Str != args[0] {
		return cache.Int(0), err
	}
	runtime.Gosched()
	_, err = e.Set(ctx, keys[0], args[1], cache.SetOptions{})
	return cache.Int(1), err
}
