package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// position is where a scan stands: at a server's own cursor, and on a Cluster at
// which of the primaries that there were.
type position struct {
	sum    uint32 // of the cluster's shape
	node   int    // index in it
	cursor uint64
}

// Scan implements cache.Keys. The cursor is the server's, "0" being "", and on a
// Cluster it says which primary it is of.
func (e *Engine) Scan(ctx context.Context, cursor, match string, count int) ([]string, string, error) {
	at, err := e.parsePosition(cursor)
	if err != nil {
		return nil, "", refuse("SCAN", cursor, err)
	}
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	nodes, sum, err := e.primaries(ctx)
	if err != nil {
		return nil, "", fail("SCAN", match, err)
	}
	if at.sum != sum || at.node >= len(nodes) {
		at = position{sum: sum} // keys may have moved to where the scan has been
	}
	node := nodes[at.node]
	scan := node.B().Scan().Cursor(at.cursor).Match(anyIfEmpty(match))
	cmd := scan.Build
	if count > 0 {
		cmd = scan.Count(int64(count)).Build
	}
	page, err := e.orClosed(node.Do(ctx, cmd())).AsScanEntry()
	if err != nil {
		return nil, "", fail("SCAN", match, err)
	}
	if at.cursor = page.Cursor; at.cursor == 0 {
		if at.node++; at.node == len(nodes) {
			return page.Elements, "", nil
		}
	}
	return page.Elements, e.formatPosition(at), nil
}

func (e *Engine) parsePosition(text string) (position, error) {
	if !e.cluster || text == "" {
		cursor, err := parseCursor(text)
		return position{cursor: cursor}, err
	}
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return position{}, errCursor
	}
	sum, err1 := strconv.ParseUint(parts[0], 16, 32)
	node, err2 := strconv.ParseUint(parts[1], 10, 16)
	cursor, err3 := strconv.ParseUint(parts[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return position{}, errCursor
	}
	return position{sum: uint32(sum), node: int(node), cursor: cursor}, nil
}

func (e *Engine) formatPosition(at position) string {
	if !e.cluster {
		return formatCursor(at.cursor)
	}
	return fmt.Sprintf("%08x-%d-%d", at.sum, at.node, at.cursor)
}

func parseCursor(cursor string) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	at, err := strconv.ParseUint(cursor, 10, 64)
	if err != nil {
		return 0, errCursor
	}
	return at, nil
}

func formatCursor(at uint64) string {
	if at == 0 {
		return ""
	}
	return strconv.FormatUint(at, 10)
}
