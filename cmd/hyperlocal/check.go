package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hyperlocal/cache/memory"
	"hyperlocal/inventory"
	"hyperlocal/persist"
)

// errStockDiffers ends `hyperlocal check` with a status that is not 0.
var errStockDiffers = errors.New("stock differs from its movements; see hyperlocal rebuild")

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare every store's stock with the sum of its movements",
		Long: `Compare every store's stock with the sum of its movements, in the database and
on their way there, and list what differs. No stock is changed. It takes the
settings of serve, from flags, the environment or a file.

With a Redis engine, servers may run meanwhile. The memory engine's files belong
to the server while it runs: stop it, or ask it through its --resp-addr, as
--engine redis://127.0.0.1:PORT.

The exit status is 0 if nothing differs.`,
		Example: "  hyperlocal check --data-dir /var/lib/hyperlocal\n  hyperlocal check --engine redis://127.0.0.1:6380",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStock(cmd, checkStock)
		},
	}
	stockFlags(cmd.Flags())
	return cmd
}

func rebuildCommand() *cobra.Command {
	replace := false
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Restore the engine's stock and open reservations from the database",
		Long: `Restore the engine's stock and open reservations from the database's movements.
A store of which the engine has nothing is always restored, as at a server's
start; with --replace, so is one whose stock differs from its movements.

Movements that wait in the engine are written to the database first. Reservations
are open for another 15 minutes. No server may run on this engine meanwhile.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStock(cmd, func(ctx context.Context, s stockTools) error { return rebuildStock(ctx, s, replace) })
		},
	}
	stockFlags(cmd.Flags())
	cmd.Flags().BoolVar(&replace, "replace", false, "replace stock that differs from its movements")
	return cmd
}

func stockFlags(f *pflag.FlagSet) {
	settingsFlags(f, "config", "data-dir", "engine", "store", "log-level", "log-format")
}

// settingsFlags declares the settings of serve, so that one file serves all, and
// shows some: those that say where the data is.
func settingsFlags(f *pflag.FlagSet, shown ...string) {
	serveFlags(f)
	f.VisitAll(func(flag *pflag.Flag) { flag.Hidden = !slices.Contains(shown, flag.Name) })
}

// stockTools are what a command on stock works with.
type stockTools struct {
	inventory *inventory.Inventory
	stores    []persist.DarkStore
	out       io.Writer
}

// withStock opens engine and database for a command on every store.
func withStock(cmd *cobra.Command, do func(context.Context, stockTools) error) (err error) {
	ctx := cmd.Context()
	c, err := loadConfig(cmd.Flags())
	if err != nil {
		return err
	}
	log, err := newLogger(cmd.ErrOrStderr(), c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	engine, err := openEngine(ctx, c, log)
	if errors.Is(err, memory.ErrDirInUse) {
		return fmt.Errorf("%w; to look at a running server, give its --resp-addr as --engine redis://HOST:PORT", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	db, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	stores, err := db.DarkStores(ctx)
	if err != nil {
		return fmt.Errorf("read the stores: %w", err)
	}
	return do(ctx, stockTools{inventory.New(engine, db, inventory.Options{Log: log}), stores, cmd.OutOrStdout()})
}

func checkStock(ctx context.Context, s stockTools) error {
	differing, began := 0, time.Now()
	for i, store := range s.stores {
		differ, err := s.inventory.Check(ctx, store.ID)
		if errors.Is(err, inventory.ErrUnknownStore) {
			fmt.Fprintf(s.out, "%s: the engine does not know the store\n", store.ID)
			differing++
			continue
		}
		if err != nil {
			return err
		}
		for _, d := range differ {
			fmt.Fprintf(s.out, "%s: %s: available %d, by its movements %d; reserved %d, by its movements %d\n",
				store.ID, d.ProductID, d.Live.Available, d.Recorded.Available, d.Live.Reserved, d.Recorded.Reserved)
		}
		differing += len(differ)
		if time.Since(began) > time.Second { // only those who wait want to know
			fmt.Fprintf(s.out, "%d of %d stores\n", i+1, len(s.stores))
			began = time.Now()
		}
	}
	if differing > 0 {
		return fmt.Errorf("%d products: %w", differing, errStockDiffers)
	}
	fmt.Fprintf(s.out, "Stock is the sum of its movements in all of %d stores.\n", len(s.stores))
	return nil
}

func rebuildStock(ctx context.Context, s stockTools, replace bool) error {
	moved, err := s.inventory.Drain(ctx)
	if err != nil {
		return err
	}
	if moved > 0 {
		fmt.Fprintf(s.out, "%d movements written to the database first\n", moved)
	}
	if err := s.inventory.Load(ctx); err != nil { // which rebuilds what is missing
		return err
	}
	left := 0
	for _, store := range s.stores {
		differ, err := s.inventory.Check(ctx, store.ID)
		switch {
		case err != nil:
			return err
		case len(differ) > 0 && replace:
			if err := s.inventory.Restore(ctx, store.ID); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: replaced; %d products differed\n", store.ID, len(differ))
		case len(differ) > 0:
			fmt.Fprintf(s.out, "%s: left alone; %d products differ\n", store.ID, len(differ))
			left++
		}
	}
	if left > 0 {
		return fmt.Errorf("%d stores differ from their movements; --replace replaces their stock", left)
	}
	fmt.Fprintf(s.out, "Stock is the sum of its movements in all of %d stores.\n", len(s.stores))
	return nil
}
