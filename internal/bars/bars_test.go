package bars

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	var table Table
	table.AtMost("cost", 2.5, "µs", []float64{9, 2, 2.4})
	table.AtLeast("rate", 250_000, "pings/s", []float64{250_001, 249_999})
	table.AtMost("ratio", 1.25, "", Ratios([]float64{3, 4, 5}, []float64{2, 2}))
	var text strings.Builder
	require.NoError(t, table.Write(&text))
	require.Equal(t, strings.Join([]string{
		"bar     limit              median   met   rounds",
		"cost    ≤ 2.5 µs           2.4      yes   9 2 2.4",
		"rate    ≥ 250000 pings/s   250000   yes   250001 249999",
		"ratio   ≤ 1.25             1.75     NO    1.5 2",
		"",
	}, "\n"), text.String())

	require.NoError(t, table.Verdict(), "a miss is told, no more")
	t.Setenv("STRICT", "1")
	require.ErrorIs(t, table.Verdict(), ErrMissed)
	table.AtMost("nothing", 1, "", nil)
	require.ErrorIs(t, table.Verdict(), ErrNotMeasured)
	require.NoError(t, table.Write(&text))
	require.Contains(t, text.String(), "NOT MEASURED")
}

func TestMedian(t *testing.T) {
	require.True(t, math.IsNaN(Median(nil)))
	require.InDelta(t, 2, Median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 2.5, Median([]float64{4, 3, 2, 1}), 0)
}
