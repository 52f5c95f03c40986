package giveway

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// lowNice is the nice value of a lane's threads. Beside a thread of the usual priority
// one gets a tenth of a processor: enough that a flush goes on under any load. The
// collector of garbage, which stops all threads at its beginning, waits for one that is
// not let run (1.2 ms; with nice 3 it is 0.7), but requests wait less.
const lowNice = 10

// onLowThread has f run in a thread of low priority, and waits for it. A thread cannot
// get its priority back, so it ends with f; that costs some 0.1 ms.
func onLowThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and with the goroutine goes its thread
		if unix.Gettid() == unix.Getpid() {
			// The first thread of a process does not end, and its priority is shown as
			// that of all.
			defer runtime.UnlockOSThread()
			onLowThread(f)
			return
		}
		// It is a help, no more; a sandbox may refuse it.
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), lowNice)
		// A nanosecond's slack, instead of 0.05 ms: pauses are as long as they should be.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		f()
	}()
	<-done
}

// sleep has the thread sleep, and not only the goroutine, whose thread and another one
// would have to wake each other for it.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&t, nil) // a signal may end it
}

// AddProcessor lets Go run goroutines in one thread more than the machine has
// processors, unless the environment says in how many. It is for a process whose lane
// is beside requests.
func AddProcessor() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
