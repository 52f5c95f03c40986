package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"hyperlocal/inventory"
)

// errStockDiffers ends `hyperlocal check` with a status that is not 0.
var errStockDiffers = errors.New("stock differs from its movements; see hyperlocal rebuild")

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare every store's stock with the sum of its movements",
		Long: `Compare every store's stock with the sum of its movements, in the database and
on their way there, count the movements, and compare the open reservations of
engine, movements and database. List what differs. No stock is changed. It takes
the settings of serve, from flags, the environment or a file.

With a Redis engine, servers may run meanwhile. The memory engine's files belong
to the server while it runs: stop it, or ask it through its --resp-addr, as
--engine redis://127.0.0.1:PORT.

The exit status is 0 if there are stores and nothing differs.`,
		Example: "  hyperlocal check --data-dir /var/lib/hyperlocal\n  hyperlocal check --engine redis://127.0.0.1:6380",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStock(cmd, engineMustExist, checkStock)
		},
	}
	stockFlags(cmd.Flags())
	return cmd
}

func checkStock(ctx context.Context, s stockTools) error {
	differing, began := 0, time.Now()
	for i, store := range s.stores {
		if !store.recorded {
			fmt.Fprintf(s.out, "%s: the database does not know the store\n", store.id)
			differing++
		}
		found, err := s.inventory.Check(ctx, store.id)
		if errors.Is(err, inventory.ErrUnknownStore) {
			fmt.Fprintf(s.out, "%s: the engine does not know the store\n", store.id)
			differing++
			continue
		}
		if err != nil {
			return err
		}
		differing += printFindings(s.out, store.id, found)
		if time.Since(began) > time.Second { // only those who wait want to know
			fmt.Fprintf(s.out, "%d of %d stores\n", i+1, len(s.stores))
			began = time.Now()
		}
	}
	if differing > 0 {
		return fmt.Errorf("%d differences: %w", differing, errStockDiffers)
	}
	s.printSum()
	return nil
}

// printFindings lists what differs in a store and returns how much that is.
func printFindings(out io.Writer, store string, f inventory.Findings) int {
	for _, d := range f.Products {
		fmt.Fprintf(out, "%s: %s: available %d, by its movements %d; reserved %d, by its movements %d\n",
			store, d.ProductID, d.Live.Available, d.Recorded.Available, d.Live.Reserved, d.Recorded.Reserved)
	}
	for _, r := range f.Reservations {
		fmt.Fprintf(out, "%s: reservation %s %s\n", store, r.ReservationID, r.Detail)
	}
	if f.Ahead > 0 {
		fmt.Fprintf(out, "%s: the engine has lost its last %d movements, which the database has\n", store, f.Ahead)
	}
	n := f.Replaceable()
	if f.Missing > 0 {
		fmt.Fprintf(out, "%s: %d movements are missing:", store, f.Missing)
		for _, s := range f.MissingSpans {
			fmt.Fprintf(out, " %d-%d", s.First, s.Last)
		}
		fmt.Fprintln(out)
		n++
	}
	return n
}
