package ingest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"hyperlocal/cache/enginetest"
	"hyperlocal/geo"
	"hyperlocal/ingest/pingpb"
)

// The benchmark's phones are another process, so that their CPU is not counted:
// this program, started again with streamPhones in its environment.
const streamPhones = "HYPERLOCAL_BENCH_PHONES"

func TestMain(m *testing.M) {
	if addr := os.Getenv(streamPhones); addr != "" {
		if err := phones(addr, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, "phones:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const benchPhones = 1000

// phones opens streams and sends as many rounds of a ping each as the lines that
// it reads say.
func phones(addr string, orders io.Reader) error {
	conns := make([]net.Conn, benchPhones)
	for i := range conns {
		ws, _, err := websocket.DefaultDialer.Dial("ws://"+addr, nil)
		if err != nil {
			return err
		}
		conns[i] = ws.NetConn()
		go func() { _, _ = io.Copy(io.Discard, conns[i]) }() // acknowledgements
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(orders)
	var frame []byte
	for round := 0; lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		for range n {
			round++
			for i, c := range conns {
				frame = benchFrame(frame[:0], i, round)
				if _, err := c.Write(frame); err != nil {
					return err
				}
			}
		}
	}
	return lines.Err()
}

// benchFrame is a frame of one ping. The mask is zero, which changes nothing.
func benchFrame(b []byte, phone, round int) []byte {
	p := pingpb.Ping{
		DriverID: fmt.Sprintf("driver-%06d", phone), LatE7: int32(129_716_000 + phone*1000 + round*10), LonE7: 775_946_000,
		TSMS: now.UnixMilli() + int64(round)*1000, AccuracyM: 4.5, SpeedMPS: 1, BearingDeg: 271, Battery: geo.Unknown,
	}
	b = append(b, 0x80|websocket.BinaryMessage, 0, 0, 0, 0, 0)
	b = p.Append(b)
	b[1] = 0x80 | byte(len(b)-6)
	return b
}

// One ping to a frame, from a thousand connections in turn: the CPU of the server
// for each, beside a loop that reads frames and does nothing with them.
func BenchmarkStream(b *testing.B) {
	var frames atomic.Int64
	bare := func(c echo.Context) error {
		upgrader := websocket.Upgrader{}
		conn, err := upgrader.Upgrade(c.Response(), c.Request(), nil)
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
				frames.Add(1)
			}
		}()
		return nil
	}
	serve := func(r Recorder) echo.HandlerFunc {
		return NewStreams(New(counting{r, &frames}, Options{}), StreamOptions{}).Serve
	}
	fleet := geo.NewFleet(enginetest.Memory(b), geo.NoZones(), geo.FleetOptions{Now: clock, Limits: geo.Limits{MaxAhead: 1000 * time.Hour}})
	for _, c := range []struct {
		name  string
		serve echo.HandlerFunc
	}{
		{"bare", bare},
		{"records-nothing", serve(discarding{})},
		{"records", serve(fleet)},
	} {
		b.Run(c.name, func(b *testing.B) {
			frames.Store(0)
			e := echo.New()
			e.GET("/", c.serve)
			srv := httptest.NewServer(e)
			defer srv.Close()
			send, stop := startPhones(b, srv.Listener.Addr().String())
			defer stop()
			want := int64(0)
			wait := func() {
				for want += benchPhones; frames.Load() < want; {
					time.Sleep(100 * time.Microsecond)
				}
			}
			send()
			wait()
			before, n := cpuTime(b), 0
			for b.Loop() {
				send()
				wait()
				n++
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(n)/benchPhones, "cpu-ns/ping")
		})
	}
}

// counting counts what a recorder has done.
type counting struct {
	Recorder
	n *atomic.Int64
}

func (c counting) Record(ctx context.Context, fixes []geo.Fix) ([]geo.Outcome, error) {
	outcomes, err := c.Recorder.Record(ctx, fixes)
	c.n.Add(int64(len(fixes)))
	return outcomes, err
}

// discarding records nothing.
type discarding struct{}

func (discarding) Record(_ context.Context, fixes []geo.Fix) ([]geo.Outcome, error) {
	outcomes := make([]geo.Outcome, len(fixes))
	for i := range outcomes {
		outcomes[i].Verdict = geo.Accepted
	}
	return outcomes, nil
}

func startPhones(b *testing.B, addr string) (send, stop func()) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), streamPhones+"="+addr)
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	require.NoError(b, err)
	replies, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	ready := bufio.NewScanner(replies)
	require.True(b, ready.Scan(), "the phones did not start")
	send = func() {
		_, err := io.WriteString(orders, "1\n")
		require.NoError(b, err)
	}
	return send, func() {
		require.NoError(b, orders.Close())
		require.NoError(b, cmd.Wait())
	}
}
