package export

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

func (e *exporter) writeNDJSON(ctx context.Context, w io.Writer, read func(context.Context, emit) error) error {
	out := json.NewEncoder(w)
	return read(ctx, func(r record, done float64) error {
		e.wrote(1, done)
		return out.Encode(r)
	})
}

func (e *exporter) writeCSV(ctx context.Context, w io.Writer, columns []string, read func(context.Context, emit) error) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns); err != nil {
		return err
	}
	err := read(ctx, func(r record, done float64) error {
		e.wrote(1, done)
		return out.Write(r.row())
	})
	out.Flush()
	return errors.Join(err, out.Error())
}

// whole and decimal write numbers as a table has them.
func whole(n int64) string { return strconv.FormatInt(n, 10) }

func decimal(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }
