package inventory

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"hyperlocal/persist"
)

const header = "sku_id,Category,name,mrp,discountPercent,availableQuantity,discountedSellingPrice,weightInGms,outOfStock,quantity\n"

func read(t testing.TB, csv string) Catalogue {
	t.Helper()
	c, err := ReadCatalogue(strings.NewReader(csv))
	require.NoError(t, err)
	return c
}

func TestReadCatalogueMergesRows(t *testing.T) {
	c := read(t, header+
		"7,Munchies,Banana  Chips ,5000,10,6,4500,100,0,100\n"+
		"3,Fruits,banana chips,5000,20,2,4000,100,0,100\n"+ // the same pack
		"9,Munchies,Banana Chips,5000,10,6,4500,100,0,100\n"+ // and again
		"5,Fruits,Banana Chips,9000,10,3,8100,200,0,200\n"+ // another pack
		"4,Fruits,Guava,1000,0,5,1000,0,TRUE,1\n")
	require.Equal(t, []persist.Product{
		{ID: "product:3", Name: "banana chips", Categories: []string{"Munchies", "Fruits"}, MRPPaise: 5000, PricePaise: 4000, DiscountPercent: 20, WeightG: 100, PackSize: 100},
		{ID: "product:4", Name: "Guava", Categories: []string{"Fruits"}, MRPPaise: 1000, PricePaise: 1000, PackSize: 1},
		{ID: "product:5", Name: "Banana Chips", Categories: []string{"Fruits"}, MRPPaise: 9000, PricePaise: 8100, DiscountPercent: 10, WeightG: 200, PackSize: 200},
	}, c.Products)
	require.Equal(t, []persist.Line{line("3", 2), line("4", 0), line("5", 3)}, c.Opening)
	require.Equal(t, CatalogueReport{
		Rows: 5, Products: 3, Merged: 2,
		StockConflicts: []Conflict{{"product:3", 2, 6}},
		PriceConflicts: []Conflict{{"product:3", 4000, 4500}},
	}, c.Report)
}

func TestReadCatalogueEncodings(t *testing.T) {
	const utf8Name = "Ching’s Secret – Crème"
	const row = "1,Munchies,NAME,100,0,1,100,1,0,1\n"
	for name, csv := range map[string]string{
		"UTF-8":                  header + strings.Replace(row, "NAME", utf8Name, 1),
		"UTF-8 with a mark":      "\ufeff" + header + strings.Replace(row, "NAME", utf8Name, 1),
		"Windows-1252":           header + strings.Replace(row, "NAME", "Ching\x92s Secret \x96 Cr\xe8me", 1),
		"carriage returns":       strings.ReplaceAll(header+strings.Replace(row, "NAME", utf8Name, 1), "\n", "\r\n"),
		"quotes, no-break space": header + strings.Replace(row, "NAME", "\"\u00a0Ching’s Secret\u00a0 – Crème \"", 1),
	} {
		t.Run(name, func(t *testing.T) {
			c := read(t, csv)
			require.Empty(t, c.Report.Rejections)
			require.Equal(t, utf8Name, c.Products[0].Name)
		})
	}
}

func TestReadCatalogueColumnsInAnyOrder(t *testing.T) {
	c := read(t, "extra, NAME ,mrp,sku_id,category,discountPercent,availableQuantity,discountedSellingPrice,weightInGms,outOfStock,quantity\n"+
		"?,Guava,1000,8,Fruits,5,2,950,500,false,6\n")
	require.Equal(t, []persist.Product{{
		ID: "product:8", Name: "Guava", Categories: []string{"Fruits"},
		MRPPaise: 1000, PricePaise: 950, DiscountPercent: 5, WeightG: 500, PackSize: 6,
	}}, c.Products)
}

func TestReadCatalogueRejectsRows(t *testing.T) {
	const good = "1,Fruits,Guava,1000,5,2,950,500,0,6\n"
	for _, c := range []struct{ name, row, field string }{
		{"no sku", ",Fruits,Plum,1000,5,2,950,500,0,6", "sku_id"},
		{"sku of another product", "1,Fruits,Plum,1000,5,2,950,500,0,6", "sku_id"},
		{"no category", "2,,Plum,1000,5,2,950,500,0,6", "Category"},
		{"no name", "2,Fruits, \u00a0,1000,5,2,950,500,0,6", "name"},
		{"long name", "2,Fruits," + strings.Repeat("x", 201) + ",1000,5,2,950,500,0,6", "name"},
		{"odd name", "2,Fruits,Pl\x00um,1000,5,2,950,500,0,6", "name"},
		{"no price", "2,Fruits,Plum,0,0,2,0,500,0,6", "mrp"},
		{"rupees", "2,Fruits,Plum,10.50,5,2,950,500,0,6", "mrp"},
		{"huge price", "2,Fruits,Plum,99999999999999999999,5,2,950,500,0,6", "mrp"},
		{"discount", "2,Fruits,Plum,1000,101,2,950,500,0,6", "discountPercent"},
		{"negative units", "2,Fruits,Plum,1000,5,-1,950,500,0,6", "availableQuantity"},
		{"given away", "2,Fruits,Plum,1000,5,2,0,500,0,6", "discountedSellingPrice"},
		{"above the maximum", "2,Fruits,Plum,1000,5,2,1001,500,0,6", "discountedSellingPrice"},
		{"weight", "2,Fruits,Plum,1000,5,2,950,heavy,0,6", "weightInGms"},
		{"out of stock", "2,Fruits,Plum,1000,5,2,950,500,maybe,6", "outOfStock"},
		{"too short", "2,Fruits,Plum,1000,5,2,950,500,0", "quantity"},
		{"stray quote", `2,Fruits,Pl"um,1000,5,2,950,500,0,6`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(t, header+good+c.row+"\n9,Fruits,Last,1000,5,2,950,500,0,6\n")
			require.Len(t, got.Products, 2, "the others count")
			require.Equal(t, 3, got.Report.Rows)
			require.Equal(t, 1, got.Report.Rejected)
			require.Equal(t, 3, got.Report.Rejections[0].Line)
			require.Equal(t, c.field, got.Report.Rejections[0].Field)
			require.NotEmpty(t, got.Report.Rejections[0].Detail)
		})
	}
	t.Run("categories without end", func(t *testing.T) {
		csv := header
		for i := range maxCategories + 2 {
			csv += fmt.Sprintf("%d,Category %d,Guava,1000,5,2,950,500,0,6\n", i+1, i)
		}
		got := read(t, csv)
		require.Len(t, got.Products[0].Categories, maxCategories)
		require.Equal(t, 2, got.Report.Rejected)
		require.Equal(t, "Category", got.Report.Rejections[0].Field)
	})
	t.Run("many", func(t *testing.T) {
		got := read(t, header+strings.Repeat("x\n", maxRejections+5))
		require.Equal(t, maxRejections+5, got.Report.Rejected)
		require.Len(t, got.Report.Rejections, maxRejections)
	})
}

func TestReadCatalogueRefuses(t *testing.T) {
	for name, csv := range map[string]string{
		"nothing":      "",
		"a web page":   "<!doctype html>\n<html></html>\n",
		"another CSV":  "id,name\n1,x\n",
		"an image":     "\x89PNG\r\n\x1a\n\x00\x00",
		"broken quote": "\"sku_id",
	} {
		_, err := ReadCatalogue(strings.NewReader(csv))
		require.ErrorIs(t, err, ErrNotCatalogue, name)
	}
	_, err := ReadCatalogue(strings.NewReader("sku_id,name,mrp\n"))
	require.ErrorContains(t, err, "Category, discountPercent, availableQuantity")
	broken := errors.New("disk")
	_, err = ReadCatalogue(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
}

func catalogueFile(t testing.TB) string {
	t.Helper()
	csv, err := os.ReadFile("../demo/data/catalogue/zepto_v2.csv")
	require.NoError(t, err)
	return string(csv)
}

// The catalogue the demo sells: what the rule of merging makes of real rows.
func TestReadRealCatalogue(t *testing.T) {
	c := read(t, catalogueFile(t))
	require.Equal(t, 3732, c.Report.Rows)
	require.Equal(t, 1790, c.Report.Products)
	require.Equal(t, 3731-1790, c.Report.Merged)
	require.Equal(t, []Rejection{{Line: 3608, Field: "mrp", Detail: `must be a whole number from 1 to 1000000000, is "0"`}}, c.Report.Rejections)
	require.Len(t, c.Report.StockConflicts, 9)
	require.Len(t, c.Report.PriceConflicts, 6)

	byID := map[string]persist.Product{}
	for i, p := range c.Products {
		require.NoError(t, p.Validate())
		require.True(t, isProductID(p.ID))
		require.Equal(t, p.ID, c.Opening[i].ProductID)
		byID[p.ID] = p
	}
	require.Len(t, byID, 1790)
	require.Equal(t, persist.Product{
		ID: "product:303", Name: "Mother's Recipe Tamarind Paste",
		Categories: []string{"Cooking Essentials", "Munchies", "Packaged Food", "Ice Cream & Desserts", "Chocolates & Candies"},
		MRPPaise:   5000, PricePaise: 4900, DiscountPercent: 2, WeightG: 200, PackSize: 200,
	}, byID["product:303"])
	require.Contains(t, c.Opening, line("303", 2), "the lower of 6 and 2")
	require.True(t, slices.ContainsFunc(c.Products, func(p persist.Product) bool {
		return p.Name == "Ching’s Secret Chowmein Hakka Noodles Masala" // Windows-1252, and a stray space
	}))
}

func FuzzReadCatalogue(f *testing.F) {
	f.Add([]byte(header + "1,Fruits,Guava,1000,5,2,950,500,0,6\n"))
	f.Add([]byte(header + "1,Fruits,Gu\x92ava,1000,5,2,950,500,TRUE,6\r\n2,x"))
	f.Add([]byte(header + "1,\"Fruits\n,Guava,1000,5,2,950,500,0,6\n"))
	f.Add([]byte("\ufeff" + header))
	f.Fuzz(func(t *testing.T, csv []byte) {
		c, err := ReadCatalogue(strings.NewReader(string(csv)))
		if err != nil {
			require.ErrorIs(t, err, ErrNotCatalogue)
			return
		}
		require.Equal(t, c.Report.Rows, c.Report.Products+c.Report.Merged+c.Report.Rejected)
		require.Len(t, c.Opening, c.Report.Products)
		seen := map[string]bool{}
		for i, p := range c.Products {
			require.NoError(t, p.Validate())
			require.True(t, isProductID(p.ID) && !seen[p.ID])
			seen[p.ID] = true
			require.NotEmpty(t, p.Categories)
			require.True(t, 0 < p.PricePaise && p.PricePaise <= p.MRPPaise)
			require.Equal(t, p.ID, c.Opening[i].ProductID)
			require.True(t, 0 <= c.Opening[i].Units && c.Opening[i].Units <= MaxUnits)
		}
	})
}
