package enginetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
)

// Tag returns a hash tag that no other test uses, now or in another process,
// and removes every key that carries it from the engines when the test ends.
// An engine that the test has closed keeps what it holds.
func Tag(t testing.TB, engines ...cache.Engine) string {
	t.Helper()
	tag := "t" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		// The test's own context is already gone.
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		for _, e := range engines {
			if err := Clear(ctx, e, tag); !errors.Is(err, cache.ErrUnavailable) {
				require.NoError(t, err)
			}
		}
	})
	return tag
}

// Key returns a key that carries the tag: Key("x", "stock") is "stock:{x}".
func Key(tag, name string) string { return name + ":{" + tag + "}" }

// Clear removes every key that carries the tag.
func Clear(ctx context.Context, e cache.Engine, tag string) error {
	keys, err := tagged(ctx, e, tag)
	if err != nil || len(keys) == 0 {
		return err
	}
	if _, err := e.Del(ctx, keys...); err != nil {
		return fmt.Errorf("clear tag %s: %w", tag, err)
	}
	return nil
}

// tagged returns the keys that carry the tag, each once, in no order.
func tagged(ctx context.Context, e cache.Engine, tag string) ([]string, error) {
	const page = 1000
	seen := map[string]bool{}
	var keys []string
	for cursor := ""; ; {
		found, next, err := e.Scan(ctx, cursor, "*{"+tag+"}*", page)
		if err != nil {
			return nil, fmt.Errorf("scan for tag %s: %w", tag, err)
		}
		for _, k := range found {
			if !seen[k] && cache.Tag(k) == tag {
				seen[k] = true
				keys = append(keys, k)
			}
		}
		if next == "" {
			return keys, nil
		}
		cursor = next
	}
}
