package fence

import "hash/maphash"

// byDriver is a map from driver to V that says of most drivers that it has nothing on
// them without a look into the map, which waits for memory: nearly all fixes are of
// such drivers. It is as safe for concurrent use as a map.
type byDriver[V any] struct {
	all  map[string]V
	seed maphash.Seed
	// counts tell how many drivers have a hash; one that has reached mostCounted
	// stays there.
	counts [1 << sieveBits]uint8
}

const (
	sieveBits   = 18 // with 15,000 drivers one in 18 of the others is looked for
	mostCounted = 255
)

func newByDriver[V any]() *byDriver[V] {
	return &byDriver[V]{all: map[string]V{}, seed: maphash.MakeSeed()}
}

func (d *byDriver[V]) count(driver string) *uint8 {
	return &d.counts[maphash.String(d.seed, driver)>>(64-sieveBits)]
}

// get returns what there is on a driver, or the zero V.
func (d *byDriver[V]) get(driver string) (v V) {
	if len(d.all) == 0 || *d.count(driver) == 0 {
		return v
	}
	return d.all[driver]
}

func (d *byDriver[V]) put(driver string, v V) {
	if _, there := d.all[driver]; !there {
		if n := d.count(driver); *n < mostCounted {
			*n++
		}
	}
	d.all[driver] = v
}

func (d *byDriver[V]) remove(driver string) {
	if _, there := d.all[driver]; !there {
		return
	}
	delete(d.all, driver)
	if n := d.count(driver); *n < mostCounted {
		*n--
	}
}
