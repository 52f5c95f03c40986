//go:build !linux

package giveway

import "time"

// Elsewhere threads have no priorities of their own that a program may set.
func onLowThread(f func()) { f() }

func sleep(d time.Duration) { time.Sleep(d) }

// AddProcessor does nothing here.
func AddProcessor() {}
