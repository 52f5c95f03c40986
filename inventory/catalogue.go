package inventory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"hyperlocal/persist"
)

// MaxCatalogueBytes bounds a catalogue file.
const MaxCatalogueBytes = 64 << 20

// maxRejections bounds the rejected rows that a report describes.
const maxRejections = 1000

// Catalogue is what a catalogue file says, product by product.
type Catalogue struct {
	Products []persist.Product // in order of their lowest sku_id
	Opening  []persist.Line    // opening stock, one line for each product
	Report   CatalogueReport
}

// CatalogueReport is what became of the rows of a catalogue file.
type CatalogueReport struct {
	Rows     int // without the header
	Products int
	Merged   int // rows that only repeat a product
	Rejected int // rows that were left out
	// Rejections describes the first thousand of those.
	Rejections []Rejection
	// StockConflicts are the products whose rows disagree on the units, and
	// PriceConflicts those whose rows disagree on the selling price.
	StockConflicts []Conflict
	PriceConflicts []Conflict
}

// Rejection is a row that was left out.
type Rejection struct {
	Line   int    // of the file, the header being 1
	Field  string // the column; empty if the row itself is broken
	Detail string
}

// Conflict is a product whose rows disagree.
type Conflict struct {
	ProductID       string
	Lowest, Highest int64 // units, or paise; the lowest was taken
}

// ReadCatalogue reads the CSV in which quick-commerce catalogues are exchanged:
// a header and the columns
//
//	sku_id,Category,name,mrp,discountPercent,availableQuantity,
//	discountedSellingPrice,weightInGms,outOfStock,quantity
//
// in any order, in UTF-8 or, if it is not that, in Windows-1252. Prices are in
// paise. Further columns are ignored.
//
// In such files a product stands once in every category that shows it. Rows are
// one product if they agree on what is printed on the pack: name (whatever its
// case and spaces), maximum retail price, weight and pack size. Its id is
// "product:" and the lowest sku_id of its rows, its categories are theirs
// together. Where they disagree, the units and the selling price are the
// lowest: that promises neither what may not be there nor charges more than was
// shown. Units of a row marked out of stock are 0.
//
// A row with a bad value is left out and reported; the rest counts. A product
// without a price is such a row. The error is ErrNotCatalogue if the file has
// not these columns, or is longer than MaxCatalogueBytes; else one of reading.
func ReadCatalogue(r io.Reader) (Catalogue, error) {
	text, err := readText(r)
	if err != nil {
		return Catalogue{}, err
	}
	rows := csv.NewReader(bytes.NewReader(text))
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return Catalogue{}, fmt.Errorf("%w: no header: %w", ErrNotCatalogue, err)
	}
	columns, err := findColumns(header)
	if err != nil {
		return Catalogue{}, err
	}

	m := newMerger()
	for {
		fields, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return m.catalogue(), nil
		}
		m.report.Rows++
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			m.reject(Rejection{Line: broken.StartLine, Detail: broken.Err.Error()})
			continue
		}
		if err != nil {
			return Catalogue{}, fmt.Errorf("read catalogue: %w", err)
		}
		line, _ := rows.FieldPos(0)
		item, rejection := parseItem(fields, columns)
		if rejection != nil {
			rejection.Line = line
			m.reject(*rejection)
			continue
		}
		m.add(line, item)
	}
}

// readText returns everything as UTF-8.
func readText(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxCatalogueBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	if len(text) > MaxCatalogueBytes {
		return nil, fmt.Errorf("%w: longer than %d MB", ErrNotCatalogue, MaxCatalogueBytes>>20)
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if utf8.Valid(text) {
		return text, nil
	}
	return charmap.Windows1252.NewDecoder().Bytes(text)
}

// item is one row.
type item struct {
	sku      int64
	category string
	product  persist.Product // without id and categories
	units    int64
}

// identity is what is printed on the pack.
type identity struct {
	name         string // folded
	mrp          int64
	weight, pack int
}

func (it item) identity() identity {
	p := it.product
	return identity{strings.ToLower(p.Name), p.MRPPaise, p.WeightG, p.PackSize}
}

// The columns, by their place in columnNames.
const (
	colSKU = iota
	colCategory
	colName
	colMRP
	colDiscount
	colUnits
	colPrice
	colWeight
	colOutOfStock
	colPack
	columnCount
)

var columnNames = [columnCount]string{
	"sku_id", "Category", "name", "mrp", "discountPercent", "availableQuantity",
	"discountedSellingPrice", "weightInGms", "outOfStock", "quantity",
}

// findColumns returns where in a record each column stands.
func findColumns(header []string) (at [columnCount]int, err error) {
	var missing []string
	for c, name := range columnNames {
		at[c] = slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(clean(h), name) })
		if at[c] < 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return at, fmt.Errorf("%w: the first line lacks the columns %s", ErrNotCatalogue, strings.Join(missing, ", "))
	}
	return at, nil
}

// The greatest values of a row: a crore of rupees, a tonne.
const (
	maxPaise = 1_000_000_000
	maxGrams = 1_000_000
)

func parseItem(record []string, at [columnCount]int) (item, *Rejection) {
	p := rowParser{record: record, at: at}
	var it item
	it.sku = p.number(colSKU, 1, 1e15)
	it.category = p.text(colCategory)
	it.product.Name = p.text(colName)
	it.product.MRPPaise = p.number(colMRP, 1, maxPaise)
	it.product.DiscountPercent = int(p.number(colDiscount, 0, 100))
	it.units = p.number(colUnits, 0, MaxUnits)
	it.product.PricePaise = p.number(colPrice, 1, maxPaise)
	it.product.WeightG = int(p.number(colWeight, 0, maxGrams))
	if p.flag(colOutOfStock) {
		it.units = 0
	}
	it.product.PackSize = int(p.number(colPack, 0, MaxUnits))
	if it.product.PricePaise > it.product.MRPPaise {
		p.reject(colPrice, "is above the maximum retail price")
	}
	return it, p.rejection
}

// rowParser reads the values of a record. The first bad one sticks.
type rowParser struct {
	record    []string
	at        [columnCount]int
	rejection *Rejection
}

func (p *rowParser) reject(column int, format string, args ...any) {
	if p.rejection == nil {
		p.rejection = &Rejection{Field: columnNames[column], Detail: fmt.Sprintf(format, args...)}
	}
}

func (p *rowParser) value(column int) string {
	i := p.at[column]
	if i >= len(p.record) {
		p.reject(column, "the row ends before it")
		return ""
	}
	return clean(p.record[i])
}

func (p *rowParser) text(column int) string {
	const most = 200 // characters
	s := p.value(column)
	odd := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }
	if s == "" || utf8.RuneCountInString(s) > most || strings.ContainsFunc(s, odd) {
		p.reject(column, "must be 1 to %d printable characters", most)
	}
	return s
}

func (p *rowParser) number(column int, least, most int64) int64 {
	s := p.value(column)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		p.reject(column, "must be a whole number from %d to %d, is %.40q", least, most, s)
	}
	return n
}

func (p *rowParser) flag(column int) bool {
	b, err := strconv.ParseBool(p.value(column))
	if err != nil {
		p.reject(column, "must be 0, 1, true or false")
	}
	return b
}

// clean trims s and makes every run of white space, no-break spaces included,
// one space.
func clean(s string) string { return strings.Join(strings.Fields(s), " ") }
