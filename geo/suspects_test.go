package geo

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// strangers returns n drivers whose runs are in one set, in which all of them have the
// same tag if sameTag says so.
func strangers(s *suspects, n int, sameTag bool) []string {
	type place struct {
		set int
		tag uint64
	}
	alike := map[place][]string{}
	for i := 0; ; i++ {
		id := fmt.Sprint("d", i)
		set, tag := s.find(id)
		if !sameTag {
			tag = 0
		}
		p := place{set, tag}
		if alike[p] = append(alike[p], id); len(alike[p]) == n {
			return alike[p]
		}
	}
}

func far(driver string, lon float64, ts int64, metres float64) Fix {
	f := at(driver, lon, ts)
	f.Lat, f.Lon = destination(f.Lat, f.Lon, 90, metres)
	return f
}

// The fixes of others who look like him neither end a driver's run nor keep his own
// fix from ending it.
func TestOwnFixEndsARun(t *testing.T) {
	b := newBed(t)
	b.clock.advance(10 * time.Minute)
	ids := strangers(b.suspects, 2, true)
	jumps, other := ids[0], ids[1]
	record(t, b.Fleet, "aa", at(jumps, westLon, base), at(other, westLon, base))
	for i := range int64(20) { // to and fro, and the other one between
		ts := base + 8000*i
		record(t, b.Fleet, "i", far(jumps, westLon, ts+4000, 9000))
		record(t, b.Fleet, "a", at(other, westLon, ts+5000))
		record(t, b.Fleet, "a", at(jumps, westLon, ts+8000))
	}
	from := base + 20*8000
	for i := range int64(3) { // and a train, with the other one between
		record(t, b.Fleet, []string{"i", "i", "a"}[i], far(jumps, westLon, from+4000*(i+1), 9000))
		record(t, b.Fleet, "a", at(other, westLon, from+4000*i+5000))
	}
}

// Of more runs than a set has room for, the newest ones go on.
func TestAFullSetForgetsTheOldestRun(t *testing.T) {
	s := newSuspects(Limits{}.withDefaults())
	ids := strangers(s, suspectWays+1, false)
	add := func(id string, ts int64) bool {
		set, tag := s.find(id)
		return s.add(set, tag, id, place{ts: ts, accuracy: unknown16})
	}
	for i, id := range ids {
		require.False(t, add(id, base+int64(i)))
	}
	for _, id := range ids[1:] {
		require.False(t, add(id, base+1000))
		require.False(t, add(id, base+1000), "the same one again")
		require.True(t, add(id, base+2000))
	}
	require.False(t, add(ids[0], base+3000), "a run of one")
	for _, id := range ids {
		set, tag := s.find(id)
		s.end(set, tag, id)
		s.end(set, tag, id)
	}
	set, _ := s.find(ids[0])
	require.Zero(t, s.marks[set].Load())
	require.Equal(t, [suspectWays]run{}, s.runs[set])
}

func BenchmarkReviewOfTheUnsuspected(b *testing.B) {
	s := newSuspects(Limits{}.withDefaults())
	for i := range suspectSets { // as bad a day as the table has room for
		id := fmt.Sprint("suspect-", i)
		set, tag := s.find(id)
		s.add(set, tag, id, place{ts: base})
	}
	work := newBatch()
	outcomes := make([]Outcome, 100)
	for i := range outcomes {
		fix := at(fmt.Sprint("driver-", i), westLon, base)
		work.add(i, &fix, newZoneKeys("west"))
		outcomes[i] = accepted
	}
	for b.Loop() {
		work.believed = s.review(work, outcomes, work.believed[:0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/ping")
}
