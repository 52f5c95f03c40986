package inventory

import (
	"cmp"
	"maps"
	"slices"

	"hyperlocal/persist"
)

// balance is what a store's movements, added in order, come to.
type balance struct {
	last   int64 // number of the last movement
	levels map[string]Levels
	open   map[string]*held // by reservation
}

// held is what the movements say of a reservation while it has units.
type held struct {
	order string
	since int64 // ms
	last  int64 // number of its last movement
	units map[string]int64
}

func newBalance() *balance {
	return &balance{levels: map[string]Levels{}, open: map[string]*held{}}
}

func (b *balance) add(m persist.Movement) {
	b.last = m.Seq
	l := b.levels[m.ProductID]
	b.levels[m.ProductID] = Levels{l.Available + m.Available, l.Reserved + m.Reserved}
	if m.Reserved == 0 {
		return
	}
	id, order := reservationOf(m)
	h := b.open[id]
	if h == nil {
		h = &held{order: order, since: m.TS, units: map[string]int64{}}
		b.open[id] = h
	}
	h.last = m.Seq
	if h.units[m.ProductID] += m.Reserved; h.units[m.ProductID] == 0 {
		delete(h.units, m.ProductID)
	}
	if len(h.units) == 0 {
		delete(b.open, id)
	}
}

// sound tells whether it has taken what it gave back.
func (h *held) sound() bool {
	for _, units := range h.units {
		if units < 0 {
			return false
		}
	}
	return true
}

// has tells whether these are its lines, in whichever order.
func (h *held) has(lines []persist.Line) bool {
	units := make(map[string]int64, len(lines))
	for _, l := range lines {
		units[l.ProductID] += l.Units
	}
	return maps.Equal(units, h.units)
}

// lines returns its lines in order of product.
func (h *held) lines() []persist.Line {
	lines := make([]persist.Line, 0, len(h.units))
	for product, units := range h.units {
		lines = append(lines, persist.Line{ProductID: product, Units: units})
	}
	slices.SortFunc(lines, func(a, b persist.Line) int { return cmp.Compare(a.ProductID, b.ProductID) })
	return lines
}
