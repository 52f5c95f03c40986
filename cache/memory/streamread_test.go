package memory

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// inBubble runs a test of waiting readers in fake time, at whose end nobody may
// be left waiting.
func inBubble(t *testing.T, test func(t *testing.T, e *Engine)) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, Options{})
		test(t, e)
		synctest.Wait()
		for i := range e.shards {
			require.Empty(t, e.shards[i].readers)
		}
		require.NoError(t, e.Close())
	})
}

func addEntry(t *testing.T, e *Engine, key, id string) {
	t.Helper()
	_, err := e.XAdd(ctx, key, id, cache.Trim{}, cache.Field{Name: "f", Value: "v"})
	require.NoError(t, err)
}

func TestXReadWaitsAsLongAsAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine) {
		begin := time.Now()
		found, err := e.XRead(ctx, 0, time.Minute, cache.ReadFrom{Key: "a", After: "$"}, cache.ReadFrom{Key: "b", After: "0"})
		require.NoError(t, err)
		require.Nil(t, found)
		require.Equal(t, time.Minute, time.Since(begin))
	})
}

// waiting begins an XRead after 5-0 and returns when it waits.
func waiting(e *Engine) <-chan string {
	done := make(chan string, 1)
	go func() {
		found, err := e.XRead(ctx, 0, time.Hour, cache.ReadFrom{Key: "other", After: "0"}, cache.ReadFrom{Key: "s", After: "$"})
		switch {
		case err != nil:
			done <- err.Error()
		case len(found) == 0:
			done <- "nothing"
		default:
			done <- found[0].Key + " " + found[0].Entries[0].ID
		}
	}()
	synctest.Wait()
	return done
}

// As on a real server, it ends with an entry that is greater than the last one
// at the call, whatever happened to the key meanwhile.
func TestXReadOutlastsTheKey(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine) {
		addEntry(t, e, "s", "5-0")
		done := waiting(e)
		requireWaits := func(why string) {
			t.Helper()
			synctest.Wait()
			select {
			case got := <-done:
				require.Fail(t, "it ended", "%s: %s", why, got)
			default:
			}
		}
		_, err := e.Del(ctx, "s")
		require.NoError(t, err)
		requireWaits("deleted")
		_, err = e.Set(ctx, "s", "text", cache.SetOptions{})
		require.NoError(t, err)
		requireWaits("of another type")
		_, err = e.Del(ctx, "s")
		require.NoError(t, err)
		addEntry(t, e, "s", "4-0")
		requireWaits("an id that is not greater")
		addEntry(t, e, "s", "6-0")
		require.Equal(t, "s 6-0", <-done)
	})
}

// A script that takes back what it added wakes nobody for good.
func TestXReadSeesWhatAScriptLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine) {
		done := waiting(e)
		fleeting := &cache.Script{Name: "fleeting", Go: func(tx cache.Tx, keys, _ []string) cache.Value {
			tx.XAdd(keys[0], "1-0", 0, cache.Field{Name: "f", Value: "v"})
			tx.XTrim(keys[0], "9-0")
			return cache.Value{}
		}}
		_, err := e.Run(ctx, fleeting, []string{"s"}, nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Empty(t, done)
		addEntry(t, e, "other", "1-0")
		require.Equal(t, "other 1-0", <-done)
	})
}

func TestXReadEndsWithItsCallerAndTheEngine(t *testing.T) {
	inBubble(t, func(t *testing.T, e *Engine) {
		gone, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		_, err := e.XRead(gone, 0, time.Hour, cache.ReadFrom{Key: "s", After: "$"})
		require.ErrorIs(t, err, context.Canceled)

		done := waiting(e)
		require.NoError(t, e.Close())
		require.Contains(t, <-done, cache.ErrUnavailable.Error())
	})
}

// A trim by an id beyond the last says in the journal no more than what it did:
// replayed onto entries that came later, it leaves them.
func TestXTrimIsJournaledAsWhatItDid(t *testing.T) {
	dir := t.TempDir()
	e := open(t, Options{Dir: dir})
	addEntry(t, e, "s", "5-0")
	n, err := e.XTrim(ctx, "s", cache.Trim{MinID: "99"})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	s := e.shardOf("s")
	record := string(s.unit.effects.b)
	addEntry(t, e, "s", "6-0")
	before := state(t, e)
	require.NoError(t, e.replay(record))
	require.Equal(t, before, state(t, e))
}
