package enginetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hyperlocal/cache"
)

// maxCalls bounds a random sequence: long enough to reach a state by several
// ways, short enough to read when it fails.
const maxCalls = 24

// Gen draws the keys and arguments of one call. Every key must carry the tag;
// [Key] makes such keys. It is called once per step of a sequence.
type Gen func(t *rapid.T, tag string) (keys, args []string)

// CompareTwins requires that a script's two sources do the same. Over and over
// it draws a short sequence of calls, runs it on both hosts from the same empty
// state, and requires the same reply from each call and, at the end, the same
// keys under the tag, those the script did not declare included. Half of the
// sequences go call by call, the others through RunAll.
//
// The hosts are meant to be one that runs the Go twin and one that runs Lua:
//
//	enginetest.CompareTwins(t, recordBatch, drawBatch, enginetest.Memory(t), enginetest.Redis(t))
//
// Draw from small sets (three drivers, four timestamps), so that calls meet
// each other's traces, and include what must be refused.
func CompareTwins(t *testing.T, s *cache.Script, gen Gen, a, b cache.Engine) {
	t.Helper()
	CompareCalls(t, func(rt *rapid.T, tag string, _ int) cache.Call {
		keys, args := gen(rt, tag)
		return cache.Call{Script: s, Keys: keys, Args: args}
	}, a, b)
}

// CompareCalls is CompareTwins for scripts that work on the same keys, such as
// reserve, commit and release: draw returns the call to make at a step, counted
// from 0. A call that fills the keys may always be drawn at step 0, and a
// script's clock may move with the step.
func CompareCalls(t *testing.T, draw func(rt *rapid.T, tag string, step int) cache.Call, a, b cache.Engine) {
	t.Helper()
	ctx := t.Context()
	checkSame(t, a, b, func(rt *rapid.T, tag string) {
		calls := make([]cache.Call, rapid.IntRange(1, maxCalls).Draw(rt, "calls"))
		for i := range calls {
			calls[i] = draw(rt, tag, i)
			for _, k := range calls[i].Keys {
				if cache.Tag(k) != tag {
					rt.Fatalf("step %d: key %q does not carry the tag %q", i, k, tag)
				}
			}
		}
		run := oneByOne
		if rapid.Bool().Draw(rt, "together") {
			run = together
		}
		first, second := run(ctx, a, calls), run(ctx, b, calls)
		for i, call := range calls {
			if !sameResult(first[i], second[i]) {
				rt.Fatalf("step %d, script %s, keys %q, args %q:\n\tfirst  %v, error %v\n\tsecond %v, error %v",
					i, call.Script.Name, call.Keys, call.Args,
					first[i].Value, first[i].Err, second[i].Value, second[i].Err)
			}
		}
	})
}

func oneByOne(ctx context.Context, e cache.Engine, calls []cache.Call) []cache.Result {
	results := make([]cache.Result, len(calls))
	for i, c := range calls {
		results[i].Value, results[i].Err = e.Run(ctx, c.Script, c.Keys, c.Args)
	}
	return results
}

func together(ctx context.Context, e cache.Engine, calls []cache.Call) []cache.Result {
	return e.RunAll(ctx, calls)
}

func sameResult(a, b cache.Result) bool {
	return sameVerdict(a.Err, b.Err) && sameValue(a.Value, b.Value)
}

func sameValue(a, b cache.Value) bool {
	return a.Kind == b.Kind && a.Int == b.Int && a.Str == b.Str && slices.EqualFunc(a.List, b.List, sameValue)
}

// verdicts are the sentinels by which an engine refuses.
var verdicts = []error{
	cache.ErrUnavailable, cache.ErrWrongType, cache.ErrNotInteger, cache.ErrInvalidPlace,
	cache.ErrStreamID, cache.ErrCrossSlot, cache.ErrOutOfMemory, cache.ErrNotDurable,
	cache.ErrSyntax, cache.ErrScoreNaN, cache.ErrNoMember, cache.ErrNotHLL,
}

// sameVerdict tells whether two hosts refused in the same way. Where the
// contract names no sentinel it is enough that both refused.
func sameVerdict(a, b error) bool {
	if (a == nil) != (b == nil) {
		return false
	}
	for _, v := range verdicts {
		if errors.Is(a, v) != errors.Is(b, v) {
			return false
		}
	}
	return true
}
