package ingest

import (
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"hyperlocal/ingest/pingpb"
)

// format is what a body is written in.
type format uint8

const (
	formatJSON     format = iota // one, an array, or lines: it shows
	formatLines                  // the client says that there is one to a line
	formatProtobuf               // a Batch of pingpb/ping.proto
)

// formatOf reads what the client declares. Anything else than the other formats
// is JSON: curl -d declares a form.
func formatOf(contentType string) format {
	if contentType == echo.MIMEApplicationJSON || contentType == "" { // the usual
		return formatJSON
	}
	kind, _, _ := mime.ParseMediaType(contentType) // one that is wrong declares nothing
	switch kind {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return formatLines
	case pingpb.ContentType, "application/protobuf", "application/vnd.google.protobuf":
		return formatProtobuf
	}
	return formatJSON
}

// decode appends the pings of a body in this format. See Decode.
func (f format) decode(pings []Ping, body []byte, max int) ([]Ping, error) {
	if f == formatProtobuf {
		return DecodeProtobuf(pings, body, max)
	}
	return Decode(pings, body, f == formatLines, max)
}

// wantsProtobuf reports whether the answer is to be protobuf, too.
func wantsProtobuf(r *http.Request) bool {
	for kind := range strings.SplitSeq(r.Header.Get(echo.HeaderAccept), ",") {
		if formatOf(strings.TrimSpace(kind)) == formatProtobuf {
			return true
		}
	}
	return false
}
