package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
)

// exported runs hyperlocal export and returns what it wrote to standard output.
func exported(t *testing.T, args ...string) []byte {
	t.Helper()
	root := rootCommand()
	root.SetArgs(append([]string{"export"}, args...))
	var out, progress bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&progress)
	require.NoError(t, root.ExecuteContext(t.Context()))
	require.Contains(t, progress.String(), args[0]+": ", "it says how many")
	return out.Bytes()
}

// lines decodes NDJSON.
func lines[T any](t *testing.T, data []byte) (all []T) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var v T
		err := d.Decode(&v)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, v)
	}
}

// What the server acknowledged comes out of each database once, in each format,
// as a whole and in parts.
func TestExport(t *testing.T) {
	for name, store := range map[string]func(t *testing.T) string{
		"SQLite": func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "record.db") },
		"Cassandra": func(t *testing.T) string {
			return fmt.Sprintf("cassandra://%s/export_%08x", testenv.Cassandra(t), rand.Uint32())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := store(t)
			p := startServer(t, append([]string{"--store", store}, witnessSettings...)...)
			w := newWitness(t, p)
			newOrder(p, "o1").ok(201, nil)
			for range 30 {
				w.send()
			}
			w.awaitRows(t, 100)
			eventually(t, func() bool { return p.metric("hyperlocal_orders_drained_total") > 0 }, time.Minute, 100*time.Millisecond)
			require.Equal(t, 0, p.interrupt(), "%s", p.out)
			w.requireWhole(t, openRecord(t, store))
			span := []string{"--store", store, "--from", strconv.FormatInt(w.start.UnixMilli(), 10), "--to", w.start.Add(29 * time.Second).Format(time.RFC3339)}
			export := func(args ...string) []byte { return exported(t, append(args, span...)...) }

			testExportTracks(t, w, export)
			testExportRest(t, w, store)
		})
	}
}

func testExportTracks(t *testing.T, w *witness, export func(...string) []byte) {
	type fix struct {
		DriverID string `json:"driver_id"`
		TS       int64  `json:"ts"`
		Lat, Lon float64
	}
	times := map[fixKey]int{}
	for _, f := range lines[fix](t, export("tracks")) {
		times[fixKey{f.DriverID, f.TS}]++
		require.InDelta(t, 12.97, f.Lat, 0.1)
		require.InDelta(t, 77.55, f.Lon, 0.1)
	}
	require.Empty(t, compare("fix", w.fixes, times))

	rows, err := csv.NewReader(bytes.NewReader(export("tracks", "--format", "csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"driver_id", "ts", "lat", "lon", "speed_mps", "mock"}, rows[0])
	clear(times)
	for _, row := range rows[1:] {
		ts, err := strconv.ParseInt(row[1], 10, 64)
		require.NoError(t, err)
		times[fixKey{row[0], ts}]++
	}
	require.Empty(t, compare("fix", w.fixes, times))

	var collection struct {
		Type     string
		Features []struct {
			Geometry   struct{ Type string }
			Properties struct {
				DriverID string `json:"driver_id"`
				Times    []int64
			}
		}
	}
	require.NoError(t, json.Unmarshal(export("tracks", "--format", "geojson"), &collection))
	require.Equal(t, "FeatureCollection", collection.Type)
	clear(times)
	for _, f := range collection.Features {
		for _, ts := range f.Properties.Times {
			times[fixKey{f.Properties.DriverID, ts}]++
		}
	}
	require.Empty(t, compare("fix", w.fixes, times))

	one := lines[fix](t, export("tracks", "--driver", witnessDriver(7)))
	require.Len(t, one, 30)
	for i, f := range one {
		require.Equal(t, fix{witnessDriver(7), w.start.Add(time.Duration(i) * time.Second).UnixMilli(), f.Lat, f.Lon}, f)
	}
	require.Empty(t, export("tracks", "--zone", "nowhere"))
	require.Empty(t, export("tracks", "--driver", "nobody"))
}

func testExportRest(t *testing.T, w *witness, store string) {
	db := openRecord(t, store)
	rows, err := db.TrackRows(t.Context(), witnessDriver(7), 0, time.Now().UnixMilli())
	require.NoError(t, err)
	zone := rows[0].Zone
	from := []string{"--store", store, "--from", "0"}
	some := bytes.Count(exported(t, append([]string{"tracks", "--zone", zone}, from...)...), []byte("\n"))
	require.Positive(t, some)
	require.Less(t, some, len(w.fixes))

	type movement struct {
		StoreID   string `json:"store_id"`
		ProductID string `json:"product_id"`
		Reference string
	}
	times := map[string]int{}
	path := filepath.Join(t.TempDir(), "movements.ndjson")
	require.Empty(t, exported(t, append([]string{"movements", "--dark-store", witnessStore, "--output", path}, from...)...))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, m := range lines[movement](t, data) {
		require.Equal(t, witnessStore, m.StoreID)
		if m.ProductID == "product:101" {
			times[m.Reference]++
		}
	}
	require.Empty(t, compare("movement", w.delivery, times))
	require.Equal(t, bytes.Count(data, []byte("\n"))+10+1, // those of the other store, and the names of the columns
		bytes.Count(exported(t, append([]string{"movements", "--format", "csv"}, from...)...), []byte("\n")))

	type order struct {
		OrderID string `json:"order_id"`
		Status  string
		Events  []struct{ Status string }
	}
	orders := lines[order](t, exported(t, append([]string{"orders"}, from...)...))
	require.Len(t, orders, 1)
	require.Equal(t, "o1", orders[0].OrderID)
	require.Equal(t, "placed", orders[0].Events[0].Status)
	require.Equal(t, 2, strings.Count(string(exported(t, append([]string{"orders", "--format", "csv"}, from...)...)), "\n"))
	require.Empty(t, exported(t, "orders", "--store", store, "--to", "2020-01-01"))
}

func TestExportRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := run(t, "export", "tracks", "--data-dir", dir)
	require.ErrorContains(t, err, "no such file")
	require.NoFileExists(t, filepath.Join(dir, "hyperlocal.db"), "an export makes no database")
	p := startServer(t, "--data-dir", dir)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"another kind":       {[]string{"drivers"}, "tracks, movements or orders"},
		"another format":     {[]string{"tracks", "--format", "xml"}, `tracks as "xml"`},
		"orders on a map":    {[]string{"orders", "--format", "geojson"}, `orders as "geojson"`},
		"no moment":          {[]string{"tracks", "--from", "yesterday"}, `--from "yesterday": want a time`},
		"from after to":      {[]string{"tracks", "--from", "2026-11-23", "--to", "2026-11-22"}, "--from 2026-11-23T00:00:00Z is after"},
		"no folder":          {[]string{"tracks", "--output", filepath.Join(dir, "nowhere", "x")}, "--output: "},
		"no database at all": {[]string{"tracks", "--store", "mysql://x"}, "--store"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, append([]string{"export", "--data-dir", dir}, c.args...)...)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, out)
		})
	}
	require.Equal(t, 0, p.interrupt())
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, what: "tracks", shown: time.Now().Add(-time.Hour)}
	p.tell(1024*1000, 0.417)
	p.tell(1024*1000+1, 0.418) // so soon nobody wants to know
	p.end()
	require.Equal(t, "\rtracks: 1,024,000 records, 42 % \n", out.String())
}
