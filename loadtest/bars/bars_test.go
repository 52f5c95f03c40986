package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/bars"
	"hyperlocal/internal/testenv"
	"hyperlocal/loadtest/openloop"
)

// What stands beside the server answers a load so that its account is complete: no
// ping of the comparison is lost or made up.
func TestInsteadAccountsForEveryPing(t *testing.T) {
	b, err := newBench(options{drivers: 50, interval: 100 * time.Millisecond, duration: 300 * time.Millisecond}, t.TempDir())
	require.NoError(t, err)
	for name, redis := range map[string]bool{"bare": false, "glue": true} {
		s := &instead{use: func(context.Context, []ping) error { return nil }}
		if redis {
			client, err := newGlue(testenv.OwnRedis(t))
			require.NoError(t, err)
			t.Cleanup(client.Close)
			s.use = func(ctx context.Context, pings []ping) error { return glue(ctx, client, pings) }
		}
		srv := httptest.NewServer(s.handler())
		t.Cleanup(srv.Close)
		for _, protocol := range []openloop.Protocol{openloop.JSON, openloop.StreamJSON, openloop.StreamProtobuf} {
			t.Run(name+"/"+string(protocol), func(t *testing.T) {
				c := b.config(&target{url: srv.URL})
				c.Protocol, c.Batch = protocol, 10
				if protocol != openloop.JSON {
					c.Batch, c.AckEvery = 1, 7
				}
				r, err := openloop.Run(t.Context(), c, func(openloop.Progress) {})
				require.NoError(t, err)
				require.Empty(t, r.Problems)
				require.EqualValues(t, 150, r.Account.Verdicts["accepted"])
			})
		}
	}
}

// The lock that stands for an outage keeps others from writing, and no longer.
func TestSQLiteIsTaken(t *testing.T) {
	sqlite3, dir := testenv.SQLite3(t), t.TempDir()
	write := func() error {
		return exec.Command(sqlite3, "-cmd", ".timeout 1", filepath.Join(dir, "hyperlocal.db"), "CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)").Run()
	}
	require.NoError(t, write())
	s := &sqliteFile{}
	require.NoError(t, s.serving(&target{data: dir}))
	require.NoError(t, s.resume(), "nothing was paused")
	require.NoError(t, s.pause())
	require.Error(t, write())
	require.NoError(t, s.resume())
	require.NoError(t, write())
	require.NoError(t, s.end())
}

// counted is a database that counts.
type counted struct {
	database
	pauses, resumes atomic.Int64
	err             error
}

func (c *counted) pause() error  { c.pauses.Add(1); return c.err }
func (c *counted) resume() error { c.resumes.Add(1); return nil }

// A slow database works again when it is to be slow no more; one that cannot be
// stopped is an error, and not a fast database.
func TestPulsing(t *testing.T) {
	c := &counted{}
	require.NoError(t, (&script{database: c, pulses: pulsing(c)}).calm())
	require.Positive(t, c.pauses.Load())
	require.Positive(t, c.resumes.Load())
	c.err = errors.New("no such process")
	require.ErrorIs(t, (&script{database: c, pulses: pulsing(c)}).calm(), c.err)
}

// A run of which a part was left out on purpose has no bars for that.
func TestTableOfWhatWasChosen(t *testing.T) {
	o := options{drivers: 1000, interval: time.Second}
	var table bars.Table
	fillTable(o, nil, &table)
	require.ErrorIs(t, table.Verdict(), bars.ErrNotMeasured)
	table, o.only = bars.Table{}, regexp.MustCompile("^echo$")
	fillTable(o, nil, &table)
	require.NoError(t, table.Verdict())
	require.ErrorIs(t, run(t.Context(), nil), errUsage)
}
