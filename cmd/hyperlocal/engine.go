package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"hyperlocal/cache/memory"
)

// engineDir is where the memory engine keeps its files.
func engineDir(dataDir string) string { return filepath.Join(dataDir, "engine") }

var errNeedsRepair = errors.New("the engine's files are damaged")

func engineCommand() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Look at the memory engine's files, and repair them",
	}
	cmd.PersistentFlags().StringVar(&dataDir, "data-dir", "data", "the server's data `folder`")

	check := &cobra.Command{
		Use:   "check",
		Short: "Say what the memory engine's files hold; change nothing",
		Long: `Say what the memory engine's files hold, and whether a server can start with
them. Nothing is changed. The server must not be running.

The exit status is 0 if a server can start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := memory.Check(engineDir(dataDir))
			if err != nil {
				return err
			}
			printReport(cmd.OutOrStdout(), r)
			return needsRepair(r)
		},
	}

	apply := false
	repair := &cobra.Command{
		Use:   "repair",
		Short: "Say what can be kept of damaged files; with --apply, keep that",
		Long: `Say what can be kept of the memory engine's damaged files, and what would be
lost. With --apply, keep that: write it as a new snapshot and move all other
files into a folder beside it. No file is removed. The server must not be
running.

Restoring a copy of the folder is better, where there is one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			look := memory.Check
			if apply {
				look = memory.Repair
			}
			r, err := look(engineDir(dataDir))
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			printReport(out, r)
			switch {
			case len(r.Damage) == 0:
				fmt.Fprintln(out, "Nothing to repair.")
			case r.Aside != "":
				fmt.Fprintf(out, "Repaired. The files as they were are in %s\n", r.Aside)
			default:
				fmt.Fprintln(out, "Nothing has been changed. To go on with what can be kept: hyperlocal engine repair --apply")
			}
			return nil
		},
	}
	repair.Flags().BoolVar(&apply, "apply", false, "do it")
	cmd.AddCommand(check, repair)
	return cmd
}

func needsRepair(r *memory.Report) error {
	if len(r.Damage) == 0 {
		return nil
	}
	return fmt.Errorf("%w: restore a copy, or see hyperlocal engine repair", errNeedsRepair)
}

func printReport(w io.Writer, r *memory.Report) {
	for _, f := range r.Files {
		fmt.Fprintf(w, "%-30s %12d bytes, last written %s\n", f.Name, f.Size, f.Modified.Format(time.RFC3339))
	}
	if r.Cut != nil {
		fmt.Fprintf(w, "%s: the next start cuts off %d bytes at offset %d: %s\n",
			filepath.Base(r.Cut.File), r.Cut.Bytes, r.Cut.Offset, r.Cut.Detail)
	}
	if len(r.Damage) == 0 {
		fmt.Fprintf(w, "%d keys, up to record %d. A server can start with this.\n", r.Keys, r.Last)
		return
	}
	for _, d := range r.Damage {
		fmt.Fprintf(w, "DAMAGE %s at offset %d, %d bytes: %s\n", filepath.Base(d.File), d.Offset, d.Bytes, d.Detail)
	}
	fmt.Fprintf(w, "Can be kept: %d keys, as they were after record %d.\n", r.Keys, r.Last)
	if r.Parts {
		fmt.Fprintln(w, "             What the damaged part of a file held of them, or of other keys, is lost.")
	}
	fmt.Fprintf(w, "Would be lost: %d later records about %d keys, which can still be read, and %d that cannot.\n",
		r.Lost, r.LostKeys, r.Unread)
}
