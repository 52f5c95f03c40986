package inventory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

func TestMoveKinds(t *testing.T) {
	for _, c := range []struct {
		kind  MoveKind
		units int64
		want  int64 // of 10
	}{
		{Receive, 5, 15},
		{Return, 5, 15},
		{Waste, 5, 5},
		{Waste, 10, 0},
		{Adjust, 5, 15},
		{Adjust, -10, 0},
		{Count, 4, 4},
		{Count, 12, 12},
		{Count, 0, 0},
	} {
		t.Run(fmt.Sprintf("%s %d", c.kind, c.units), func(t *testing.T) {
			r := newRig(t)
			r.receive(t, line("1", 10))
			stock, err := r.Move(t.Context(), "S1", MoveRequest{Kind: c.kind, Lines: []persist.Line{line("1", c.units)}, Reference: "note 7"})
			require.NoError(t, err)
			require.Equal(t, map[string]int64{"product:1": c.want}, stock)
			r.requireStock(t, "product:1", c.want, 0)
			r.requireSound(t)

			ms := r.waiting(t)
			require.Equal(t, persist.Movement{
				StoreID: "S1", Seq: 2, TS: r.clock.now().UnixMilli(), Kind: string(c.kind),
				ProductID: "product:1", Available: c.want - 10, Reference: "note 7",
			}, ms[1])
		})
	}
}

func TestMoveSumsLinesOfOneProduct(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 3), line("2", 1), line("1", 4))
	r.requireStock(t, "product:1", 7, 0)
	// Each line alone would fit, both do not.
	_, err := r.Move(t.Context(), "S1", MoveRequest{Kind: Waste, Lines: []persist.Line{line("1", 4), line("1", 4)}})
	require.ErrorIs(t, err, ErrInsufficient)
	stock, err := r.Move(t.Context(), "S1", MoveRequest{Kind: Count, Lines: []persist.Line{line("1", 2), line("1", 3)}})
	require.NoError(t, err)
	require.Equal(t, int64(5), stock["product:1"])
}

func TestMoveAllOrNothing(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 3), line("2", 1))
	_, err := r.Move(t.Context(), "S1", MoveRequest{Kind: Waste, Lines: []persist.Line{line("1", 1), line("2", 2), line("3", 4)}})
	var short *ShortageError
	require.ErrorAs(t, err, &short)
	require.ErrorIs(t, err, ErrInsufficient)
	require.Equal(t, []Shortage{{"product:2", 2, 1}, {"product:3", 4, 0}}, short.Shortages)
	r.requireStock(t, "product:1", 3, 0)
	r.requireSound(t)
}

func TestMoveNumbersMovementsWithoutGaps(t *testing.T) {
	r := newRig(t)
	r.receive(t, line("1", 3), line("2", 1))
	_, err := r.Move(t.Context(), "S1", MoveRequest{Kind: Waste, Lines: []persist.Line{line("9", 1)}})
	require.ErrorIs(t, err, ErrInsufficient) // takes no number
	_, err = r.Move(t.Context(), "S1", MoveRequest{Kind: Count, Lines: []persist.Line{line("1", 3)}})
	require.NoError(t, err) // changes nothing, takes no number
	r.receive(t, line("3", 1))
	ms := r.waiting(t)
	require.Len(t, ms, 3)
	for i, m := range ms {
		require.Equal(t, int64(i+1), m.Seq)
	}
}

func TestMoveIsIdempotent(t *testing.T) {
	r := newRig(t)
	req := MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", 3), line("2", 1)}, IdempotencyKey: "a key"}
	first, err := r.Move(t.Context(), "S1", req)
	require.NoError(t, err)
	r.receive(t, line("1", 100))
	again, err := r.other(t).Move(t.Context(), "S1", req)
	require.NoError(t, err)
	require.Equal(t, first, again, "answered like the first time")
	r.requireStock(t, "product:1", 103, 0)

	ttl, err := r.engine.TTL(t.Context(), keyIdempotency("S1", "a key"))
	require.NoError(t, err)
	require.InDelta(t, 24*time.Hour, ttl, float64(time.Minute))

	for name, other := range map[string]MoveRequest{
		"units":     {Kind: Receive, Lines: []persist.Line{line("1", 4), line("2", 1)}, IdempotencyKey: "a key"},
		"kind":      {Kind: Return, Lines: req.Lines, IdempotencyKey: "a key"},
		"reference": {Kind: Receive, Lines: req.Lines, Reference: "x", IdempotencyKey: "a key"},
	} {
		_, err := r.Move(t.Context(), "S1", other)
		require.ErrorIs(t, err, ErrConflict, name)
	}
	_, err = r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o", Lines: req.Lines, IdempotencyKey: "a key"})
	require.ErrorIs(t, err, ErrConflict, "a reservation under a movement's key")
	r.requireStock(t, "product:1", 103, 0)
}

func TestMoveThatFailedMayBeRepeated(t *testing.T) {
	r := newRig(t)
	req := MoveRequest{Kind: Waste, Lines: []persist.Line{line("1", 3)}, IdempotencyKey: "k"}
	_, err := r.Move(t.Context(), "S1", req)
	require.ErrorIs(t, err, ErrInsufficient)
	r.receive(t, line("1", 3))
	_, err = r.Move(t.Context(), "S1", req)
	require.NoError(t, err)
	r.requireStock(t, "product:1", 0, 0)
}

func TestMoveRefuses(t *testing.T) {
	r := newRig(t)
	ok := []persist.Line{line("1", 1)}
	many := make([]persist.Line, MaxMovementLines+1)
	for i := range many {
		many[i] = line("1", 1)
	}
	for _, c := range []struct {
		name  string
		req   MoveRequest
		kind  error
		field string
	}{
		{"no kind", MoveRequest{Lines: ok}, ErrInvalid, "kind"},
		{"the kind of a reservation", MoveRequest{Kind: "reserve", Lines: ok}, ErrInvalid, "kind"},
		{"no lines", MoveRequest{Kind: Receive}, ErrInvalid, "lines"},
		{"too many lines", MoveRequest{Kind: Receive, Lines: many}, ErrInvalid, "lines"},
		{"zero units", MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", 1), line("2", 0)}}, ErrInvalid, "lines[1].units"},
		{"negative units", MoveRequest{Kind: Waste, Lines: []persist.Line{line("1", -1)}}, ErrInvalid, "lines[0].units"},
		{"negative count", MoveRequest{Kind: Count, Lines: []persist.Line{line("1", -1)}}, ErrInvalid, "lines[0].units"},
		{"too many units", MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", MaxUnits+1)}}, ErrInvalid, "lines[0].units"},
		{"adjustment by nothing", MoveRequest{Kind: Adjust, Lines: []persist.Line{line("1", 0)}}, ErrInvalid, "lines[0].units"},
		{"too low an adjustment", MoveRequest{Kind: Adjust, Lines: []persist.Line{line("1", -MaxUnits-1)}}, ErrInvalid, "lines[0].units"},
		{"broken product", MoveRequest{Kind: Receive, Lines: []persist.Line{{ProductID: `a"b`, Units: 1}}}, ErrInvalid, "lines[0].product_id"},
		{"unknown product", MoveRequest{Kind: Receive, Lines: []persist.Line{line("1", 1), line("77", 1)}}, ErrUnknownProduct, "lines[1].product_id"},
		{"long reference", MoveRequest{Kind: Receive, Lines: ok, Reference: strings.Repeat("ü", 201)}, ErrInvalid, "reference"},
		{"broken reference", MoveRequest{Kind: Receive, Lines: ok, Reference: "\xff"}, ErrInvalid, "reference"},
		{"long key", MoveRequest{Kind: Receive, Lines: ok, IdempotencyKey: strings.Repeat("k", 129)}, ErrInvalid, "Idempotency-Key"},
		{"odd key", MoveRequest{Kind: Receive, Lines: ok, IdempotencyKey: "a\nb"}, ErrInvalid, "Idempotency-Key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.Move(t.Context(), "S1", c.req)
			requireField(t, err, c.kind, c.field)
		})
	}
	_, err := r.Move(t.Context(), "S2", MoveRequest{Kind: Receive, Lines: ok})
	require.ErrorIs(t, err, ErrUnknownStore)
	ms := r.waiting(t)
	require.Empty(t, ms, "nothing that was refused left a trace")
}

func TestMovePublishesStock(t *testing.T) {
	r := newRig(t)
	sub, err := r.engine.Subscribe(t.Context(), ChannelStock("S1"))
	require.NoError(t, err)
	defer sub.Close()
	r.receive(t, line("1", 3), line("2", 1))
	res, err := r.Reserve(t.Context(), "S1", ReserveRequest{OrderID: "o", Lines: []persist.Line{line("2", 1)}})
	require.NoError(t, err)
	_, err = r.Commit(t.Context(), res.ID) // the units available stay as they are
	require.NoError(t, err)
	r.receive(t, line("2", 5))

	require.JSONEq(t, `{"store_id":"S1","seq":2,"ts":1764000000000,"stock":{"product:1":3,"product:2":1}}`, (<-sub.C()).Payload)
	require.JSONEq(t, `{"store_id":"S1","seq":3,"ts":1764000000000,"stock":{"product:2":0}}`, (<-sub.C()).Payload)
	require.JSONEq(t, `{"store_id":"S1","seq":5,"ts":1764000000000,"stock":{"product:2":5}}`, (<-sub.C()).Payload)
}

func TestStockStore(t *testing.T) {
	r := newRig(t)
	opening := []persist.Line{line("1", 3), line("2", 0), line("3", 2)}
	n, err := r.StockStore(t.Context(), "S1", opening)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	_, err = r.Move(t.Context(), "S1", MoveRequest{Kind: Waste, Lines: []persist.Line{line("1", 3)}})
	require.NoError(t, err)

	n, err = r.StockStore(t.Context(), "S1", append(opening, line("4", 9)))
	require.NoError(t, err)
	require.Equal(t, 1, n, "only what the store has never had")
	r.requireStock(t, "product:1", 0, 0)
	r.requireStock(t, "product:3", 2, 0)
	r.requireStock(t, "product:4", 9, 0)
	r.requireSound(t)
}
