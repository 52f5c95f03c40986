package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"hyperlocal/cache/lease"
)

// errServerRuns ends `hyperlocal rebuild` beside a server.
var errServerRuns = errors.New("a server runs on this engine, or did a moment ago; stop it, or --force")

func rebuildCommand() *cobra.Command {
	var replace, force bool
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Restore the engine's stock and reservations from the database",
		Long: `Restore the engine's stock and reservations from the database. A store of which
the engine has nothing is always restored, as at a server's start; with --replace,
so is one that differs from its movements, see hyperlocal check.

Movements that wait in the engine are written to the database first. Reservations
end when they would have ended.

No server may run on this engine meanwhile. Beside a server on Redis it does nothing
unless it is told to --force; then stock that moves while it is replaced is left as
it is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStock(cmd, engineMayBeLost, func(ctx context.Context, s stockTools) error {
				if s.shared && !force {
					release, err := claimStock(ctx, s)
					if err != nil {
						return err
					}
					defer release()
				}
				return rebuildStock(ctx, s, replace)
			})
		},
	}
	stockFlags(cmd.Flags())
	cmd.Flags().BoolVar(&replace, "replace", false, "replace stock that differs from its movements")
	cmd.Flags().BoolVar(&force, "force", false, "do it beside a running server")
	return cmd
}

// claimStock takes the jobs of servers that change stock by themselves, until release
// is called.
func claimStock(ctx context.Context, s stockTools) (release func(), err error) {
	ctx, stop := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	release = func() {
		stop()
		renewing.Wait()
	}
	for _, job := range []string{jobExpire, jobDrainStock} {
		l := lease.New(s.engine, job, "rebuild "+uuid.NewString(), leaseFor)
		token, err := l.Take(ctx)
		if err == nil && token == 0 {
			err = errServerRuns
		}
		if err != nil {
			release()
			return nil, err
		}
		renewing.Go(func() {
			l.Hold(ctx, slog.New(slog.DiscardHandler), func(ctx context.Context) { <-ctx.Done() })
		})
	}
	return release, nil
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
	left, incomplete := 0, 0
	for _, store := range s.stores {
		found, err := s.inventory.Check(ctx, store.id)
		if err != nil {
			return err
		}
		if !store.recorded {
			fmt.Fprintf(s.out, "%s: left alone; the database does not know the store\n", store.id)
			left++
			continue
		}
		if found.Missing > 0 { // which cannot be restored
			fmt.Fprintf(s.out, "%s: %d movements are missing in the database\n", store.id, found.Missing)
			incomplete++
		}
		switch n := found.Replaceable(); {
		case n > 0 && replace:
			if err := s.inventory.Restore(ctx, store.id); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s: replaced; there were %d differences\n", store.id, n)
		case n > 0:
			fmt.Fprintf(s.out, "%s: left alone; there are %d differences\n", store.id, n)
			left++
		}
	}
	switch {
	case left > 0:
		return fmt.Errorf("%d stores differ from their movements; --replace replaces their stock", left)
	case incomplete > 0:
		return fmt.Errorf("of %d stores the database does not have all movements", incomplete)
	}
	s.printSum()
	return nil
}
