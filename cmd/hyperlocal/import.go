package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hyperlocal/inventory"
	"hyperlocal/persist"
	"hyperlocal/web/api"
)

// importBatch is the number of products, or movement lines, to a request.
const importBatch = 500

func importCommand() *cobra.Command {
	im := importer{}
	cmd := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "Put a catalogue into a running server",
		Long: `Put a catalogue into a running server, and with --stock-to its stock too.

The file is a CSV with the columns sku_id, Category, name, mrp, discountPercent,
availableQuantity, discountedSellingPrice, weightInGms, outOfStock and quantity,
in UTF-8 or Windows-1252; prices are in paise. A product that stands in several
categories becomes one. Rows that cannot be used are listed and left out.

Importing the same file again changes nothing in the catalogue, and within 24
hours it receives no stock a second time.`,
		Example: "  hyperlocal import catalogue.csv\n  hyperlocal import catalogue.csv --stock-to S1,S2",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			im.out = cmd.OutOrStdout()
			return im.run(cmd.Context(), args[0])
		},
	}
	cmd.Flags().StringVar(&im.server, "server", "http://127.0.0.1:8080", "the server's `URL`")
	cmd.Flags().StringSliceVar(&im.stockTo, "stock-to", nil, "receive the file's stock at these `stores`, or at \"all\"")
	cmd.Flags().BoolVar(&im.dryRun, "dry-run", false, "read and report only")
	return cmd
}

// importer sends a catalogue file to a server by its public API, so that it
// works whatever engine and database the server runs on.
type importer struct {
	server  string
	stockTo []string
	dryRun  bool
	out     io.Writer
}

func (im *importer) run(ctx context.Context, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c, err := inventory.ReadCatalogue(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	im.report(c.Report)
	if im.dryRun {
		return nil
	}
	if err := im.putProducts(ctx, c.Products); err != nil {
		return err
	}
	stores, err := im.stores(ctx)
	if err != nil {
		return err
	}
	// The key of a delivery is made from the file, so that sending the file
	// again does not deliver it again.
	sum := sha256.Sum256(data)
	for i, store := range stores {
		if err := im.receive(ctx, store, c.Opening, fmt.Sprintf("import-%x", sum[:12])); err != nil {
			return fmt.Errorf("stock of %s: %w", store, err)
		}
		im.progress("stock received at", i+1, len(stores), "stores")
	}
	return nil
}

func (im *importer) report(r inventory.CatalogueReport) {
	fmt.Fprintf(im.out, "%d rows, %d products, %d rows repeat a product, %d rows left out\n", r.Rows, r.Products, r.Merged, r.Rejected)
	for _, x := range r.Rejections {
		fmt.Fprintf(im.out, "  line %d: %s: %s\n", x.Line, x.Field, x.Detail)
	}
	for _, x := range r.StockConflicts {
		fmt.Fprintf(im.out, "  %s: rows disagree on the units, from %d to %d: %d taken\n", x.ProductID, x.Lowest, x.Highest, x.Lowest)
	}
	for _, x := range r.PriceConflicts {
		fmt.Fprintf(im.out, "  %s: rows disagree on the price, from %d to %d paise: %d taken\n", x.ProductID, x.Lowest, x.Highest, x.Lowest)
	}
}

// progress rewrites one line while the work goes on and ends it when it is
// done.
func (im *importer) progress(what string, n, of int, unit string) {
	end := "\r"
	if n == of {
		end = "\n"
	}
	fmt.Fprintf(im.out, "%s %d of %d %s%s", what, n, of, unit, end)
}

func (im *importer) putProducts(ctx context.Context, products []persist.Product) error {
	done := 0
	for batch := range slices.Chunk(products, importBatch) {
		list := api.ProductList{Products: make([]api.Product, len(batch))}
		for i, p := range batch {
			list.Products[i] = api.Product{
				ProductID: p.ID, Name: p.Name, Categories: p.Categories, MrpPaise: p.MRPPaise, PricePaise: p.PricePaise,
				DiscountPercent: p.DiscountPercent, WeightG: p.WeightG, PackSize: p.PackSize,
			}
		}
		if err := im.call(ctx, http.MethodPut, "/v1/products", list, "", nil); err != nil {
			return fmt.Errorf("products: %w", err)
		}
		done += len(batch)
		im.progress("catalogue:", done, len(products), "products")
	}
	return nil
}

// stores resolves --stock-to.
func (im *importer) stores(ctx context.Context) ([]string, error) {
	if !slices.Equal(im.stockTo, []string{"all"}) {
		return im.stockTo, nil
	}
	var list api.Stores
	if err := im.call(ctx, http.MethodGet, "/v1/stores", nil, "", &list); err != nil {
		return nil, fmt.Errorf("stores: %w", err)
	}
	if len(list.Stores) == 0 {
		return nil, errors.New("--stock-to all: the server has no stores; add one with PUT /v1/stores/ID")
	}
	ids := make([]string, len(list.Stores))
	for i, s := range list.Stores {
		ids[i] = s.StoreID
	}
	return ids, nil
}

func (im *importer) receive(ctx context.Context, store string, opening []persist.Line, key string) error {
	opening = slices.DeleteFunc(slices.Clone(opening), func(l persist.Line) bool { return l.Units == 0 })
	batchNumber := 0
	for batch := range slices.Chunk(opening, importBatch) {
		req := api.MovementRequest{Kind: api.Receive, Reference: "catalogue import", Lines: make([]api.MovementLine, len(batch))}
		for i, l := range batch {
			req.Lines[i] = api.MovementLine{ProductID: l.ProductID, Units: l.Units}
		}
		batchNumber++
		err := im.call(ctx, http.MethodPost, "/v1/stores/"+url.PathEscape(store)+"/movements", req, fmt.Sprintf("%s-%d", key, batchNumber), nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// call sends one request and decodes the answer into reply, unless that is
// nil. A refusal becomes an error that says which field is at fault.
func (im *importer) call(ctx context.Context, method, path string, body any, idempotencyKey string, reply any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(im.server, "/")+path, bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("--server: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if idempotencyKey != "" {
		req.Header.Set("Idempotency-Key", idempotencyKey)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no server answers at %s (--server names another): %w", im.server, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		var p api.Problem
		if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&p); err != nil {
			return fmt.Errorf("the server answered %s", res.Status)
		}
		return fmt.Errorf("%s: %s %s", p.Title, p.Field, p.Detail)
	}
	if reply == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(reply)
}
