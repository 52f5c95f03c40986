package inventory

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"hyperlocal/cache"
	"hyperlocal/cache/enginetest"
	"hyperlocal/persist"
)

// Lua and Go must do the same to one store, whichever scripts come in whichever
// order. Few products, reservations and keys, and a clock that runs, so that
// calls meet each other's traces: shortages, repeated keys, conflicts, closed
// and expired reservations, a full backlog.
func TestTwins(t *testing.T) {
	enginetest.CompareCalls(t, drawCall, enginetest.Memory(t), enginetest.Redis(t))
}

func drawCall(t *rapid.T, tag string, step int) cache.Call {
	now := 1_764_000_000_000 + int64(step)*100
	backlog := rapid.SampledFrom([]int64{1_000, 1_000, 1_000, 12}).Draw(t, "backlog")
	key := rapid.SampledFrom([]string{"", "", "k1", "k2"}).Draw(t, "key")
	reservation := fmt.Sprintf("%s.r%d", tag, rapid.IntRange(1, 4).Draw(t, "reservation"))
	what := rapid.SampledFrom([]string{"move", "move", "reserve", "reserve", "settle", "settle", "rebuild"}).Draw(t, "what")
	if step == 0 {
		what = rapid.SampledFrom([]string{"move", "rebuild"}).Draw(t, "first")
	}
	switch what {
	case "move":
		req := MoveRequest{
			Kind:           rapid.SampledFrom([]MoveKind{Receive, Return, Waste, Adjust, Count}).Draw(t, "kind"),
			Reference:      rapid.SampledFrom([]string{"", "note 7", "ü\n\"}"}).Draw(t, "reference"),
			IdempotencyKey: key,
		}
		lines := drawLines(t, 0, 9)
		if req.Kind == Adjust {
			lines[0].Units -= 5
		}
		keys, args, err := moveCall(tag, req, lines, now, backlog)
		fatal(t, err)
		return cache.Call{Script: moveScript, Keys: keys, Args: args}
	case "reserve":
		req := ReserveRequest{OrderID: "o", IdempotencyKey: key}
		keys, args, err := reserveCall(Reservation{
			ID: reservation, StoreID: tag, OrderID: req.OrderID, Lines: drawLines(t, 1, 5),
			ExpiresTS: now + rapid.Int64Range(0, 800).Draw(t, "ttl"),
		}, req, now, backlog)
		fatal(t, err)
		return cache.Call{Script: reserveScript, Keys: keys, Args: args}
	case "settle":
		to := rapid.SampledFrom([]State{Committed, Released, Expired}).Draw(t, "to")
		return settleCall(tag, reservation, to, now)
	default:
		b := newBalance()
		for i, l := range drawLines(t, 1, 9) {
			b.add(persist.Movement{Seq: int64(2*i + 1), ProductID: l.ProductID, Available: l.Units})
			b.add(persist.Movement{Seq: int64(2*i + 2), ProductID: l.ProductID, Reserved: l.Units % 3, Reference: reservation})
		}
		var rows []persist.Reservation
		var gone []string
		for i := range 4 {
			row := persist.Reservation{ID: fmt.Sprintf("%s.r%d", tag, i+1), State: string(Open), OrderID: "o", CreatedTS: now,
				ExpiresTS: now + 500, Lines: drawLines(t, 1, 3)}
			switch rapid.SampledFrom([]string{"open", "closed", "gone", "left"}).Draw(t, "row") {
			case "closed":
				row.State, row.ClosedTS = string(Released), now
				rows = append(rows, row)
			case "open":
				rows = append(rows, row)
			case "gone":
				gone = append(gone, row.ID)
			}
		}
		return rebuildCall(tag, b, rows, gone, rapid.SampledFrom([]string{"", "2", "4", "6"}).Draw(t, "seen"), now)
	}
}

func drawLines(t *rapid.T, least, most int64) []persist.Line {
	products := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "product:101"}), 1, 3, rapid.ID).Draw(t, "products")
	lines := make([]persist.Line, len(products))
	for i, p := range products {
		lines[i] = persist.Line{ProductID: p, Units: rapid.Int64Range(least, most).Draw(t, "units")}
	}
	return lines
}

func fatal(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}
