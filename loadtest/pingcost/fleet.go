package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bengaluru, about: drivers are spread evenly over it.
const (
	southLat, northLat = 12.85, 13.10
	westLon, eastLon   = 77.46, 77.76
	stepDeg            = 0.0003 // some 33 m in 4 s: city traffic
)

type driver struct {
	id       string
	lat, lon float64
}

// fleet sends one ping for each driver a round. Its rounds are prepared one at
// a time, so that building JSON is not part of the time between replies.
type fleet struct {
	o       options
	drivers []driver
	start   time.Time // event time of round 0
	client  *http.Client
}

func newFleet(o options) *fleet {
	rng := rand.New(rand.NewPCG(1, 2))
	f := &fleet{
		o:       o,
		drivers: make([]driver, o.drivers),
		start:   time.Now().Add(-time.Duration(o.rounds) * o.interval),
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.conns}, Timeout: 30 * time.Second},
	}
	rows := 1
	for rows*rows < o.drivers {
		rows++
	}
	for i := range f.drivers {
		f.drivers[i] = driver{
			id:  fmt.Sprintf("driver-%07d", i),
			lat: southLat + (northLat-southLat)*float64(i/rows)/float64(rows),
			lon: westLon + (eastLon-westLon)*float64(i%rows)/float64(rows),
		}
	}
	if o.mixed {
		rng.Shuffle(len(f.drivers), func(i, j int) { f.drivers[i], f.drivers[j] = f.drivers[j], f.drivers[i] })
	}
	return f
}

// body is one request of the round: JSON as a phone app's gateway would send.
func (f *fleet) body(round, from, to int) []byte {
	b := make([]byte, 0, (to-from)*170)
	b = append(b, '[')
	for i := from; i < to; i++ {
		d := &f.drivers[i]
		// Drivers start their rounds spread over the interval.
		ts := f.start.Add(time.Duration(round)*f.o.interval - time.Duration(i%997)*f.o.interval/997)
		if i > from {
			b = append(b, ',')
		}
		b = append(b, `{"driver_id":"`...)
		b = append(b, d.id...)
		b = append(b, `","lat":`...)
		b = strconv.AppendFloat(b, d.lat+stepDeg*float64(round), 'f', 6, 64)
		b = append(b, `,"lon":`...)
		b = strconv.AppendFloat(b, d.lon+stepDeg*float64(round), 'f', 6, 64)
		b = append(b, `,"ts":`...)
		b = strconv.AppendInt(b, ts.UnixMilli(), 10)
		b = append(b, `,"accuracy_m":8.5,"speed_mps":8.2,"bearing_deg":47.5}`...)
	}
	return append(b, ']')
}

// round sends a ping of every driver and returns the time it took.
func (f *fleet) round(ctx context.Context, url string, n int) (time.Duration, error) {
	var bodies [][]byte
	for from := 0; from < len(f.drivers); from += f.o.batch {
		bodies = append(bodies, f.body(n, from, min(from+f.o.batch, len(f.drivers))))
	}
	work := make(chan []byte)
	g, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for range f.o.conns {
		g.Go(func() error {
			for body := range work {
				if err := f.send(ctx, url, body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(work)
		for _, body := range bodies {
			select {
			case work <- body:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	err := g.Wait()
	return time.Since(start), err
}

func (f *fleet) send(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/locations", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	var got struct {
		Verdicts map[string]int `json:"verdicts"`
	}
	if err := json.Unmarshal(reply, &got); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %.300s", res.StatusCode, reply)
	}
	if want := bytes.Count(body, []byte(`"driver_id"`)); got.Verdicts["accepted"] != want {
		return fmt.Errorf("%d pings sent, verdicts %.300s", want, reply)
	}
	return nil
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return nil
}
