// Package procstat reads from /proc what a process uses and what the machine
// does besides, for measurements. Linux only.
package procstat

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc: USER_HZ, which is 100 on every
// Linux architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU sums user and system time of processes, to 10 ms each.
func CPU(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The second field, the name in parentheses, may hold spaces.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		used, err := ticks(fields, 11, 12) // utime and stime: see proc(5)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// Resident is a process's resident set size in bytes.
func Resident(pid int) (int64, error) {
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

// Machine is what all processors together did since the system started.
type Machine struct {
	Busy  time.Duration // for processes and the kernel
	Idle  time.Duration
	Steal time.Duration // wanted, but the hypervisor ran somebody else
}

// Now reads the machine's times.
func Now() (Machine, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Machine{}, err
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line)[1:]
	var m Machine
	if m.Busy, err = ticks(fields, 0, 1, 2, 5, 6); err != nil { // user, nice, system, irq, softirq
		return Machine{}, err
	}
	if m.Idle, err = ticks(fields, 3, 4); err != nil { // idle, iowait
		return Machine{}, err
	}
	m.Steal, err = ticks(fields, 7)
	return m, err
}

// Sub is what the machine did since an earlier reading.
func (m Machine) Sub(earlier Machine) Machine {
	return Machine{Busy: m.Busy - earlier.Busy, Idle: m.Idle - earlier.Idle, Steal: m.Steal - earlier.Steal}
}

// Total is the processors' time, however spent.
func (m Machine) Total() time.Duration { return m.Busy + m.Idle + m.Steal }

func ticks(fields []string, indexes ...int) (time.Duration, error) {
	var sum time.Duration
	for _, i := range indexes {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}
