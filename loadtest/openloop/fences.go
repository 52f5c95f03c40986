package openloop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"

	"golang.org/x/sync/errgroup"
)

const (
	putAtOnce = 8
	// Fences are circles of so many metres, and lie so near to where drivers move, as
	// shops and homes along their ways do.
	minFenceM, maxFenceM = 15, 60
	fenceReachM          = 3000
)

// putFences puts the load's fences into the server, where they stay.
func putFences(ctx context.Context, c *Config) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: putAtOnce}, Timeout: answerWait}
	defer client.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(putAtOnce)
	for i := range c.Fences {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return putFence(ctx, client, c, i)
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("put fences: %w", err)
	}
	return nil
}

func putFence(ctx context.Context, client *http.Client, c *Config, i int) error {
	random := func(n uint64) float64 { return share(c.Seed, uint64(i), n) }
	r := &c.Routes[i%len(c.Routes)]
	s := r.steps[int(random(0)*float64(len(r.steps)))]
	sin, cos := math.Sincos(2 * math.Pi * random(1))
	away := fenceReachM * math.Sqrt(random(2)) // evenly over the area
	lat := r.anchor.Lat + (float64(s.y)+away*sin)/metresPerDegree
	lon := r.anchor.Lon + (float64(s.x)+away*cos)/r.east
	body := fmt.Appendf(nil, `{"circle":{"lat":%.6f,"lon":%.6f,"radius_m":%.1f}}`, lat, lon, minFenceM+(maxFenceM-minFenceM)*random(3))
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, fmt.Sprintf("%s/v1/fences/%sfence-%d", c.URL, c.Prefix, i), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	c.authorize(req.Header)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 300)) // what there is of it
		return fmt.Errorf("fence %d: %s: %s", i, res.Status, text)
	}
	return nil
}
