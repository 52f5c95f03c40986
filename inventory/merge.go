package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"hyperlocal/persist"
)

// maxCategories bounds the categories of one product.
const maxCategories = 50

// merger makes products of rows.
type merger struct {
	products map[identity]*mergedProduct
	skus     map[int64]skuRow
	report   CatalogueReport
}

type skuRow struct {
	line int
	of   identity
}

// mergedProduct is the rows of one product.
type mergedProduct struct {
	sku          int64           // the lowest
	row          persist.Product // of that sku, with the discount of the lowest price
	shelves      []string        // categories, in order of first mention
	units, price span
}

// span is from the lowest to the highest value that rows give.
type span struct{ lowest, highest int64 }

func (s span) with(n int64) span { return span{min(s.lowest, n), max(s.highest, n)} }

func newMerger() *merger {
	return &merger{products: map[identity]*mergedProduct{}, skus: map[int64]skuRow{}}
}

func (m *merger) reject(r Rejection) {
	m.report.Rejected++
	if len(m.report.Rejections) < maxRejections {
		m.report.Rejections = append(m.report.Rejections, r)
	}
}

func (m *merger) add(line int, it item) {
	id := it.identity()
	if before, ok := m.skus[it.sku]; ok && before.of != id {
		m.reject(Rejection{
			Line: line, Field: columnNames[colSKU],
			Detail: fmt.Sprintf("%d is another product on line %d", it.sku, before.line),
		})
		return
	} else if !ok {
		m.skus[it.sku] = skuRow{line: line, of: id}
	}
	p := m.products[id]
	if p == nil {
		m.products[id] = &mergedProduct{
			sku: it.sku, row: it.product, shelves: []string{it.category},
			units: span{it.units, it.units}, price: span{it.product.PricePaise, it.product.PricePaise},
		}
		return
	}
	if !slices.Contains(p.shelves, it.category) {
		if len(p.shelves) == maxCategories {
			m.reject(Rejection{
				Line: line, Field: columnNames[colCategory],
				Detail: fmt.Sprintf("would be one category more than the %d that a product may have", maxCategories),
			})
			return
		}
		p.shelves = append(p.shelves, it.category)
	}
	m.report.Merged++
	if it.product.PricePaise < p.price.lowest {
		p.row.DiscountPercent = it.product.DiscountPercent
	}
	if it.sku < p.sku {
		p.sku, p.row.Name = it.sku, it.product.Name
	}
	p.units, p.price = p.units.with(it.units), p.price.with(it.product.PricePaise)
}

func (m *merger) catalogue() Catalogue {
	merged := slices.SortedFunc(maps.Values(m.products), func(a, b *mergedProduct) int { return cmp.Compare(a.sku, b.sku) })
	c := Catalogue{Report: m.report}
	c.Report.Products = len(merged)
	for _, p := range merged {
		product := p.row
		product.ID = fmt.Sprintf("product:%d", p.sku)
		product.Categories = p.shelves
		product.PricePaise = p.price.lowest
		c.Products = append(c.Products, product)
		c.Opening = append(c.Opening, persist.Line{ProductID: product.ID, Units: p.units.lowest})
		c.Report.StockConflicts = p.units.conflict(c.Report.StockConflicts, product.ID)
		c.Report.PriceConflicts = p.price.conflict(c.Report.PriceConflicts, product.ID)
	}
	return c
}

// conflict appends the product to conflicts if its rows disagree.
func (s span) conflict(conflicts []Conflict, productID string) []Conflict {
	if s.lowest == s.highest {
		return conflicts
	}
	return append(conflicts, Conflict{ProductID: productID, Lowest: s.lowest, Highest: s.highest})
}
