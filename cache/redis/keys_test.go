package redis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParts(t *testing.T) {
	keys := []string{"{a}1", "{b}1", "{a}2", "c", "{b}1"}
	require.Equal(t, []part{{keys: keys}}, (&Engine{shared: &shared{}}).parts(keys), "one server takes all keys at once")
	require.Equal(t, []part{
		{keys: []string{"{a}1", "{a}2"}, index: []int{0, 2}},
		{keys: []string{"{b}1", "{b}1"}, index: []int{1, 4}},
		{keys: []string{"c"}, index: []int{3}},
	}, (&Engine{shared: &shared{cluster: true}}).parts(keys))
}

func TestWholeMillis(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 90 * time.Second: 90_000,
		-1: 0, -time.Millisecond: -1, -time.Second: -1000,
	} {
		require.Equal(t, want, wholeMillis(d), "%d ns", d)
	}
}
