package aside

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused", "rows.jsonl")
	f := New(path, 60)
	require.NoError(t, f.Put(map[string]string{"reason": "bad"}))
	require.NoError(t, f.Put(map[string]string{"reason": "worse"}))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(string(data), "\n")
	require.Len(t, lines, 3)
	for i, want := range []string{`{"reason":"bad"}`, `{"reason":"worse"}`} {
		sum, line, _ := strings.Cut(lines[i], " ")
		require.Equal(t, want, line)
		require.Equal(t, fmt.Sprintf("%08x", crc32.Checksum([]byte(line), crc32.MakeTable(crc32.Castagnoli))), sum)
	}

	require.ErrorIs(t, f.Put(map[string]string{"reason": "one too many"}), ErrFull)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, data, after)
	require.ErrorContains(t, f.Put(func() {}), "unsupported type")
	require.Error(t, New(filepath.Join(path, "below.jsonl"), 1000).Put("x"), "its folder is a file")
}

func TestAround(t *testing.T) {
	errGone := errors.New("gone")
	rows := []int{1, 2, 3, 4, 5, 6, 7}
	for name, c := range map[string]struct {
		bad, written, refused []int
		gone                  int // a row that the database goes away at
		err                   error
	}{
		"all good":         {written: rows},
		"some bad":         {bad: []int{1, 4, 5}, written: []int{2, 3, 6, 7}, refused: []int{1, 4, 5}},
		"all bad":          {bad: rows, refused: rows},
		"gone":             {gone: 3, err: errGone},
		"gone after a bad": {bad: []int{1}, gone: 6, written: []int{2, 3}, refused: []int{1}, err: errGone},
	} {
		t.Run(name, func(t *testing.T) {
			var written, refused []int
			err := Around(rows, func(some []int) error {
				for _, r := range some {
					if slices.Contains(c.bad, r) {
						return fmt.Errorf("row %d: %w", r, persist.ErrInvalid)
					}
				}
				if slices.Contains(some, c.gone) {
					return errGone
				}
				written = append(written, some...)
				return nil
			}, func(row int, reason error) error {
				require.ErrorContains(t, reason, fmt.Sprint("row ", row))
				refused = append(refused, row)
				return nil
			})
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.written, written)
			require.Equal(t, c.refused, refused)
		})
	}
	require.NoError(t, Around(nil, func([]int) error { return errGone }, nil))
	full := func(int, error) error { return ErrFull }
	require.ErrorIs(t, Around(rows, func([]int) error { return persist.ErrInvalid }, full), ErrFull)
}
