package realtime

import (
	"fmt"
	"testing"
)

// BenchmarkTick is what one look at a zone costs with a thousand drivers, of
// whom an eighth has moved, and every follower's frame made: per follower it
// must be next to nothing, because they share one encoding.
func BenchmarkTick(b *testing.B) {
	for _, followers := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("followers=%d", followers), func(b *testing.B) {
			const drivers = 1000
			h := NewHub(newFakePubSub(), newFakePositions(), newFakeOrders(), Options{})
			t := newTopic("zone:z", zoneKind, "z")
			t.loaded = true
			subs := make([]*subscription, followers)
			for i := range subs {
				subs[i] = &subscription{client: newClient(h), topic: t, acked: true}
				t.subs[subs[i]] = struct{}{}
			}
			moved := make([]Position, drivers/8)
			ids := make([]string, drivers)
			for i := range ids {
				ids[i] = fmt.Sprintf("driver-%04d", i)
				t.merge([]Position{{DriverID: ids[i], Lat: 12.97, Lon: 77.59, TS: 1, Zone: "z"}})
			}
			b.ReportAllocs()
			for n := 2; b.Loop(); n++ {
				for i := range moved {
					moved[i] = Position{DriverID: ids[(n*len(moved)+i)%drivers], Lat: 12.97, Lon: 77.59, TS: int64(n), SpeedMPS: 4, BearingDeg: 90, Zone: "z"}
				}
				t.merge(moved)
				for _, s := range subs {
					if _, news, _ := s.client.out.take(); news != nil {
						t.next(news).message()
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(followers), "ns/follower")
		})
	}
}
