package memory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKeyTableModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.Map(rapid.IntRange(0, 200), func(i int) string { return fmt.Sprint("key:", i) })
		var table keyTable
		model := map[string]*item{}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "times") {
					if key := keys.Draw(t, "key"); model[key] == nil {
						model[key] = &item{key: key}
						table.add(model[key])
					}
				}
			},
			"remove": func(t *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(t, "times") {
					if key := keys.Draw(t, "key"); model[key] != nil {
						table.remove(model[key])
						delete(model, key)
					}
				}
			},
			"shrink": func(*rapid.T) { table.shrink() },
			"": func(t *rapid.T) {
				require.Equal(t, len(model), table.n)
				require.Nil(t, table.find("no such key"))
				for key, it := range model {
					require.Same(t, it, table.find(key))
				}
				count := rapid.IntRange(1, 50).Draw(t, "page")
				seen := 0
				for from, more := uint64(0), true; more; {
					from, more = table.page(from, count, func(it *item) {
						require.Same(t, model[it.key], it)
						seen++
					})
					require.Zero(t, from%shardCount)
				}
				require.Equal(t, len(model), seen)
			},
		})
	})
}
