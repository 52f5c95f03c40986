package memory

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// Keys that stay are seen, each once, whatever comes and goes meanwhile.
func TestScanWhileKeysComeAndGo(t *testing.T) {
	e := open(t, Options{})
	set := func(key string) {
		_, err := e.Set(ctx, key, "", cache.SetOptions{})
		require.NoError(t, err)
	}
	const stay = 3000
	for i := range stay {
		set(fmt.Sprint("stay:", i))
		set(fmt.Sprint("one:", i, "{tag}"))
	}
	for _, count := range []int{1, 10, 1000, 0} {
		seen := map[string]int{}
		cursor, pages := "", 0
		for {
			keys, next, err := e.Scan(ctx, cursor, "[so]*", count)
			require.NoError(t, err)
			if count > 0 {
				require.LessOrEqual(t, len(keys), 2*count+100)
			}
			for _, k := range keys {
				seen[k]++
			}
			pages++
			for i := range 7 {
				set(fmt.Sprint("guest:", pages, i, "{tag}"))
				_, err := e.Del(ctx, fmt.Sprint("guest:", pages-3, i, "{tag}"))
				require.NoError(t, err)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		require.Len(t, seen, 2*stay)
		for k, n := range seen {
			require.Equal(t, 1, n, k)
		}
	}
}

func TestScanRefusesForeignCursors(t *testing.T) {
	e := open(t, Options{})
	for _, cursor := range []string{"x", "-1", "1-0", "1 ", "01", "+1", "18446744073709551616"} {
		_, _, err := e.Scan(context.Background(), cursor, "*", 10)
		require.Error(t, err, cursor)
	}
}
