package enginetest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

func testStreams(t *testing.T, h *host) {
	k, none := h.key("stream"), h.key("none")

	t.Run("missing", func(t *testing.T) {
		require.Empty(t, must(h.XRange(h.ctx, none, "-", "+", 0))(t))
		require.Empty(t, must(h.XRevRange(h.ctx, none, "+", "-", 0))(t))
		require.Zero(t, must(h.XLen(h.ctx, none))(t))
		require.Zero(t, must(h.XTrim(h.ctx, none, cache.Trim{MinID: "5"}))(t))
	})
	t.Run("fields keep their order, twice named ones too", func(t *testing.T) {
		fs := fields("z", "1", "a", "2", "z", "3", "", "")
		require.Equal(t, "1-1", must(h.XAdd(h.ctx, k, "1-1", cache.Trim{}, fs...))(t))
		require.Equal(t, []cache.Entry{{ID: "1-1", Fields: fs}}, must(h.XRange(h.ctx, k, "-", "+", 0))(t))
	})
	t.Run("no fields", func(t *testing.T) {
		_, err := h.XAdd(h.ctx, k, "1-2", cache.Trim{})
		require.Error(t, err)
		require.EqualValues(t, 1, must(h.XLen(h.ctx, k))(t))
	})
	t.Run("ranges", func(t *testing.T) {
		r := h.key("ranges")
		for _, id := range []string{"1-1", "1-2", "2-0", "5-5", "10-0"} {
			must(h.XAdd(h.ctx, r, id, cache.Trim{}, fields("id", id)...))(t)
		}
		for _, c := range []struct {
			start, end string
			count      int
			want       string
		}{
			{"-", "+", 0, "1-1 1-2 2-0 5-5 10-0"},
			{"-", "+", 2, "1-1 1-2"},
			{"-", "+", -3, "1-1 1-2 2-0 5-5 10-0"},
			{"1-2", "5-5", 0, "1-2 2-0 5-5"},
			{"(1-2", "(5-5", 0, "2-0"},
			{"1", "1", 0, "1-1 1-2"},
			{"2", "5", 0, "2-0 5-5"},
			{"(1", "5", 0, "1-1 1-2 2-0 5-5"},
			{"-", "(1", 0, "1-1 1-2"}, // an end without a sequence is that millisecond's last
			{"6", "9", 0, ""},
			{"5", "1", 0, ""},
			{"+", "-", 0, ""},
			{"0-0", "18446744073709551615-18446744073709551615", 1, "1-1"},
		} {
			forth := must(h.XRange(h.ctx, r, c.start, c.end, c.count))(t)
			require.Equal(t, c.want, entryIDs(forth), "%s to %s, %d", c.start, c.end, c.count)
			if c.count <= 0 {
				back := must(h.XRevRange(h.ctx, r, c.end, c.start, c.count))(t)
				require.Len(t, back, len(forth), "%s down to %s", c.end, c.start)
				for i := range back {
					require.Equal(t, forth[len(forth)-1-i], back[i])
				}
			}
		}
		require.Equal(t, "10-0 5-5", entryIDs(must(h.XRevRange(h.ctx, r, "+", "-", 2))(t)))
	})
	t.Run("maxLen keeps the newest", func(t *testing.T) {
		m := h.key("maxlen")
		for i := 1; i <= 10; i++ {
			must(h.XAdd(h.ctx, m, fmt.Sprint(i, "-0"), cache.Trim{MaxLen: 3}, fields("i", strconv.Itoa(i))...))(t)
			require.EqualValues(t, min(i, 3), must(h.XLen(h.ctx, m))(t))
		}
		require.Equal(t, "8-0 9-0 10-0", entryIDs(must(h.XRange(h.ctx, m, "-", "+", 0))(t)))
	})
	t.Run("the other trims", func(t *testing.T) {
		m := h.key("trims")
		for i := 1; i <= 6; i++ {
			must(h.XAdd(h.ctx, m, fmt.Sprint(i, "-0"), cache.Trim{MinID: "2-1"}, fields("i", strconv.Itoa(i))...))(t)
		}
		require.Equal(t, "3-0 4-0 5-0 6-0", entryIDs(must(h.XRange(h.ctx, m, "-", "+", 0))(t)))
		require.Zero(t, must(h.XTrim(h.ctx, m, cache.Trim{}))(t))
		require.Zero(t, must(h.XTrim(h.ctx, m, cache.Trim{MaxLen: 4}))(t))
		require.EqualValues(t, 2, must(h.XTrim(h.ctx, m, cache.Trim{MaxLen: 2}))(t))
		require.Equal(t, "5-0 6-0", entryIDs(must(h.XRange(h.ctx, m, "-", "+", 0))(t)))
		require.Equal(t, "7-0", must(h.XAdd(h.ctx, m, "7-0", cache.Trim{MinID: "9"}, fields("i", "7")...))(t))
		require.Zero(t, must(h.XLen(h.ctx, m))(t), "an entry may go with its own trim")

		both := cache.Trim{MaxLen: 1, MinID: "1-0"}
		_, err := h.XAdd(h.ctx, none, "1-0", both, fields("f", "v")...)
		require.ErrorIs(t, err, cache.ErrSyntax)
		_, err = h.XTrim(h.ctx, none, both)
		require.ErrorIs(t, err, cache.ErrSyntax)
		_, err = h.XAdd(h.ctx, none, "1-0", cache.Trim{MinID: "x"}, fields("f", "v")...)
		require.ErrorIs(t, err, cache.ErrStreamID)
		require.Zero(t, must(h.Exists(h.ctx, none))(t))
	})
	t.Run("XTrim", func(t *testing.T) {
		tr := h.key("trim")
		for i := 1; i <= 5; i++ {
			must(h.XAdd(h.ctx, tr, fmt.Sprint(i, "-1"), cache.Trim{}, fields("i", strconv.Itoa(i))...))(t)
		}
		require.Zero(t, must(h.XTrim(h.ctx, tr, cache.Trim{MinID: "1-1"}))(t))
		require.EqualValues(t, 2, must(h.XTrim(h.ctx, tr, cache.Trim{MinID: "3"}))(t))
		require.EqualValues(t, 1, must(h.XTrim(h.ctx, tr, cache.Trim{MinID: "3-2"}))(t))
		require.Equal(t, "4-1 5-1", entryIDs(must(h.XRange(h.ctx, tr, "-", "+", 0))(t)))
		require.EqualValues(t, 2, must(h.XTrim(h.ctx, tr, cache.Trim{MinID: "99"}))(t))

		require.EqualValues(t, 1, must(h.Exists(h.ctx, tr))(t), "an empty stream exists: it remembers its last id")
		require.Zero(t, must(h.XLen(h.ctx, tr))(t))
		_, err := h.XAdd(h.ctx, tr, "5-1", cache.Trim{}, fields("f", "v")...)
		require.ErrorIs(t, err, cache.ErrStreamID)
		require.Equal(t, "5-2", must(h.XAdd(h.ctx, tr, "5-2", cache.Trim{}, fields("f", "v")...))(t))
	})
	t.Run("ids from the clock ascend", func(t *testing.T) {
		c := h.key("clock")
		var last [2]uint64
		for range 200 {
			id := splitID(t, must(h.XAdd(h.ctx, c, "*", cache.Trim{}, fields("f", "v")...))(t))
			require.True(t, id[0] > last[0] || id[0] == last[0] && id[1] > last[1])
			last = id
		}
		// A clock behind the last id does not stop a stream.
		ahead := strconv.FormatInt(time.Now().Add(24*time.Hour).UnixMilli(), 10)
		must(h.XAdd(h.ctx, c, ahead+"-7", cache.Trim{}, fields("f", "v")...))(t)
		require.Equal(t, ahead+"-8", must(h.XAdd(h.ctx, c, "*", cache.Trim{}, fields("f", "v")...))(t))
	})
}

func entryIDs(entries []cache.Entry) string {
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func splitID(t testing.TB, id string) [2]uint64 {
	t.Helper()
	ms, seq, ok := strings.Cut(id, "-")
	require.True(t, ok, id)
	m, err := strconv.ParseUint(ms, 10, 64)
	require.NoError(t, err)
	s, err := strconv.ParseUint(seq, 10, 64)
	require.NoError(t, err)
	return [2]uint64{m, s}
}

const maxID = "18446744073709551615-18446744073709551615"

func testStreamIDs(t *testing.T, h *host) {
	add := func(key, id string) (string, error) { return h.XAdd(h.ctx, key, id, cache.Trim{}, fields("f", "v")...) }

	t.Run("refused on an empty stream", func(t *testing.T) {
		for _, id := range []string{"0-0", "0", "", "x", "-", "+", "1-", "-1", "1-2-3", "1-x", "(1-1",
			"1 -1", "1.5-0", "18446744073709551616-0", "1-18446744073709551616", "**", "*-1", "-1-1"} {
			_, err := add(h.key("none"), id)
			require.ErrorIs(t, err, cache.ErrStreamID, "%q", id)
			require.Zero(t, must(h.Exists(h.ctx, h.key("none")))(t), "%q made no stream", id)
		}
	})
	t.Run("the forms of an explicit id", func(t *testing.T) {
		k := h.key("forms")
		for _, c := range []struct{ id, want string }{
			{"0-1", "0-1"}, {"5", "5-0"}, {"5-1", "5-1"}, {"007-08", "7-8"}, {"7-*", "7-9"}, {"8-*", "8-0"},
		} {
			require.Equal(t, c.want, must(add(k, c.id))(t), "%q", c.id)
		}
	})
	t.Run("not greater than the last", func(t *testing.T) {
		k := h.key("last")
		must(add(k, "5-5"))(t)
		for _, id := range []string{"5-5", "5-4", "5", "4-9", "0-1", "4-*"} {
			_, err := add(k, id)
			require.ErrorIs(t, err, cache.ErrStreamID, "%q", id)
		}
		require.EqualValues(t, 1, must(h.XLen(h.ctx, k))(t))
		require.Equal(t, "5-6", must(add(k, "5-*"))(t))
	})
	t.Run("at the end of all ids", func(t *testing.T) {
		k := h.key("end")
		require.Equal(t, maxID, must(add(k, maxID))(t))
		for _, id := range []string{"*", maxID, "18446744073709551615-*"} {
			_, err := add(k, id)
			require.ErrorIs(t, err, cache.ErrStreamID, "%q", id)
		}
	})
	t.Run("ranges refuse what is no id", func(t *testing.T) {
		k := h.key("range")
		must(add(k, "1-1"))(t)
		for _, id := range []string{"", "x", "1-", "1-x", "(", "(-", "(+", "*", "1-*", "-1"} {
			_, err := h.XRange(h.ctx, k, id, "+", 0)
			require.ErrorIs(t, err, cache.ErrStreamID, "start %q", id)
			_, err = h.XRange(h.ctx, k, "-", id, 0)
			require.ErrorIs(t, err, cache.ErrStreamID, "end %q", id)
			_, err = h.XRevRange(h.ctx, k, id, "-", 0)
			require.ErrorIs(t, err, cache.ErrStreamID, "end of a reverse range %q", id)
		}
		for _, id := range []string{"x", "(1-1", "-", "+", "*"} {
			_, err := h.XTrim(h.ctx, k, cache.Trim{MinID: id})
			require.ErrorIs(t, err, cache.ErrStreamID, "trim %q", id)
		}
	})
	t.Run("exclusive at the ends of all ids", func(t *testing.T) {
		k := h.key("range")
		_, err := h.XRange(h.ctx, k, "("+maxID, "+", 0)
		require.ErrorIs(t, err, cache.ErrStreamID)
		_, err = h.XRange(h.ctx, k, "-", "(0-0", 0)
		require.ErrorIs(t, err, cache.ErrStreamID)
	})
}
