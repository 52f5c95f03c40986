package main

import (
	"context"
	"fmt"
	"slices"

	"hyperlocal/internal/procstat"
)

// measure prints a line a round and the median CPU per ping at the end.
func measure(ctx context.Context, o options, url string, f *fleet, pids []int) error {
	perPing := make([]float64, 0, o.rounds)
	for n := 1; n <= o.rounds; n++ {
		before, err := procstat.CPU(pids...)
		if err != nil {
			return err
		}
		took, err := f.round(ctx, url, n)
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		after, err := procstat.CPU(pids...)
		if err != nil {
			return err
		}
		us := float64((after - before).Microseconds()) / float64(o.drivers)
		perPing = append(perPing, us)
		fmt.Printf("round %d: %.2f µs of CPU a ping, %.0f pings/s\n", n, us, float64(o.drivers)/took.Seconds())
	}
	slices.Sort(perPing)
	rss, err := procstat.Resident(pids[0])
	if err != nil {
		return err
	}
	fmt.Printf("median %.2f µs of CPU (user+sys) a ping; server's memory %.0f MiB\n",
		perPing[len(perPing)/2], float64(rss)/(1<<20))
	return nil
}
