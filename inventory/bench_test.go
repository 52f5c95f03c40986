package inventory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

// benchRig has 1,800 products in S1 and 40 stores around it.
func benchRig(b *testing.B) rig {
	b.Helper()
	r := newRig(b)
	products := make([]persist.Product, 1800)
	opening := make([]persist.Line, len(products))
	for i := range products {
		products[i] = persist.Product{ID: fmt.Sprintf("product:%d", 100+i)}
		opening[i] = persist.Line{ProductID: products[i].ID, Units: MaxUnits}
	}
	require.NoError(b, r.ImportProducts(b.Context(), products))
	_, err := r.StockStore(b.Context(), "S1", opening)
	require.NoError(b, err)
	for i := range 40 {
		_, err := r.PutStore(b.Context(), persist.DarkStore{
			ID: fmt.Sprint("T", i), Name: "Store", Lat: 12.80 + float64(i)*0.003, Lon: 77.5, Open: true,
		})
		require.NoError(b, err)
	}
	return r
}

func BenchmarkReserveCommit5Lines(b *testing.B) {
	r := benchRig(b)
	lines := make([]persist.Line, 5)
	for i := range lines {
		lines[i] = persist.Line{ProductID: fmt.Sprintf("product:%d", 100+i*7), Units: 1}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		res, err := r.Reserve(b.Context(), "S1", ReserveRequest{OrderID: "o", Lines: lines})
		if err == nil {
			_, err = r.Commit(b.Context(), res.ID)
		}
		if err != nil {
			b.Fatal(err)
		}
		if i%10_000 == 9_999 {
			b.StopTimer() // keep the stream and the book within memory
			_, err := r.Drain(b.Context())
			require.NoError(b, err)
			r.db.movements = map[string]map[int64]persist.Movement{}
			b.StartTimer()
		}
	}
}

func BenchmarkAvailability50(b *testing.B) {
	r := benchRig(b)
	products := make([]string, 50)
	for i := range products {
		products[i] = fmt.Sprintf("product:%d", 100+i*31)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Availability(b.Context(), 12.97, 77.64, products); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadCatalogue(b *testing.B) {
	csv := catalogueFile(b)
	b.SetBytes(int64(len(csv)))
	b.ReportAllocs()
	for b.Loop() {
		_ = read(b, csv)
	}
}
