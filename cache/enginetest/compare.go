package enginetest

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// maxSteps bounds a random sequence of commands.
const maxSteps = 60

// Compare requires that two hosts are the same to their callers: random
// commands on a few keys, which therefore often hold another type than the
// command wants, get the same replies and the same refusals, and leave the same
// keys behind. Half of the sequences run command by command, the others inside
// scripts.
func Compare(t *testing.T, a, b cache.Engine) {
	t.Run("commands", func(t *testing.T) {
		ctx := t.Context()
		checkSame(t, a, b, func(rt *rapid.T, tag string) {
			for step := range rapid.IntRange(1, maxSteps).Draw(rt, "steps") {
				s := drawStep(rt, tag)
				first, errA := s.do(ctx, a)
				second, errB := s.do(ctx, b)
				if !sameVerdict(errA, errB) || errA == nil && !s.same(first, second) {
					rt.Fatalf("step %d, %s:\n\tfirst  %+v, error %v\n\tsecond %+v, error %v",
						step, s.text, first, errA, second, errB)
				}
			}
		})
	})
	t.Run("geo scores", func(t *testing.T) { compareGeoScores(t, a, b) })
	t.Run("geo searches", func(t *testing.T) { compareGeoSearches(t, a, b) })
	t.Run("HyperLogLog counts", func(t *testing.T) { compareCounts(t, a, b) })
	t.Run("scripts", func(t *testing.T) {
		CompareCalls(t, func(rt *rapid.T, tag string, _ int) cache.Call {
			n := rapid.IntRange(1, 6).Draw(rt, "commands")
			commands := make([]command, n)
			for i := range commands {
				commands[i] = drawCommand(rt, tag)
			}
			return program([]string{Key(tag, "k1"), Key(tag, "k2"), Key(tag, "k3"), Key(tag, "k4")}, commands...)
		}, a, b)
	})
}

// checkSame runs a property on two hosts, each time with a tag of its own, and
// requires that it leaves the same keys behind.
func checkSame(t *testing.T, a, b cache.Engine, property func(rt *rapid.T, tag string)) {
	t.Helper()
	ctx, base, round := t.Context(), Tag(t, a, b), 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		tag := fmt.Sprintf("%s-%d", base, round)
		defer func() {
			for _, e := range []cache.Engine{a, b} {
				if err := Clear(ctx, e, tag); err != nil {
					rt.Fatalf("%v", err)
				}
			}
		}()
		property(rt, tag)
		requireSame(ctx, rt, tag, a, b)
	})
}

// compareCounts adds ever more elements to HyperLogLogs. Estimates are equal to
// the last digit.
func compareCounts(t *testing.T, a, b cache.Engine) {
	ctx, tag := t.Context(), Tag(t, a, b)
	key, from := Key(tag, "hll"), 0
	for _, to := range []int{1, 2, 10, 100, 1000, 3000, 10_000, 30_000, 100_000, 150_000} {
		elements := numbers(from, to)
		must(a.PFAdd(ctx, key, elements...))(t)
		must(b.PFAdd(ctx, key, elements...))(t)
		require.Equal(t, must(a.PFCount(ctx, key))(t), must(b.PFCount(ctx, key))(t), "%d elements", to)
		from = to
	}
	// What one host keeps, the other understands.
	must(a.Set(ctx, key, must(b.Get(ctx, key))(t).Str, cache.SetOptions{}))(t)
	require.False(t, must(a.PFAdd(ctx, key, numbers(0, from)...))(t))
	must(b.Set(ctx, key, must(a.Get(ctx, key))(t).Str, cache.SetOptions{}))(t)
	require.False(t, must(b.PFAdd(ctx, key, numbers(0, from)...))(t))
}

// step is one command on an engine, its reply as the contract gives it.
type step struct {
	text string
	do   func(ctx context.Context, e cache.Engine) (any, error)
	same func(a, b any) bool
}

// on makes a step of a call. Replies are the same if they are deeply equal, an
// empty list or map being like none.
func on[T any](text string, call func(ctx context.Context, e cache.Engine) (T, error)) step {
	return onLike(text, call, func(a, b T) bool {
		return isEmpty(a) && isEmpty(b) || reflect.DeepEqual(a, b)
	})
}

func onLike[T any](text string, call func(ctx context.Context, e cache.Engine) (T, error), same func(a, b T) bool) step {
	return step{
		text: text,
		do:   func(ctx context.Context, e cache.Engine) (any, error) { return call(ctx, e) },
		same: func(a, b any) bool { return same(a.(T), b.(T)) },
	}
}

func isEmpty(v any) bool {
	r := reflect.ValueOf(v)
	return (r.Kind() == reflect.Slice || r.Kind() == reflect.Map) && r.Len() == 0
}
