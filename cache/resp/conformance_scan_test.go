package resp

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// scanOptionCases are options of SCAN. How much a call returns is each server's
// own affair; what all calls return together is not.
var scanOptionCases = []string{
	"MATCH @scanned*",
	"MATCH @scanned? COUNT 3",
	"COUNT 1000 MATCH @scanned[12]",
	"MATCH @scanned* TYPE string",
	"TYPE zset MATCH @scanned* COUNT 1000",
	"MATCH @scanned* TYPE HASH",
	"MATCH @scanned* TYPE nosuch",
	"MATCH @nosuch",
}

func TestScanFindsWhatTheRefereeFinds(t *testing.T) {
	protocols(t, func(t *testing.T, connect func(t *testing.T) *pair) {
		p := connect(t)
		for _, line := range []string{
			"SET @scanned1 v", "SET @scanned22 v", "HSET @scanned3 f v", "ZADD @scanned4 1 m", "XADD @scanned5 1-1 f v", "SET @other v",
		} {
			p.same(p.words(line))
		}
		for _, options := range scanOptionCases {
			words := p.words(options)
			require.Equal(t, scanAll(p.theirs, words), scanAll(p.ours, words), options)
		}
	})
}

// scanAll follows the cursor to its end, and returns each key once.
func scanAll(p *peer, options []string) (keys []string) {
	p.t.Helper()
	for cursor := "0"; ; {
		r := p.do(append([]string{"SCAN", cursor}, options...)...)
		require.Len(p.t, r.list, 2, "%s", r)
		for _, key := range r.list[1].list {
			keys = append(keys, key.text)
		}
		if cursor = r.list[0].text; cursor == "0" {
			slices.Sort(keys)
			return slices.Compact(keys)
		}
	}
}
