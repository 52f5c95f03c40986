package inventory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hyperlocal/persist"
)

// model is what a store's stock should be: a plain book of units and
// reservations.
type model struct {
	available    map[string]int64
	reservations map[string]*modelReservation
}

type modelReservation struct {
	lines   map[string]int64
	expires time.Time
	state   State
}

func sum(lines []persist.Line) map[string]int64 {
	total := map[string]int64{}
	for _, l := range lines {
		total[l.ProductID] += l.Units
	}
	return total
}

// take removes units if all are there.
func (m *model) take(units map[string]int64) bool {
	for p, n := range units {
		if m.available[p] < n {
			return false
		}
	}
	for p, n := range units {
		m.available[p] -= n
	}
	return true
}

func (m *model) reserved(product string) (n int64) {
	for _, r := range m.reservations {
		if r.state == Open {
			n += r.lines[product]
		}
	}
	return n
}

// settle is what commit, release and the sweeper do to a reservation.
func (m *model) settle(r *modelReservation, to State, now time.Time) {
	if r.state != Open {
		return
	}
	if !now.Before(r.expires) {
		to = Expired
	}
	r.state = to
	if to != Committed {
		for p, n := range r.lines {
			m.available[p] += n
		}
	}
}

// Random movements, reservations, commits, releases, expiries, drains and
// failures of the database: after every step stock is what the book says, no
// product is below zero, and stock is the sum of its movements.
func TestModel(t *testing.T) {
	products := []string{"product:1", "product:2", "product:3"}
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		ctx := t.Context()
		m := model{available: map[string]int64{}, reservations: map[string]*modelReservation{}}
		var ids []string // in order of making

		lines := func(least, most int64) []persist.Line {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) persist.Line {
				return persist.Line{
					ProductID: rapid.SampledFrom(products).Draw(t, "product"),
					Units:     rapid.Int64Range(least, most).Draw(t, "units"),
				}
			}), 1, 4).Draw(rt, "lines")
		}
		settle := func(fn func(context.Context, string) (Reservation, error), to State) func(*rapid.T) {
			return func(rt *rapid.T) {
				if len(ids) == 0 {
					rt.Skip("no reservation")
				}
				id := rapid.SampledFrom(ids).Draw(rt, "reservation")
				want := m.reservations[id]
				m.settle(want, to, r.clock.now())
				got, err := fn(ctx, id)
				require.Equal(rt, want.state, got.State)
				refused := want.state != to && (to == Committed || want.state == Committed)
				require.Equal(rt, refused, errors.Is(err, ErrReservationClosed), "%v", err)
				if !refused {
					require.NoError(rt, err)
				}
			}
		}

		rt.Repeat(map[string]func(*rapid.T){
			"receive": func(rt *rapid.T) {
				ls := lines(1, 9)
				_, err := r.Move(ctx, "S1", MoveRequest{Kind: Receive, Lines: ls})
				require.NoError(rt, err)
				for p, n := range sum(ls) {
					m.available[p] += n
				}
			},
			"waste": func(rt *rapid.T) {
				ls := lines(1, 9)
				_, err := r.Move(ctx, "S1", MoveRequest{Kind: Waste, Lines: ls})
				require.Equal(rt, m.take(sum(ls)), err == nil, "%v", err)
			},
			"count": func(rt *rapid.T) {
				ls := lines(0, 9)
				stock, err := r.Move(ctx, "S1", MoveRequest{Kind: Count, Lines: ls})
				require.NoError(rt, err)
				require.Equal(rt, sum(ls), stock)
				maps.Copy(m.available, sum(ls))
			},
			"reserve": func(rt *rapid.T) {
				ls := lines(1, 6)
				ttl := time.Duration(rapid.IntRange(1, 20).Draw(rt, "ttl")) * time.Second
				want := sum(ls)
				short := map[string]bool{}
				for p, n := range want {
					short[p] = m.available[p] < n
				}
				res, err := r.Reserve(ctx, "S1", ReserveRequest{OrderID: "o", Lines: ls, TTL: ttl})
				if !m.take(want) {
					var e *ShortageError
					require.ErrorAs(rt, err, &e)
					for _, s := range e.Shortages {
						require.True(rt, short[s.ProductID])
						require.Equal(rt, Shortage{s.ProductID, want[s.ProductID], m.available[s.ProductID]}, s)
						delete(short, s.ProductID)
					}
					require.NotContains(rt, slices.Collect(maps.Values(short)), true, "a shortage was not listed")
					return
				}
				require.NoError(rt, err)
				ids = append(ids, res.ID)
				m.reservations[res.ID] = &modelReservation{lines: want, expires: r.clock.now().Add(ttl), state: Open}
			},
			"commit":  settle(r.Commit, Committed),
			"release": settle(r.Release, Released),
			"expire": func(rt *rapid.T) {
				due := 0
				for _, res := range m.reservations {
					if res.state == Open && !r.clock.now().Before(res.expires) {
						m.settle(res, Expired, r.clock.now())
						due++
					}
				}
				n, err := r.ExpireDue(ctx)
				require.NoError(rt, err)
				require.Equal(rt, due, n)
			},
			"wait": func(rt *rapid.T) {
				r.clock.advance(time.Duration(rapid.IntRange(1, 10).Draw(rt, "seconds")) * time.Second)
			},
			"drain": func(rt *rapid.T) {
				_, err := r.Drain(ctx)
				require.NoError(rt, err)
			},
			"drain without a database": func(rt *rapid.T) {
				r.db.fail(true)
				_, err := r.Drain(ctx)
				r.db.fail(false)
				if err != nil {
					require.ErrorIs(rt, err, errDatabase)
				}
			},
			"": func(rt *rapid.T) {
				stock, err := r.Stock(ctx, "S1", products)
				require.NoError(rt, err)
				for _, p := range products {
					require.Equal(rt, m.available[p], stock[p], "available units of %s", p)
					require.GreaterOrEqual(rt, stock[p], int64(0))
					units, err := r.engine.HGet(ctx, keyReserved("S1"), p)
					require.NoError(rt, err)
					require.Equal(rt, m.reserved(p), whole(units.Str), "reserved units of %s", p)
				}
				found, err := r.Check(ctx, "S1")
				require.NoError(rt, err)
				require.Zero(rt, found, fmt.Sprint(ids))
			},
		})
	})
}
