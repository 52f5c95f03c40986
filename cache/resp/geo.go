package resp

import (
	"math"

	"hyperlocal/cache"
	"hyperlocal/cache/geoscore"
)

func geoCommands() []command {
	const group = "geo"
	return []command{
		{name: "geoadd", arity: -5, flags: write, keys: oneKey, group: group, summary: "Add places: longitude, latitude, member; NX, XX, CH.", run: geoAdd},
		{name: "geopos", arity: -2, flags: readOnly, keys: oneKey, group: group, summary: "Answer where members are.", run: geoPos},
		{name: "geodist", arity: -4, flags: readOnly, keys: oneKey, group: group, summary: "Answer how far two members are from each other; M, KM, FT, MI.", run: geoDist},
		{name: "geohash", arity: -2, flags: readOnly, keys: oneKey, group: group, summary: "Answer members' geohashes.", run: geoHash},
		{name: "geosearch", arity: -7, flags: readOnly, keys: oneKey, group: group, summary: "Find members within a circle or a box.", run: geoSearch},
	}
}

func geoAdd(c *client, args []string) error {
	var opt cache.ZAddOptions
	rest := args[1:]
options:
	for ; len(rest) > 0; rest = rest[1:] {
		switch {
		case is(rest[0], "nx"):
			opt.NX = true
		case is(rest[0], "xx"):
			opt.XX = true
		case is(rest[0], "ch"):
			opt.CH = true
		default:
			break options
		}
	}
	if len(rest)%3 != 0 || opt.NX && opt.XX {
		return errSyntax
	}
	members := make([]cache.Member, 0, len(rest)/3)
	for ; len(rest) > 0; rest = rest[3:] {
		lon, lat, err := place(rest[0], rest[1])
		if err != nil {
			return err
		}
		score, err := geoscore.Of(lat, lon)
		if err != nil {
			return errNoPlace(lon, lat)
		}
		members = append(members, cache.Member{Name: rest[2], Score: score})
	}
	return c.count(c.srv.engine.ZAddIf(c.life, args[0], opt, members...))
}

func errNoPlace(lon, lat float64) refusal {
	return refusef("ERR invalid longitude,latitude pair %f,%f", lon, lat)
}

// place reads a longitude and a latitude that are on the map.
func place(first, second string) (lon, lat float64, err error) {
	lon, okLon := parseFloat(first)
	lat, okLat := parseFloat(second)
	if !okLon || !okLat {
		return 0, 0, errNotFloat
	}
	if geoscore.Check(lat, lon) != nil {
		return 0, 0, errNoPlace(lon, lat)
	}
	return lon, lat, nil
}

func geoPos(c *client, args []string) error {
	places, err := c.srv.engine.GeoPos(c.life, args[0], args[1:]...)
	if err != nil {
		return err
	}
	c.w.array(len(places))
	for _, p := range places {
		if !p.OK {
			c.w.nullArray()
			continue
		}
		c.w.array(2)
		c.w.degrees(p.Lon)
		c.w.degrees(p.Lat)
	}
	return nil
}

func geoHash(c *client, args []string) error {
	hashes, err := c.srv.engine.GeoHash(c.life, args[0], args[1:]...)
	if err != nil {
		return err
	}
	c.w.optionals(hashes)
	return nil
}

const errUnit = refusal("ERR unsupported unit provided. please use M, KM, FT, MI")

// metresIn returns the length of a unit.
func metresIn(unit string) (float64, error) {
	switch {
	case is(unit, "m"):
		return 1, nil
	case is(unit, "km"):
		return 1000, nil
	case is(unit, "ft"):
		return 0.3048, nil
	case is(unit, "mi"):
		return 1609.34, nil
	}
	return 0, errUnit
}

func geoDist(c *client, args []string) error {
	unit := 1.0
	switch {
	case len(args) == 4:
		var err error
		if unit, err = metresIn(args[3]); err != nil {
			return err
		}
	case len(args) > 4:
		return errSyntax
	}
	metres, ok, err := c.srv.engine.GeoDist(c.life, args[0], args[1], args[2])
	switch {
	case err != nil:
		return err
	case ok:
		c.w.distance(metres / unit)
	default:
		c.w.null()
	}
	return nil
}

// searchArgs are what GEOSEARCH understands after the key.
type searchArgs struct {
	query                 cache.GeoQuery
	lonLat, member        bool
	radius, box           bool
	unit                  float64
	sorted                bool
	coord, distance, hash bool
}

func geoSearch(c *client, args []string) error {
	key := args[0]
	o, err := parseSearch(c.called, args[1:])
	if err != nil {
		return c.searchRefused(key, o, err)
	}
	if o.member && o.query.Member == "" { // which to the contract is none
		if err := c.fromNameless(key, &o.query); err != nil {
			return err
		}
	}
	hits, err := c.srv.engine.GeoSearch(c.life, key, o.query)
	if err != nil {
		return err
	}
	c.w.array(len(hits))
	for _, h := range hits {
		o.hit(&c.w, h)
	}
	return nil
}

// fromNameless puts the centre where the member without a name is.
func (c *client) fromNameless(key string, q *cache.GeoQuery) error {
	places, err := c.srv.engine.GeoPos(c.life, key, "")
	if err == nil && !places[0].OK {
		var n int64
		if n, err = c.srv.engine.Exists(c.life, key); err == nil && n == 1 {
			err = errNoMember
		}
	}
	if err != nil {
		return err
	}
	q.Lat, q.Lon = places[0].Lat, places[0].Lon
	return nil
}

// searchRefused keeps Redis's order: first the key's type, then the member that
// was named before the mistake.
func (c *client) searchRefused(key string, o searchArgs, err error) error {
	if err := c.orWrongType(c.life, key, "zset", nil); err != nil {
		return err
	}
	if o.member {
		n, failed := c.srv.engine.Exists(c.life, key)
		if failed == nil && n == 1 {
			_, ok, failed := c.srv.engine.ZScore(c.life, key, o.query.Member)
			if failed == nil && !ok {
				return errNoMember
			}
		}
	}
	return err
}

// parseSearch reads the options one by one; what it returns with an error is
// what came before the mistake. called is the command as it was typed.
func parseSearch(called string, args []string) (o searchArgs, err error) {
	for len(args) > 0 {
		n := 0 // arguments that the option takes, with its name
		switch {
		case is(args[0], "asc"):
			n, o.sorted, o.query.Farthest = 1, true, false
		case is(args[0], "desc"):
			n, o.sorted, o.query.Farthest = 1, true, true
		case is(args[0], "withdist"):
			n, o.distance = 1, true
		case is(args[0], "withcoord"):
			n, o.coord = 1, true
		case is(args[0], "withhash"):
			n, o.hash = 1, true
		case is(args[0], "any"):
			n, o.query.Any = 1, true
		default:
			n, err = o.valued(args)
		}
		if err != nil {
			return o, err
		}
		args = args[n:]
	}
	return o, o.complete(called)
}

// valued reads an option that has values.
func (o *searchArgs) valued(args []string) (n int, err error) {
	switch {
	case is(args[0], "count") && len(args) > 1:
		count, err := integer(args[1])
		if err != nil {
			return 0, err
		}
		if count <= 0 {
			return 0, refusal("ERR COUNT must be > 0")
		}
		o.query.Count = int(min(count, math.MaxInt32))
		return 2, nil
	case is(args[0], "fromlonlat") && len(args) > 2 && !o.member:
		o.query.Lon, o.query.Lat, err = place(args[1], args[2])
		o.lonLat = err == nil
		return 3, err
	case is(args[0], "frommember") && len(args) > 1 && !o.lonLat:
		o.query.Member, o.member = args[1], true
		return 2, nil
	case is(args[0], "byradius") && len(args) > 2 && !o.box:
		o.radius = true
		return 3, o.circle(args[1], args[2])
	case is(args[0], "bybox") && len(args) > 3 && !o.radius:
		o.box = true
		return 4, o.rectangle(args[1], args[2], args[3])
	}
	return 0, errSyntax
}

func (o *searchArgs) circle(radius, unit string) error {
	r, ok := parseFloat(radius)
	switch {
	case !ok:
		return refusal("ERR need numeric radius")
	case r < 0:
		return refusal("ERR radius cannot be negative")
	}
	var err error
	o.unit, err = metresIn(unit)
	o.query.RadiusM = r * o.unit
	return err
}

func (o *searchArgs) rectangle(width, height, unit string) error {
	w, okWidth := parseFloat(width)
	h, okHeight := parseFloat(height)
	switch {
	case !okWidth:
		return refusal("ERR need numeric width")
	case !okHeight:
		return refusal("ERR need numeric height")
	case w < 0 || h < 0:
		return refusal("ERR height or width cannot be negative")
	}
	var err error
	o.unit, err = metresIn(unit)
	o.query.WidthM, o.query.HeightM = w*o.unit, h*o.unit
	return err
}

// complete checks what only the whole can tell.
func (o *searchArgs) complete(called string) error {
	switch {
	case !o.lonLat && !o.member:
		return refusef("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", called)
	case !o.radius && !o.box:
		return refusef("ERR exactly one of BYRADIUS and BYBOX can be specified for %s", called)
	case o.query.Any && o.query.Count == 0:
		return refusal("ERR the ANY argument requires COUNT argument")
	}
	return nil
}

// hit writes one member found: its name, or a list that begins with it.
func (o *searchArgs) hit(w *writer, h cache.GeoHit) {
	extras := 0
	for _, with := range []bool{o.distance, o.hash, o.coord} {
		if with {
			extras++
		}
	}
	if extras > 0 {
		w.array(1 + extras)
	}
	w.bulk(h.Name)
	if o.distance {
		w.distance(h.DistanceM / o.unit)
	}
	if o.hash {
		score, _ := geoscore.Of(h.Lat, h.Lon) // the middle of a cell is on the map
		w.integer(int64(score))
	}
	if o.coord {
		w.array(2)
		w.degrees(h.Lon)
		w.degrees(h.Lat)
	}
}
