package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hyperlocal/cache"
	"hyperlocal/cache/memory"
	"hyperlocal/internal/aside"
	"hyperlocal/inventory"
)

// errNoStores: most likely the wrong place was looked at.
var errNoStores = errors.New("neither the engine nor the database knows a store; is this the right --data-dir, --engine and --store?")

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
	engine    cache.Engine
	shared    bool // servers may be on the engine
	inventory *inventory.Inventory
	stores    []knownStore // in order of id
	out       io.Writer
}

// knownStore is a store that the database knows, or the engine alone.
type knownStore struct {
	id       string
	recorded bool
}

func (s stockTools) printSum() {
	fmt.Fprintf(s.out, "Stock is the sum of its movements in all of %d stores.\n", len(s.stores))
}

// Which folder of the memory engine must be there, so that none is made where a
// name was mistyped: its own, or, to restore one that is lost, that around it.
func engineMustExist(dataDir string) string { return engineDir(dataDir) }
func engineMayBeLost(dataDir string) string { return dataDir }

// withStock opens engine and database for a command on every store that either of
// them knows. It makes neither.
func withStock(cmd *cobra.Command, mustExist func(dataDir string) string, do func(context.Context, stockTools) error) (err error) {
	ctx := cmd.Context()
	c, err := loadConfig(cmd.Flags())
	if err != nil {
		return err
	}
	log, err := newLogger(cmd.ErrOrStderr(), c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	shared := c.Engine != "memory"
	if !shared {
		if _, err := os.Stat(mustExist(c.DataDir)); err != nil {
			return fmt.Errorf("--data-dir: %w", err)
		}
	}
	db, err := openExistingStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	engine, err := openEngine(ctx, c, log)
	if errors.Is(err, memory.ErrDirInUse) {
		return fmt.Errorf("%w; to look at a running server, give its --resp-addr as --engine redis://HOST:PORT", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	inv := inventory.New(engine, db, inventory.Options{Log: log, Aside: aside.New(c.refusedFile("movements"), maxAside)})
	stores, err := knownStores(ctx, inv)
	if err != nil {
		return err
	}
	return do(ctx, stockTools{engine, shared, inv, stores, cmd.OutOrStdout()})
}

// knownStores returns the stores of database and engine, of which there must be some.
func knownStores(ctx context.Context, inv *inventory.Inventory) ([]knownStore, error) {
	recorded, err := inv.Recorded(ctx)
	if err != nil {
		return nil, err
	}
	live, err := inv.Stores(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, s := range live {
		all[s.ID] = false
	}
	for _, s := range recorded {
		all[s.ID] = true
	}
	if len(all) == 0 {
		return nil, errNoStores
	}
	stores := make([]knownStore, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		stores = append(stores, knownStore{id, all[id]})
	}
	return stores, nil
}
