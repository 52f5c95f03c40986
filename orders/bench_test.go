package orders

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkCreateAndDeliver(b *testing.B) {
	r := newRig(b)
	n := someOrder()
	n.ID = ""
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		order, _, err := r.Create(b.Context(), n)
		for _, s := range way[1:] {
			if err == nil {
				_, _, err = r.Advance(b.Context(), order.ID, AdvanceRequest{Status: s, DriverID: "d7"})
			}
		}
		if err != nil {
			b.Fatal(err)
		}
		if i%1000 == 999 {
			b.StopTimer() // keep the outbox within memory
			r.clock.advance(settle)
			_, err := r.Drain(b.Context())
			require.NoError(b, err)
			b.StartTimer()
		}
	}
}
