package enginetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testStreamRead(t *testing.T, h *host) {
	a, b, none := h.key("a"), h.key("b"), h.key("none")
	for _, id := range []string{"1-1", "1-2", "2-0", "5-5"} {
		must(h.XAdd(h.ctx, a, id, cache.Trim{}, fields("id", id, "z", "", "id", "again")...))(t)
	}
	must(h.XAdd(h.ctx, b, "3-0", cache.Trim{}, fields("f", "v")...))(t)

	for _, c := range []struct {
		count int
		from  []cache.ReadFrom
		want  string
	}{
		{0, nil, ""},
		{0, from(a, "0"), "a 1-1 1-2 2-0 5-5"},
		{-1, from(a, "0"), "a 1-1 1-2 2-0 5-5"},
		{2, from(a, "0-0"), "a 1-1 1-2"},
		{9, from(a, "1-1"), "a 1-2 2-0 5-5"},
		{0, from(a, "1"), "a 1-1 1-2 2-0 5-5"}, // without a sequence an id is its first
		{0, from(a, "5-5"), ""},
		{0, from(a, "$"), ""},
		{0, from(a, maxID), ""},
		{0, from(none, "0"), ""},
		{0, from(none, "$"), ""},
		{1, from(b, "0", a, "1-2"), "b 3-0 a 2-0"},
		{0, from(a, "5-5", none, "0", b, "0"), "b 3-0"},
	} {
		require.Equal(t, c.want, streamIDs(must(h.XRead(h.ctx, c.count, 0, c.from...))(t)), "%d of %v", c.count, c.from)
	}
	found := must(h.XRead(h.ctx, 1, time.Hour, from(a, "0")...))(t)
	require.Equal(t, fields("id", "1-1", "z", "", "id", "again"), found[0].Entries[0].Fields, "what is there is not waited for")

	if h.OneTag {
		_, err := h.XRead(h.ctx, 0, time.Hour, from(a, "0", h.sub(t).key("far"), "0")...)
		require.ErrorIs(t, err, cache.ErrCrossSlot)
	}
	for _, id := range []string{"", "x", "-", "+", "*", "(1-1", "1-", ">"} {
		_, err := h.XRead(h.ctx, 0, time.Hour, from(a, id)...)
		require.Error(t, err, "%q", id)
	}
}

// from makes pairs of keys and ids into places to read from.
func from(pairs ...string) []cache.ReadFrom {
	var out []cache.ReadFrom
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, cache.ReadFrom{Key: pairs[i], After: pairs[i+1]})
	}
	return out
}

// streamIDs renders what was read: each key's name and the ids of its entries.
func streamIDs(found []cache.StreamEntries) string {
	var out string
	for _, s := range found {
		if out != "" {
			out += " "
		}
		out += s.Key[:1] + " " + entryIDs(s.Entries)
	}
	return out
}

// wasRead is how an XRead ended.
type wasRead struct {
	found []cache.StreamEntries
	err   error
}

// readInBackground begins an XRead that may wait.
func (h *host) readInBackground(ctx context.Context, block time.Duration, pairs ...string) <-chan wasRead {
	done := make(chan wasRead, 1)
	go func() {
		found, err := h.XRead(ctx, 0, block, from(pairs...)...)
		done <- wasRead{found, err}
	}()
	return done
}

func testStreamWait(t *testing.T, h *host) {
	a, b := h.key("a"), h.key("b")
	add := func(t *testing.T, key, id string) {
		t.Helper()
		must(h.XAdd(h.ctx, key, id, cache.Trim{}, fields("f", "v")...))(t)
	}
	t.Run("nothing comes", func(t *testing.T) {
		require.Nil(t, must(h.XRead(h.ctx, 0, time.Millisecond, from(a, "0", b, "$")...))(t))
		require.Nil(t, must(h.XRead(h.ctx, 0, time.Nanosecond, from(a, "$")...))(t))
	})
	t.Run("all who wait are woken, and hold up nobody", func(t *testing.T) {
		var waiting []<-chan wasRead
		for range 20 {
			waiting = append(waiting, h.readInBackground(h.ctx, Patience, b, "0", a, "0"))
		}
		// Were these calls behind the waiting ones, nothing would come in time.
		must(h.IncrBy(h.ctx, h.key("n"), 1))(t)
		add(t, a, "1-1")
		for _, w := range waiting {
			got := <-w
			require.NoError(t, got.err)
			require.Equal(t, "a 1-1", streamIDs(got.found))
		}
	})
	t.Run("only a greater id counts", func(t *testing.T) {
		waiting := h.readInBackground(h.ctx, Patience, a, "9-9")
		add(t, a, "2-0")
		add(t, a, "9-9")
		add(t, a, "10-0")
		got := <-waiting
		require.NoError(t, got.err)
		require.Equal(t, "a 10-0", streamIDs(got.found))
	})
	t.Run("what comes after the call", func(t *testing.T) {
		last := must(h.XAdd(h.ctx, a, "20-0", cache.Trim{}, fields("f", "v")...))(t)
		waiting := h.readInBackground(h.ctx, Patience, a, "$")
		// Nobody tells when the call has read the last id: add until it returns.
		for {
			last = must(h.XAdd(h.ctx, a, "*", cache.Trim{}, fields("after", last)...))(t)
			select {
			case got := <-waiting:
				require.NoError(t, got.err)
				require.NotEmpty(t, got.found)
				require.NotEqual(t, "20-0", got.found[0].Entries[0].ID)
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	t.Run("a script's entries", func(t *testing.T) {
		h.needScripts(t)
		k := h.key("by-script")
		waiting := h.readInBackground(h.ctx, Patience, k, "0")
		must(h.Run(h.ctx, interpreter, []string{k}, program(nil, command{"XADD", k, "MAXLEN", "=", "5", "1-1", "f", "v"}).Args))(t)
		require.Equal(t, "b 1-1", streamIDs((<-waiting).found))
	})
	t.Run("a caller that goes away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(h.ctx)
		waiting := h.readInBackground(ctx, Patience, h.key("c"), "0")
		cancel()
		require.ErrorIs(t, (<-waiting).err, context.Canceled)
		ctx, cancel = context.WithTimeout(h.ctx, 5*time.Millisecond)
		defer cancel()
		_, err := h.XRead(ctx, 0, Patience, from(h.key("c"), "0")...)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, h.Ping(h.ctx))
	})
	t.Run("one after the other", func(t *testing.T) {
		k := h.key("relay")
		const n = 50
		read := make(chan error, 1)
		go func() {
			for after := "0"; after != fmt.Sprint(n, "-0"); {
				found, err := h.XRead(h.ctx, 0, Patience, from(k, after)...)
				if err != nil || len(found) == 0 {
					read <- fmt.Errorf("after %s came %v: %w", after, found, err)
					return
				}
				after = found[0].Entries[len(found[0].Entries)-1].ID
			}
			read <- nil
		}()
		for i := 1; i <= n; i++ {
			add(t, k, fmt.Sprint(i, "-0"))
		}
		require.NoError(t, <-read)
	})
}
