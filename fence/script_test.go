package fence

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
)

// Lua and Go must do the same to states, streams and channels. Times are from a
// few, so that fixes are old as often as not.
func TestTwins(t *testing.T) {
	enginetest.CompareCalls(t, func(rt *rapid.T, tag string, step int) cache.Call {
		if rapid.IntRange(0, 3).Draw(rt, "which") == 0 {
			return drawPut(rt, tag)
		}
		return drawStep(rt, tag, step)
	}, enginetest.Memory(t), enginetest.Redis(t))
}

func drawPut(rt *rapid.T, tag string) cache.Call {
	c := putCall(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id"), rapid.SampledFrom([]string{"", "{}", `{"name":"é"}`}).Draw(rt, "text"), 2)
	c.Keys = []string{enginetest.Key(tag, "fences"), enginetest.Key(tag, "changes")}
	c.Args[3] = "3"
	return c
}

func drawStep(rt *rapid.T, tag string, step int) cache.Call {
	c := stepCall(tag, rules{
		depthDM: 300, dwellMS: rapid.SampledFrom([]int64{0, 8000}).Draw(rt, "dwell"),
		fixes: rapid.Int64Range(1, 3).Draw(rt, "confirm"), confirmMS: 10_000,
	})
	c.Args[5] = "2"
	for range rapid.IntRange(1, 6).Draw(rt, "fixes") {
		f := Fix{
			DriverID: rapid.SampledFrom([]string{"d1", "d 2/é\"\\"}).Draw(rt, "driver"),
			Lat:      12.97, Lon: -0.0000004,
			TS: 1_700_000_000_000 + int64(step)*4000 + rapid.SampledFrom([]int64{0, 1000, 2000, 20_000}).Draw(rt, "ts"),
		}
		if rapid.IntRange(0, 7).Draw(rt, "silent") == 0 {
			means := rapid.SampledFrom([]string{goneArg, stillArg}).Draw(rt, "means")
			sawNothing(&c, &f, f.TS-4000, f.TS, means)
			continue
		}
		sawFix(&c, &f, observation{
			ts:         f.TS,
			distanceDM: rapid.SampledFrom([]int64{-800, -800, -299, 0, 100, 900, 900}).Draw(rt, "distance"),
			accuracyDM: rapid.SampledFrom([]int64{30, 200, 1000}).Draw(rt, "accuracy"),
		})
	}
	return c
}

// The script does to a state what step does, and keeps none of who is outside.
func TestScriptSteps(t *testing.T) {
	for name, e := range map[string]cache.Engine{"memory": enginetest.Memory(t), "redis": enginetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				id := enginetest.Tag(t)
				r := rules{depthDM: 300, dwellMS: 8000, fixes: 3, confirmMS: 10_000}
				var s state
				for i := range rapid.IntRange(1, 12).Draw(rt, "fixes") {
					o := observation{
						ts:         int64(i+1) * 4000,
						distanceDM: rapid.SampledFrom([]int64{-800, -800, 0, 900, 900}).Draw(rt, "distance"),
						accuracyDM: rapid.SampledFrom([]int64{30, 1000}).Draw(rt, "accuracy"),
					}
					c := stepCall(id, r)
					sawFix(&c, &Fix{DriverID: "d1"}, o)
					reply, err := e.Run(t.Context(), c.Script, c.Keys, c.Args)
					require.NoError(rt, err)
					kind := s.step(r, o)
					want := string(gotKind[kind])
					switch {
					case kind != "":
					case s.kept():
						want = string(rune(gotState))
					default:
						want = string(rune(gotNone))
					}
					require.Equal(rt, want, reply.Str)
					text, err := e.HGet(t.Context(), c.Keys[0], "d1")
					require.NoError(rt, err)
					require.Equal(rt, s.kept(), text.OK)
					if s.kept() {
						require.Equal(rt, s, decodeState(text.Str), fmt.Sprint(text.Str))
					}
				}
				_, err := e.Del(t.Context(), keyDrivers(id), keyEvents(id))
				require.NoError(rt, err)
			})
		})
	}
}
