package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"time"

	"hyperlocal/internal/giveway"
	"hyperlocal/persist"
	"hyperlocal/persist/cassandra"
)

// feedZones are as many as the country's.
const feedZones = 100

// bucket is how long the buckets of a fleet are, and the period of its flushes.
const bucket = 30 * time.Second

// feed writes what a fleet's flush does to a Cassandra cluster, zone by zone, until ctx
// ends: the same rows at the same rate, from a process that nobody sends pings to.
func feed(ctx context.Context, store string, drivers int) (err error) {
	s, err := cassandra.Open(ctx, store, cassandra.Options{Lane: giveway.NewLane()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	tick := time.NewTicker(bucket / feedZones)
	defer tick.Stop()
	random := rand.New(rand.NewPCG(1, 2))
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		rows := feedRows(random, turn%feedZones, drivers/feedZones)
		if err := s.WriteTracks(ctx, rows); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// feedRows are a zone's rows of a bucket, as long as those of seven fixes are.
func feedRows(random *rand.Rand, zone, drivers int) []persist.TrackRow {
	text := func(length int) string {
		b := make([]byte, length)
		for i := range b {
			b[i] = '?' + byte(random.IntN(64)) // as a polyline's
		}
		return string(b)
	}
	rows := make([]persist.TrackRow, drivers)
	now := time.Now().UnixMilli()
	for i := range rows {
		rows[i] = persist.TrackRow{
			DriverID: fmt.Sprintf("d-%07d", zone*drivers+i), Zone: fmt.Sprintf("feed_%02d", zone),
			BucketStart: now - now%bucket.Milliseconds(), FirstTS: now, LastTS: now,
			FirstLat: 12 + random.Float64(), FirstLon: 77 + random.Float64(), LastLat: 12 + random.Float64(), LastLon: 77 + random.Float64(),
			Fixes: 7, DistanceM: 200 * random.Float64(), TopSpeedMPS: 10 * random.Float64(), MeanAccuracyM: 5,
			Path: text(50), Times: text(20), Speeds: text(14),
		}
	}
	return rows
}

// fed starts a process that feeds a database.
func (b *bench) fed(db database) (*process, error) {
	n, ok := db.(*node)
	if !ok {
		return nil, errors.New("-as-busy is for cassandra")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.start("feed", exec.Command(self, "feed", "-store", n.flags()[1]+"_feed", "-drivers", strconv.Itoa(b.drivers)))
}
