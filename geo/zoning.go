package geo

import "slices"

// zoning is the zones of a fleet from one change to the next.
type zoning struct {
	zones *Zones
	areas []*zoneKeys // by index in zones

	// before are the zones that were in force, the newest first: drivers are in them
	// until their next fix.
	before []formerZones
	fresh  int64 // ms; a driver without a fix for so long is in no zone
}

// formerZones were in force until then, ms.
type formerZones struct {
	*Zones
	then int64
}

// maxFormer bounds how many changes within the time that a driver is fresh are
// remembered.
const maxFormer = 8

func newZoning(z *Zones) *zoning {
	out := &zoning{zones: z}
	for _, zone := range z.zones {
		out.areas = append(out.areas, newZoneKeys(zone.ID))
	}
	return out
}

// SetZones puts other zones in force. Drivers move to theirs with their next fix, and
// are found where they are until then. Servers that share an engine should all have the
// same zones: until they do, a driver moves to and fro between what they say, and may
// be left out of answers about places around him; nothing of his history is lost.
func (f *Fleet) SetZones(z *Zones) {
	next, now := newZoning(z), f.nowMS()
	next.fresh = f.staleAfter.Milliseconds()
	for {
		old := f.zoning.Load()
		next.before = []formerZones{{old.zones, now}}
		for _, b := range old.recent(now) {
			if b.Zones != old.zones && len(next.before) < maxFormer {
				next.before = append(next.before, b)
			}
		}
		if f.zoning.CompareAndSwap(old, next) {
			return
		}
	}
}

// recent returns the former zones that drivers may still be in.
func (z *zoning) recent(now int64) []formerZones {
	n := 0
	for n < len(z.before) && now-z.before[n].then <= z.fresh {
		n++
	}
	return z.before[:n]
}

// Zones returns the zones in force.
func (f *Fleet) Zones() *Zones { return f.zoning.Load().zones }

// covering is Zones.Covering, with the zones in which drivers may still be.
func (z *zoning) covering(lat, lon, radiusM float64, now int64) []string {
	out := z.zones.Covering(lat, lon, radiusM)
	former := z.recent(now)
	if len(former) == 0 {
		return out
	}
	for _, b := range former {
		out = append(out, b.Covering(lat, lon, radiusM)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// boxOf returns a box around all drivers of a zone, if it is known: just after a change
// a name may have been that of another area.
func (z *zoning) boxOf(zone string, now int64) (box, bool) {
	if cell, ok := cellOf(zone); ok {
		return cellBox(cell), true
	}
	i, ok := z.zones.byID[zone]
	if !ok || len(z.recent(now)) > 0 {
		return box{}, false
	}
	return z.zones.boxes[i], true
}

// keysAt returns the keys of the zone around a place.
func (f *Fleet) keysAt(z *zoning, lat, lon float64) *zoneKeys {
	if i := z.zones.grid.index(lat, lon); i >= 0 {
		return z.areas[i]
	}
	cell := cellAt(lat, lon)
	if k, ok := f.cells.GetIfPresent(cell); ok {
		return k
	}
	k := newZoneKeys(cellZone(cell))
	f.cells.Set(cell, k)
	return k
}
