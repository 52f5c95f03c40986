//go:build !linux

package giveway

// Elsewhere threads have no priorities of their own that a program may set.
func onLowThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// AddProcessor does nothing here.
func AddProcessor() {}
