package openloop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gorilla/websocket"
)

// fans follow a driver each, as customers do.
type fans struct {
	conns  []*websocket.Conn
	work   sync.WaitGroup
	ending atomic.Bool
	lost   atomic.Int64
	frames atomic.Int64

	mu  sync.Mutex
	age *hdrhistogram.Histogram // from when a ping was due to when the follower has it
}

func (r *run) follow(ctx context.Context) (*fans, error) {
	f := &fans{age: newHistogram()}
	header := http.Header{}
	r.authorize(header)
	for i := range r.Followers {
		driver := r.id(i * r.Drivers / r.Followers)
		conn, res, err := websocket.DefaultDialer.DialContext(ctx, "ws"+strings.TrimPrefix(r.URL, "http")+"/v1/live", header)
		if err != nil {
			f.finish()
			return nil, fmt.Errorf("follow driver %s: %w", driver, err)
		}
		_ = res.Body.Close() // it has none
		f.conns = append(f.conns, conn)
		if err := conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"subscribe":["driver:%s"]}`, driver)); err != nil {
			f.finish()
			return nil, fmt.Errorf("follow driver %s: %w", driver, err)
		}
		f.work.Go(func() { f.read(conn, r.Now) })
	}
	return f, nil
}

func (f *fans) read(conn *websocket.Conn, now func() time.Time) {
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			if !f.ending.Load() {
				f.lost.Add(1)
			}
			return
		}
		var frame struct {
			Type string
			Data struct{ TS int64 }
		}
		if json.Unmarshal(text, &frame) != nil || frame.Type != "position" || frame.Data.TS == 0 {
			continue
		}
		f.frames.Add(1)
		age := now().Sub(time.UnixMilli(frame.Data.TS))
		f.mu.Lock()
		_ = f.age.RecordValue(min(max(age, time.Microsecond), maxLatency).Microseconds()) // it is within the bounds
		f.mu.Unlock()
	}
}

// finish ends the following, and says what it came to.
func (f *fans) finish() Followed {
	f.ending.Store(true)
	for _, conn := range f.conns {
		_ = conn.Close()
	}
	f.work.Wait()
	return Followed{
		Followers: len(f.conns), Lost: f.lost.Load(), Frames: f.frames.Load(),
		AgeP50: millis(f.age.ValueAtPercentile(50)), AgeP99: millis(f.age.ValueAtPercentile(99)),
	}
}
