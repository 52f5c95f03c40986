package openloop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"hyperlocal/ingest/pingpb"
)

// sender sends batches over a connection of its own.
type sender interface {
	send(ctx context.Context, body []byte, pings int) error
	// verdicts returns how many pings that were sent since it was last called have
	// which verdict, once all of them have one.
	verdicts() (map[string]int64, error)
	close()
}

// answerWait is how long an answer may take.
const answerWait = 30 * time.Second

func (p *plan) newSender(ctx context.Context) (sender, error) {
	switch p.Protocol {
	case StreamJSON, StreamProtobuf:
		return p.openStream(ctx)
	case OwnTracks:
		header := http.Header{"Content-Type": {"application/json"}}
		return &phone{poster: p.newPoster("/v1/owntracks", header), ownTracks: true, told: map[string]int64{}}, nil
	case OsmAnd:
		return &phone{poster: p.newPoster("/v1/osmand", http.Header{}), told: map[string]int64{}}, nil
	}
	header := http.Header{"Content-Type": {p.Protocol.contentType()}, "Accept": {"application/json"}}
	if p.Protocol == Gzip {
		header.Set("Content-Encoding", "gzip")
	}
	return p.newPoster("/v1/locations", header), nil
}

// newPoster has a connection of its own.
func (p *plan) newPoster(path string, header http.Header) *poster {
	p.authorize(header)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = 1, 1
	return &poster{client: &http.Client{Transport: transport, Timeout: answerWait}, url: p.URL + path, header: header}
}

// poster sends batches over HTTP, one after the other.
type poster struct {
	client *http.Client
	url    string
	header http.Header
	answer []byte
}

// send returns when the answer is here.
func (s *poster) send(ctx context.Context, body []byte, _ int) error {
	_, err := s.post(ctx, s.url, body)
	return err
}

// post returns the answer's header; its body is in s.answer.
func (s *poster) post(ctx context.Context, url string, body []byte) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = s.header
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	buf := bytes.NewBuffer(s.answer[:0])
	_, err = io.Copy(buf, io.LimitReader(res.Body, 1<<20))
	s.answer = buf.Bytes()
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %.200s", res.StatusCode, s.answer)
	}
	return res.Header, nil
}

func (s *poster) verdicts() (map[string]int64, error) {
	var a struct {
		Verdicts map[string]int64 `json:"verdicts"`
	}
	if err := json.Unmarshal(s.answer, &a); err != nil {
		return nil, fmt.Errorf("answer %.200q: %w", s.answer, err)
	}
	return a.Verdicts, nil
}

func (s *poster) close() { s.client.CloseIdleConnections() }

// stream sends batches as frames of a WebSocket, and asks for acknowledgements.
type stream struct {
	conn  *websocket.Conn
	typ   int
	pings int64 // sent since the last acknowledgement
}

func (p *plan) openStream(ctx context.Context) (sender, error) {
	header := http.Header{}
	p.authorize(header)
	url := "ws" + strings.TrimPrefix(p.URL, "http") + "/v1/stream?ack_every=10000&ack_after_ms=60000"
	conn, res, err := websocket.DefaultDialer.DialContext(ctx, url, header)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	_ = res.Body.Close() // it has none
	s := &stream{conn: conn, typ: websocket.TextMessage}
	if p.Protocol == StreamProtobuf {
		s.typ = websocket.BinaryMessage
	}
	return s, nil
}

func (s *stream) send(_ context.Context, body []byte, pings int) error {
	s.pings += int64(pings)
	return s.conn.WriteMessage(s.typ, body)
}

func (s *stream) verdicts() (map[string]int64, error) {
	if err := s.conn.WriteMessage(s.typ, nil); err != nil { // asks for the acknowledgement
		return nil, err
	}
	verdicts := map[string]int64{}
	for told := int64(0); told < s.pings; {
		_ = s.conn.SetReadDeadline(time.Now().Add(answerWait)) // the read will say it
		_, ack, err := s.conn.ReadMessage()
		if err != nil {
			return nil, err
		}
		some, err := s.parse(ack)
		if err != nil {
			return nil, err
		}
		before := told
		for v, n := range some {
			verdicts[v] += n
			told += n
		}
		if told == before {
			break // it acknowledges nothing: the account will show that
		}
	}
	s.pings = 0
	return verdicts, nil
}

func (s *stream) parse(ack []byte) (map[string]int64, error) {
	out := map[string]int64{}
	if s.typ == websocket.TextMessage {
		err := json.Unmarshal(ack, &struct {
			Verdicts *map[string]int64 `json:"verdicts"`
		}{&out})
		return out, err
	}
	a, err := pingpb.ParseAnswer(ack)
	for v, n := range a.Verdicts {
		out[v] = int64(n)
	}
	return out, err
}

func (s *stream) close() {
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = s.conn.Close()
}
