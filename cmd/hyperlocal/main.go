// Command hyperlocal is the server and its tools: one binary, whatever it runs
// on. This package is flags, wiring and signals; everything else is elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	// The first signal asks for a clean stop, a second one ends the process
	// at once: stop() gives the signals back to their default handlers.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	if err := rootCommand().ExecuteContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "hyperlocal:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "hyperlocal",
		Short: "Where is everyone, and what is on the shelf nearest to this customer",
		Long: `Hyperlocal is the real-time location and inventory backend of a delivery
company. It takes GPS pings from partner apps, keeps the stock of dark stores,
tells customers about their order as it moves, and leaves the durable record in
a database at a tenth of the write rate.

  hyperlocal serve --demo        a city on a live map, to look around
  hyperlocal serve               the empty product
  hyperlocal import FILE.csv     fill the catalogue of a running server's database
  hyperlocal export tracks       write a part of the database as text
  hyperlocal loadtest            load a server as a fleet of phones does
  hyperlocal check               compare stock with the sum of its movements
  hyperlocal rebuild             restore the engine's stock from the database
  hyperlocal engine check        look at the memory engine's files`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand(), importCommand(), exportCommand(), loadtestCommand(), checkCommand(), rebuildCommand(), engineCommand())
	return root
}
