package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100
// on every Linux architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// measure prints a line a round and the median CPU per ping at the end.
func measure(ctx context.Context, o options, url string, f *fleet, pids []int) error {
	perPing := make([]float64, 0, o.rounds)
	for n := 1; n <= o.rounds; n++ {
		before, err := cpuTime(pids)
		if err != nil {
			return err
		}
		took, err := f.round(ctx, url, n)
		if err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
		after, err := cpuTime(pids)
		if err != nil {
			return err
		}
		us := float64((after - before).Microseconds()) / float64(o.drivers)
		perPing = append(perPing, us)
		fmt.Printf("round %d: %.2f µs of CPU a ping, %.0f pings/s\n", n, us, float64(o.drivers)/took.Seconds())
	}
	slices.Sort(perPing)
	rss, err := residentBytes(pids[0])
	if err != nil {
		return err
	}
	fmt.Printf("median %.2f µs of CPU (user+sys) a ping; server's memory %.0f MiB\n",
		perPing[len(perPing)/2], float64(rss)/(1<<20))
	return nil
}

// cpuTime sums user and system time of the processes.
func cpuTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The second field, the name in parentheses, may hold spaces.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, i := range []int{11, 12} { // utime and stime: see proc(5)
			ticks, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(ticks) * clockTick
		}
	}
	return sum, nil
}

// residentBytes is the process's resident set size.
func residentBytes(pid int) (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}
