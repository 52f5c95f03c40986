package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// Bengaluru, about: drivers are spread evenly over it.
const (
	southLat, northLat = 12.85, 13.10
	westLon, eastLon   = 77.46, 77.76
	stepDeg            = 0.0001 // some 15 m a round: city traffic
)

type driver struct {
	id       string
	lat, lon float64
}

// fleet sends one ping for each driver a round, spread evenly over the round
// whatever the server takes to answer, as phones do.
type fleet struct {
	o       options
	drivers []driver
	client  *http.Client
}

func newFleet(o options) *fleet {
	rng := rand.New(rand.NewPCG(1, 2))
	f := &fleet{
		o:       o,
		drivers: make([]driver, o.drivers),
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

// body is one request: JSON as the gateway of phone apps would send it.
func (f *fleet) body(round int, drivers []driver, ts time.Time) []byte {
	b := make([]byte, 0, len(drivers)*150)
	for i := range drivers {
		d := &drivers[i]
		b = append(b, "[,"[min(i, 1)])
		b = append(b, `{"driver_id":"`...)
		b = append(b, d.id...)
		b = append(b, `","lat":`...)
		b = strconv.AppendFloat(b, d.lat+stepDeg*float64(round), 'f', 6, 64)
		b = append(b, `,"lon":`...)
		b = strconv.AppendFloat(b, d.lon+stepDeg*float64(round), 'f', 6, 64)
		b = append(b, `,"ts":`...)
		b = strconv.AppendInt(b, ts.UnixMilli()-int64(i), 10)
		b = append(b, `,"accuracy_m":8.5,"speed_mps":8.2,"bearing_deg":47.5}`...)
	}
	return append(b, ']')
}

// round sends a ping of every driver within the interval. A server that does
// not keep up makes the round longer, not lighter.
func (f *fleet) round(ctx context.Context, url string, n int) (time.Duration, error) {
	work := make(chan []byte)
	g, ctx := errgroup.WithContext(ctx)
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
	start := time.Now()
	g.Go(func() error {
		defer close(work)
		due := start
		step := f.o.interval * time.Duration(f.o.batch) / time.Duration(len(f.drivers))
		for batch := range slices.Chunk(f.drivers, f.o.batch) {
			select { // a timer fires late, so the next ones come the sooner
			case <-time.After(time.Until(due)):
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case work <- f.body(n, batch, due):
			case <-ctx.Done():
				return ctx.Err()
			}
			due = due.Add(step)
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
