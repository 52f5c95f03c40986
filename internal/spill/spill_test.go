package spill

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/internal/dirlock"
)

func open(t testing.TB, dir string, max int64) (*Queue, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	q, err := Open(dir, max, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = q.Close() }) // again, if the test has
	return q, &log
}

// all reads and commits everything.
func all(t rapid.TB, q *Queue) (out []string) {
	t.Helper()
	for {
		records, err := q.Read(3)
		require.NoError(t, err)
		if len(records) == 0 {
			return out
		}
		for _, r := range records {
			out = append(out, string(r))
		}
		q.Commit()
	}
}

func files(t testing.TB, dir, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	return list
}

func TestReadsWhatWasAppended(t *testing.T) {
	dir := t.TempDir()
	q, _ := open(t, dir, 1<<20)
	require.NoError(t, q.Append([]byte("a"), []byte(""), []byte("c")))
	require.NoError(t, q.Append([]byte("d")))
	records, err := q.Read(2)
	require.NoError(t, err)
	require.Len(t, records, 2)
	records, err = q.Read(1)
	require.NoError(t, err)
	require.Equal(t, "a", string(records[0]), "nothing was committed")
	q.Commit()
	require.NoError(t, q.Append([]byte("e")))
	require.Equal(t, []string{"", "c", "d", "e"}, all(t, q))
	require.Zero(t, q.Bytes())
	require.Empty(t, files(t, dir, prefix+"*"))
}

func TestKeepsOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	q, _ := open(t, dir, 1<<20)
	_, err := Open(dir, 1<<20, slog.Default())
	require.ErrorIs(t, err, dirlock.ErrInUse)
	require.NoError(t, q.Close())
	open(t, dir, 1<<20)
}

func TestStaysWithinItsBound(t *testing.T) {
	q, _ := open(t, t.TempDir(), 100)
	require.NoError(t, q.Append(make([]byte, 80)))
	require.ErrorIs(t, q.Append(make([]byte, 10)), ErrFull)
	require.Error(t, q.Append(make([]byte, MaxRecord+1)))
	require.Len(t, all(t, q), 1)
	require.NoError(t, q.Append(make([]byte, 80)))
}

// Whatever part of the last write a crash leaves, what was acknowledged is read
// and what follows the crash too.
func TestCutsATornTail(t *testing.T) {
	dir := t.TempDir()
	q, _ := open(t, dir, 1<<20)
	require.NoError(t, q.Append([]byte("first"), []byte("last one")))
	require.NoError(t, q.Close())
	path := files(t, dir, prefix+"*")[0]
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for size := headerSize + len("first"); size < len(whole); size++ {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600))
		q, log := open(t, dir, 1<<20)
		require.NoError(t, q.Append([]byte("later")))
		require.Equal(t, []string{"first", "later"}, all(t, q), "cut at %d", size)
		if size > headerSize+len("first") {
			require.Contains(t, log.String(), "cut short")
		}
		require.NoError(t, q.Close())
	}
}

// Whatever byte of a file is wrong, nothing that was acknowledged vanishes: the file
// stays, and what can be told from damage is read.
func TestSetsADamagedFileAside(t *testing.T) {
	for _, flip := range []byte{1, 0x80, 0xff} {
		dir := t.TempDir()
		q, _ := open(t, dir, 1<<20)
		records := []string{"first", "second", "third"}
		for _, r := range records {
			require.NoError(t, q.Append([]byte(r)))
		}
		require.NoError(t, q.Close())
		path := files(t, dir, prefix+"*")[0]
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		at := 0
		for i, r := range records {
			for in := range headerSize + len(r) {
				data := bytes.Clone(whole)
				data[at+in] ^= flip
				require.NoError(t, os.WriteFile(path, data, 0o600))
				q, log := open(t, dir, 1<<20)
				require.Zero(t, q.Damaged())
				require.NoError(t, q.Append([]byte("later")))
				want := append(append([]string{}, records[:i]...), "later")
				if in >= 8 { // the length is sure
					want = append(append(append([]string{}, records[:i]...), records[i+1:]...), "later")
				}
				require.Equal(t, want, all(t, q), "byte %d of record %d", in, i)
				require.Contains(t, log.String(), "damaged")
				require.Equal(t, []string{path + damaged}, files(t, dir, prefix+"*"))
				require.Equal(t, 1, q.Damaged())
				kept, err := os.ReadFile(path + damaged)
				require.NoError(t, err)
				require.Equal(t, data, kept)
				require.NoError(t, q.Close())
				q, _ = open(t, dir, 1<<20)
				require.Equal(t, 1, q.Damaged())
				require.NoError(t, q.Close())
				require.NoError(t, os.Remove(path+damaged))
			}
			at += headerSize + len(r)
		}
	}
}

// Pages at the end of a file that did not reach the disk read as zeros.
func TestKeepsAnEndOfZeros(t *testing.T) {
	dir := t.TempDir()
	q, _ := open(t, dir, 1<<20)
	require.NoError(t, q.Append([]byte("first")))
	require.NoError(t, q.Close())
	path := files(t, dir, prefix+"*")[0]
	require.NoError(t, os.Truncate(path, 4096))
	q, _ = open(t, dir, 1<<20)
	require.Equal(t, []string{"first"}, all(t, q))
	require.Equal(t, []string{path + damaged}, files(t, dir, prefix+"*"))
}

// Appends, reads, commits and restarts at random, beside a list.
func TestQueueModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "spill")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		q, err := Open(dir, 1<<30, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		defer func() { _ = q.Close() }()
		appended, seen := 0, map[string]bool{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				n := rapid.IntRange(1, 4).Draw(t, "records")
				for range n {
					require.NoError(t, q.Append([]byte(fmt.Sprint(appended))))
					appended++
				}
			case 2:
				records, err := q.Read(rapid.IntRange(1, 5).Draw(t, "max"))
				require.NoError(t, err)
				for _, r := range records {
					seen[string(r)] = true
				}
				q.Commit()
			case 3:
				require.NoError(t, q.Close())
				q, err = Open(dir, 1<<30, slog.New(slog.DiscardHandler))
				require.NoError(t, err)
			}
		}
		for _, r := range all(t, q) {
			seen[r] = true
		}
		require.Len(t, seen, appended)
	})
}

// What is read at once is bounded by its size, too.
func TestReadsSoMuchAtOnce(t *testing.T) {
	q, _ := open(t, t.TempDir(), 1<<30)
	for range 3 {
		require.NoError(t, q.Append(make([]byte, readBytes/2+1)))
	}
	records, err := q.Read(10)
	require.NoError(t, err)
	require.Len(t, records, 2)
	q.Commit()
	require.Len(t, all(t, q), 1)
}
