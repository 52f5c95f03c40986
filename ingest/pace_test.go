package ingest

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"hyperlocal/geo"
)

// paced serves streams with limits and the clock of the test's bubble.
func paced(l Limits) *Streams {
	return NewStreams(New(discarding{}, Options{Limits: l}), StreamOptions{Logger: quiet})
}

// A stream that is too fast is not read for some time; nothing of it is dropped.
func TestStreamIsSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := paced(Limits{DriverRate: 10, DriverBurst: 10})
		defer s.Close()
		p := dial(t, s, "?ack_every=10000")
		began := time.Now()
		for range 3 {
			p.text("[" + pingsOf("a", 10) + "]")
		}
		p.text("")
		a := <-p.acks
		require.Equal(t, map[string]int{"accepted": 30}, a.Verdicts)
		require.InDelta(t, 2, time.Since(began).Seconds(), 0.2, "20 more than the burst at 10 a second")

		time.Sleep(time.Second)
		began = time.Now()
		p.text("[" + pingsOf("a", 210) + "]")
		go p.text("") // read when the others are recorded
		for total := 30; total < 240; {
			a := <-p.acks
			require.Equal(t, map[string]int{"accepted": int(a.Acknowledged) - total}, a.Verdicts)
			require.LessOrEqual(t, a.Acknowledged, uint64(30+10*(2+time.Since(began).Seconds())), "one frame is no way around the limit")
			require.Less(t, time.Since(began), time.Duration(total-30)*100*time.Millisecond+7*time.Second, "acknowledgements come meanwhile")
			total = int(a.Acknowledged)
		}
		require.InDelta(t, 20, time.Since(began).Seconds(), 0.2)

		synctest.Wait()
		p.text("[" + pingsOf("a", 500) + "]")
		time.Sleep(time.Second)
		began = time.Now()
		s.Close()
		require.Less(t, time.Since(began), 2*time.Second, "the end does not wait for it")
		a = <-p.acks
		require.Less(t, a.Acknowledged, uint64(300), "what was not handed on is not acknowledged")
	})
}

// What would wait for too long is limited, and nothing of other drivers is.
func TestStreamLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := paced(Limits{DriverRate: 10, DriverBurst: 10})
		defer s.Close()
		p := dial(t, s, "?ack_every=10000")
		began := time.Now()
		p.text("[" + pingsOf("a", 1000) + "," + pingsOf("b", 10) + "]")
		go p.text("")
		counts := map[string]int{}
		for counts["accepted"]+counts["limited"] < 1010 {
			a := <-p.acks
			for v, n := range a.Verdicts {
				counts[v] += n
			}
			for _, r := range a.Rejected {
				require.Equal(t, "driver_id", r.Field)
			}
		}
		took := time.Since(began)
		require.InDelta(t, maxPause.Seconds(), took.Seconds(), 2)
		require.InDelta(t, 10+10*took.Seconds()+10, counts["accepted"], 10)
	})
}

// However many connections a sender has and however large its frames are, it has no
// more than its rate. A token is one sender, whatever it sends by.
func TestStreamsShareALimit(t *testing.T) {
	for name, l := range map[string]Limits{
		"driver": {DriverRate: 10, DriverBurst: 50},
		"token":  {TokenRate: 10, TokenBurst: 50},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := paced(l)
				const connections, seconds = 5, 60
				for i := range connections {
					p := dialWith(t, s, "", http.Header{"Authorization": {"Bearer one"}})
					driver := "a"
					if name == "token" {
						driver = fmt.Sprint("d", i)
					}
					go func() {
						for p.conn.WriteMessage(websocket.TextMessage, []byte("["+pingsOf(driver, 500)+"]")) == nil {
						}
					}()
				}
				time.Sleep(seconds * time.Second)
				accepted := s.handler.Counts()[geo.Accepted]
				require.LessOrEqual(t, accepted, int64(50+10*(seconds+1)))
				require.Greater(t, accepted, int64(50+9*seconds), "and no less")
				if name == "token" {
					require.NotZero(t, s.handler.limits.sender(&http.Request{Header: http.Header{"X-Api-Key": {"one"}}}).take(1, time.Now()))
				}
				s.Close()
			})
		})
	}
}
