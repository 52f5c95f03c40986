package realtime

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// at is a driver's position, age ago by the bubble's clock.
func at(driver, zone string, lat float64, age time.Duration) Position {
	return Position{
		DriverID: driver, Zone: zone, Lat: lat, Lon: 77.6, TS: time.Now().Add(-age).UnixMilli(),
		SpeedMPS: 4.25, BearingDeg: 90,
	}
}

// lats returns a frame's positions as driver → latitude.
func lats(t *testing.T, m message) map[string]float64 {
	t.Helper()
	var ps []struct {
		DriverID string  `json:"driver_id"`
		Lat      float64 `json:"lat"`
	}
	require.NoError(t, json.Unmarshal(m.Data, &ps), "%s", m.Data)
	out := map[string]float64{}
	for _, p := range ps {
		_, twice := out[p.DriverID]
		require.False(t, twice, "a driver stands in a frame once")
		out[p.DriverID] = p.Lat
	}
	return out
}

const tick = 500 * time.Millisecond

func TestZoneIsFollowed(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		r.positions.move(at("d1", "z", 1, 30*time.Second))
		r.positions.move(at("d2", "z", 2, 2*time.Second))
		r.positions.move(at("gone", "z", 3, 2*time.Minute))
		r.positions.move(at("d3", "elsewhere", 4, 0))
		f := r.newFan(t)
		f.send(`{"subscribe":["zone:z"]}`)
		ack := f.one(typeSubscribed) // at once, not at the next tick
		require.Equal(t, "zone:z", ack.Topic)
		require.Empty(t, ack.ID)
		require.Equal(t, map[string]float64{"d1": 1, "d2": 2}, lats(t, ack))

		time.Sleep(tick)
		require.Empty(t, f.messages(), "nobody moved")
		r.positions.move(at("d2", "z", 2.5, 0))
		time.Sleep(tick)
		require.Equal(t, map[string]float64{"d2": 2.5}, lats(t, f.one(typePositions)))
	})
}

func TestEmptyZoneIsAcknowledged(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		f := r.newFan(t)
		f.send(`{"subscribe":["zone:z","driver:nobody"]}`)
		ms := f.messages()
		require.Len(t, ms, 2)
		data := map[string]string{ms[0].Topic: string(ms[0].Data), ms[1].Topic: string(ms[1].Data)}
		require.Equal(t, map[string]string{"zone:z": "[]", "driver:nobody": "null"}, data)
	})
}

func TestPositionOnTheWire(t *testing.T) {
	p := Position{DriverID: `d"1`, Lat: -12.9716123, Lon: 77.5, TS: 1_700_000_000_123, SpeedMPS: 4.26, BearingDeg: 359.6, Zone: "Nägeli"}
	require.JSONEq(t, `{"driver_id":"d\"1","lat":-12.971612,"lon":77.5,"ts":1700000000123,"speed_mps":4.3,"bearing_deg":0,"zone":"Nägeli"}`, string(p.appendJSON(nil)))
	p.SpeedMPS, p.BearingDeg = -1, -1
	require.JSONEq(t, `{"driver_id":"d\"1","lat":-12.971612,"lon":77.5,"ts":1700000000123,"zone":"Nägeli"}`, string(p.appendJSON(nil)))
}

func TestSlowFollowerGetsFewerFramesNeverOldOnes(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		slow, quick := r.newFan(t), r.newFan(t)
		for _, f := range []*fan{slow, quick} {
			f.send(`{"subscribe":["zone:z"]}`)
			f.one(typeSubscribed)
		}
		for i := range 10 {
			r.positions.move(at("all", "z", float64(i), 0))
			r.positions.move(at(fmt.Sprintf("d%d", i), "z", float64(i), 0))
			time.Sleep(tick)
			got := lats(t, quick.one(typePositions))
			require.Equal(t, map[string]float64{"all": float64(i), fmt.Sprintf("d%d", i): float64(i)}, got)
		}
		got := lats(t, slow.one(typePositions))
		require.Len(t, got, 11, "whoever moved meanwhile, in one frame")
		require.EqualValues(t, 9, got["all"])
		require.EqualValues(t, 9, r.hub.Stats().Conflated)
	})
}

func TestFollowersShareOneEncoding(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		a, b := r.newFan(t), r.newFan(t)
		for _, f := range []*fan{a, b} {
			f.send(`{"subscribe":["zone:z"]}`)
			f.one(typeSubscribed)
		}
		r.positions.move(at("d1", "z", 1, 0))
		time.Sleep(tick)
		synctest.Wait()
		fa, fb := a.frames(), b.frames()
		require.Len(t, fa, 1)
		require.Same(t, fa[0], fb[0])
	})
}

// A phone that is slow, or whose clock is behind, sends fixes that are older
// than what the hub has seen of others.
func TestLateFixesAreSeen(t *testing.T) {
	for _, age := range []time.Duration{time.Second, 4 * time.Second, 20 * time.Second, 55 * time.Second} {
		t.Run(age.String(), func(t *testing.T) {
			bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
				f := r.newFan(t)
				f.send(`{"subscribe":["zone:z"]}`)
				f.one(typeSubscribed)
				r.positions.move(at("prompt", "z", 1, 0))
				time.Sleep(tick)
				f.one(typePositions)
				r.positions.move(at("late", "z", 2, age))
				time.Sleep(sweepEvery)
				require.Equal(t, map[string]float64{"late": 2}, lats(t, f.one(typePositions)))
			})
		})
	}
}

func TestOlderFixNeverReplacesANewerOne(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		f := r.newFan(t)
		f.send(`{"subscribe":["zone:z","driver:d1"]}`)
		require.Len(t, f.messages(), 2)
		r.positions.move(at("d1", "z", 1, 0))
		time.Sleep(tick)
		require.Len(t, f.messages(), 2)
		r.positions.move(at("d1", "z", 2, 3*time.Second)) // two servers disagree for a moment
		time.Sleep(2 * tick)
		require.Empty(t, f.messages())
	})
}

func TestDriverIsFollowedThroughZones(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		r.positions.move(at("d1", "a", 1, time.Second))
		f := r.newFan(t)
		f.send(`{"subscribe":["driver:d1"]}`)
		require.Contains(t, string(f.one(typeSubscribed).Data), `"zone":"a"`)
		r.positions.move(at("d1", "b", 2, 0))
		time.Sleep(tick)
		m := f.one(typePosition)
		require.Equal(t, "driver:d1", m.Topic)
		require.Contains(t, string(m.Data), `"zone":"b"`)
	})
}

func TestOrdersDriverIsFollowedFromAssignmentToTheDoor(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		r.positions.move(at("d1", "z", 1, 0))
		r.positions.move(at("d2", "z", 2, time.Second))
		r.step("O1", "placed", "")
		f := r.newFan(t)
		f.send(`{"subscribe":["order:O1"]}`)
		f.one(typeSubscribed)
		time.Sleep(2 * tick)
		require.Empty(t, f.messages(), "nobody brings it yet")

		driverIn := func(m message) string {
			require.Equal(t, typePosition, m.Type)
			require.Equal(t, "order:O1", m.Topic)
			var p struct {
				DriverID string `json:"driver_id"`
			}
			require.NoError(t, json.Unmarshal(m.Data, &p))
			return p.DriverID
		}
		r.step("O1", "accepted", "d1")
		ms := f.messages()
		require.Equal(t, typeStatus, ms[0].Type)
		require.Equal(t, "d1", driverIn(ms[1]), "at once, not at the next tick")

		late := r.newFan(t)
		late.send(`{"subscribe":["order:O1"]}`)
		ms = late.messages()
		require.Equal(t, typeSubscribed, ms[0].Type)
		require.Equal(t, "d1", driverIn(ms[1]), "a newcomer sees where the driver is")

		r.step("O1", "being_prepared", "d2") // given to another, whose fix is older
		ms = f.messages()
		require.Equal(t, typeStatus, ms[0].Type)
		require.Equal(t, "d2", driverIn(ms[1]))
		r.positions.move(at("d1", "z", 3, 0))
		time.Sleep(tick)
		require.Empty(t, f.messages(), "where d1 goes now is nobody's business here")

		r.step("O1", "delivered", "d2")
		f.one(typeStatus)
		r.positions.move(at("d2", "z", 4, 0))
		time.Sleep(2 * tick)
		require.Empty(t, f.messages(), "nor where d2 goes after the door")
	})
}

func TestPositionsComeBackAfterAnOutage(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		r.positions.fail(errDown)
		f := r.newFan(t)
		f.send(`{"subscribe":["zone:z"]}`)
		time.Sleep(10 * time.Second)
		require.Empty(t, f.messages(), "no acknowledgement without a state")
		r.positions.move(at("d1", "z", 1, time.Second))
		r.positions.fail(nil)
		time.Sleep(tick)
		require.Equal(t, map[string]float64{"d1": 1}, lats(t, f.one(typeSubscribed)))
	})
}

func TestOnlyWhatIsFollowedIsAskedFor(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		f := r.newFan(t)
		f.send(`{"subscribe":["zone:a"]}`)
		time.Sleep(10 * tick)
		f.send(`{"unsubscribe":["zone:a"]}`)
		synctest.Wait()
		asked := r.positions.asked["a"]
		require.GreaterOrEqual(t, asked, 10)
		time.Sleep(10 * tick)
		synctest.Wait()
		require.Equal(t, map[string]int{"a": asked}, r.positions.asked)
	})
}

func TestStaleDriversAreForgotten(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		r.positions.move(at("d1", "z", 1, 0))
		f := r.newFan(t)
		f.send(`{"subscribe":["zone:z","driver:d1"]}`)
		require.Len(t, f.messages(), 2)
		time.Sleep(70 * time.Second)
		f.messages()
		late := r.newFan(t)
		late.send(`{"subscribe":["zone:z","driver:d1"]}`)
		var data []string
		for _, m := range late.messages() {
			data = append(data, string(m.Data))
		}
		slices.Sort(data)
		require.Equal(t, []string{"[]", "null"}, data)
	})
}

// A crowded zone comes in pages.
func TestMoreDriversThanAPage(t *testing.T) {
	bubble(t, Options{Tick: tick}, func(t *testing.T, r *rig) {
		n := 2*pageSize + 10
		for i := range n {
			r.positions.move(at(fmt.Sprintf("d%d", i), "z", 1, time.Duration(n-i)*time.Millisecond))
		}
		f := r.newFan(t)
		f.send(`{"subscribe":["zone:z"]}`)
		require.Len(t, lats(t, f.one(typeSubscribed)), n)
	})
}

func TestStockIsMerged(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		publish := func(payload string) {
			_, _ = r.pubsub.Publish(t.Context(), "stock_updates:{S1}", payload)
			synctest.Wait()
		}
		f := r.newFan(t)
		f.send(`{"subscribe":["store:S1"]}`)
		require.JSONEq(t, `{}`, string(f.one(typeSubscribed).Data))
		publish(`{"store_id":"S1","seq":7,"ts":1,"stock":{"product:1":5,"product:2":0}}`)
		publish(`{"store_id":"S1","seq":9,"ts":2,"stock":{"product:1":4}}`)
		publish(`not json`)
		publish(`{"store_id":"S1"}`)
		require.JSONEq(t, `{"product:1":4,"product:2":0}`, string(f.one(typeStock).Data))
		publish(`{"stock":{"product:1":3}}`)
		require.JSONEq(t, `{"product:1":3}`, string(f.one(typeStock).Data), "only what changed")

		r.pubsub.lose()
		gone := f.one(typeHistoryGone)
		require.Equal(t, "store:S1", gone.Topic)
		require.JSONEq(t, `null`, string(gone.Data), "the follower reads the stock again")
	})
}

// Followers of a fence get each event from when they follow it, and are told when some
// may have been missed.
func TestFenceEvents(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, r *rig) {
		publish := func(fence, payload string) {
			_, _ = r.pubsub.Publish(t.Context(), "fence_events:{"+fence+"}", payload)
			synctest.Wait()
		}
		event := func(fence string, seq int) string {
			return fmt.Sprintf(`{"fence_id":%q,"seq":%d,"kind":"enter","driver_id":"d1","ts":1,"lat":12.97,"lon":77.59}`, fence, seq)
		}
		f, other := r.newFan(t), r.newFan(t)
		f.send(`{"subscribe":["fence:gate","fence:store:S1"]}`)
		for _, m := range f.messages() {
			require.Equal(t, typeSubscribed, m.Type)
			require.JSONEq(t, `null`, string(m.Data))
			require.Empty(t, m.ID)
		}
		publish("gate", event("gate", 7))
		other.send(`{"subscribe":["fence:gate"]}`)
		other.one(typeSubscribed)
		publish("gate", event("gate", 8))
		publish("gate", `not json`)
		publish("gate", `{"kind":"enter"}`)
		publish("elsewhere", event("elsewhere", 1))
		got := f.messages()
		require.Len(t, got, 2, "each counts")
		for i, m := range got {
			require.Equal(t, message{"fence:gate", strconv.Itoa(7 + i), typeFence, json.RawMessage(event("gate", 7+i))}, m)
		}
		require.Equal(t, "8", other.one(typeFence).ID, "from when it is followed")
		publish("store:S1", event("store:S1", 1))
		require.Equal(t, "fence:store:S1", f.one(typeFence).Topic)

		r.pubsub.lose()
		topics := map[string]string{}
		for _, m := range f.messages() {
			require.Equal(t, typeHistoryGone, m.Type)
			topics[m.Topic] = string(m.Data)
		}
		require.Equal(t, map[string]string{"fence:gate": "null", "fence:store:S1": "null"}, topics, "the follower reads the events again")

		f.send(`{"unsubscribe":["fence:gate"]}`)
		publish("gate", event("gate", 9))
		require.Empty(t, f.messages())
		require.Equal(t, []string{"fence_events:{gate}", "fence_events:{store:S1}"}, r.pubsub.subscribed(), "the other follows it still")
	})
}
