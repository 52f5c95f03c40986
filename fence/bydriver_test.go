package fence

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// So many drivers that many share a hash, and some counts reach their end.
func TestByDriver(t *testing.T) {
	d := newByDriver[int]()
	model := map[string]int{}
	for i := range 1 << 20 {
		name := fmt.Sprint("d", i)
		d.put(name, i)
		model[name] = i
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 1000 {
			name := fmt.Sprint("d", rapid.IntRange(0, 1<<21).Draw(t, "driver"))
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				d.put(name, len(name))
				model[name] = len(name)
			case 1:
				d.remove(name)
				delete(model, name)
			}
			require.Equal(t, model[name], d.get(name))
		}
	})
	for name := range maps.Clone(model) {
		require.Equal(t, model[name], d.get(name))
		d.remove(name)
	}
	require.Empty(t, d.all)
	require.Zero(t, d.counts, "nobody is counted who is not there")
}
