package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/loadtest/openloop"
)

// A load in every protocol, with all that phones do: every ping has the verdict that it
// must have, by what the server says and by what it counts.
func TestLoadtestAccountsForEveryPing(t *testing.T) {
	zones := filepath.Join(t.TempDir(), "country.geojson")
	text, err := command("loadtest", "zones").Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(zones, text, 0o600))
	p := startServer(t, "--zones", zones)
	require.Contains(t, string(p.do("GET", "/v1/zones", nil).body), "bengaluru_middle")
	for _, protocol := range openloop.Protocols {
		t.Run(string(protocol), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "report.json")
			drivers, ackEvery := "300", "1"
			if protocol == openloop.OwnTracks || protocol == openloop.OsmAnd {
				drivers = "100" // a request for each ping
			}
			if strings.HasPrefix(string(protocol), "ws-") {
				ackEvery = "3"
			}
			cmd := command("loadtest", "--ack-every", ackEvery, "--url", p.url, "--protocol", string(protocol), "--drivers", drivers, "--batch", "10",
				"--interval", "200ms", "--duration", "2s", "--warmup", "200ms", "--connections", "4", "--followers", "3",
				"--tunnels", "0.2", "--duplicates", "0.2", "--disorder", "0.2", "--prefix", string(protocol)+"-", "--fences", "7",
				"--server-pid", strconv.Itoa(p.cmd.Process.Pid), "--report", file)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "nothing missing, nothing invented")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var r struct {
				Account struct {
					Sent     map[string]int
					Verdicts map[string]int
				}
				Server    *openloop.Server
				Followers openloop.Followed
			}
			require.NoError(t, json.Unmarshal(text, &r))
			require.Greater(t, r.Account.Sent["late"], 10)
			require.Equal(t, r.Account.Sent["late"], r.Account.Verdicts["late"])
			require.Positive(t, r.Server.RSSEnd)
			require.Positive(t, r.Followers.Frames)
		})
	}
	var fences struct {
		Fences []struct {
			FenceID string `json:"fence_id"`
		}
	}
	p.do("GET", "/v1/fences?limit=1000", nil).ok(http.StatusOK, &fences)
	require.Len(t, fences.Fences, 7*len(openloop.Protocols))
	out, err := command("loadtest", "--url", p.url, "--duration", "1s", "--interval", "200ms", "--drivers", "10", "--max-p99", "1us").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "more than 1µs")
}
