package geo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The rule for a fix that comes again. While its bucket is in the engine it is a
// duplicate. The driver's newest fix is one for as long as he is known. An older one
// whose bucket has been flushed cannot be told from a late one without asking the
// database: it is taken as late, makes a row of its own, and the track shows it once.
func TestAFixThatComesAgain(t *testing.T) {
	b := newBed(t)
	b.clock.advance(time.Minute)
	older, newest := at("d", westLon, base), at("d", westLon, base+5000)
	record(t, b.Fleet, "aa", older, newest)
	record(t, b.Fleet, "dd", older, newest)

	rows := &store{}
	flusher := NewFlusher(b.Fleet, rows, FlushOptions{})
	require.NoError(t, flusher.FlushAll(t.Context(), true))
	require.Len(t, rows.rows, 1)
	record(t, b.Fleet, "ld", older, newest)
	record(t, b.Fleet, "d", older)
	require.NoError(t, flusher.FlushAll(t.Context(), true))
	require.Len(t, rows.rows, 2)

	require.Equal(t, []int64{base, base + 5000}, rows.times(t, "d"), "each once")
}
