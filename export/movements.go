package export

import (
	"context"

	"hyperlocal/persist"
)

// movement is a record of the ledger.
type movement struct {
	StoreID   string `json:"store_id"`
	Seq       int64  `json:"seq"`
	TS        int64  `json:"ts"`
	Kind      string `json:"kind"`
	ProductID string `json:"product_id"`
	Available int64  `json:"available_change"`
	Reserved  int64  `json:"reserved_change"`
	Reference string `json:"reference"`
}

var movementColumns = []string{"store_id", "seq", "ts", "kind", "product_id", "available_change", "reserved_change", "reference"}

func (m movement) row() []string {
	return []string{m.StoreID, whole(m.Seq), whole(m.TS), m.Kind, m.ProductID, whole(m.Available), whole(m.Reserved), m.Reference}
}

// ledgerPage is how many movements are read at once.
const ledgerPage = 1000

// movements reads the stores' ledgers, one after the other, each in order.
func (e *exporter) movements(ctx context.Context, put emit) error {
	stores, err := e.db.DarkStores(ctx)
	if err != nil {
		return err
	}
	for i, s := range stores {
		if e.sel.DarkStore != "" && s.ID != e.sel.DarkStore {
			continue
		}
		if err := e.ledger(ctx, s.ID, float64(i)/float64(len(stores)), put); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) ledger(ctx context.Context, storeID string, done float64, put emit) error {
	for after := int64(0); ; {
		page, err := e.db.Movements(ctx, storeID, after, ledgerPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, m := range page {
			if m.TS < e.sel.From || m.TS > e.sel.To {
				continue
			}
			if err := put(movementOf(m), done); err != nil {
				return err
			}
		}
		after = page[len(page)-1].Seq
	}
}

func movementOf(m persist.Movement) movement {
	return movement{
		StoreID: m.StoreID, Seq: m.Seq, TS: m.TS, Kind: m.Kind, ProductID: m.ProductID,
		Available: m.Available, Reserved: m.Reserved, Reference: m.Reference,
	}
}
