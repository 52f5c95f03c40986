package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"hyperlocal/problem"
)

// How stubborn a client is.
const (
	maxTries       = 4
	maxElapsed     = 15 * time.Second
	requestTimeout = 10 * time.Second
	maxReplyBytes  = 16 << 20
)

// Client calls the public API over connections that it keeps. It may be used by
// any number of goroutines.
type Client struct {
	base string
	http *http.Client
}

// NewClient returns a client of the server at a base URL such as
// http://127.0.0.1:8080. A transport of nil is one of the client's own.
func NewClient(baseURL string, transport http.RoundTripper) *Client {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 16 // the default of 2 closes what more callers open
		transport = t
	}
	return &Client{
		base: strings.TrimRight(baseURL, "/"),
		http: &http.Client{Transport: transport, Timeout: requestTimeout},
	}
}

// CloseIdle gives up the connections that no call is using.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Do sends body as JSON, unless it is nil, and reads the reply's JSON into out,
// unless that is nil. A call that could not be made, or that the server has no
// room or no means for just now (429 and 5xx), is repeated up to four times in
// 15 s, at the pace of the server's Retry-After where it gives one; a POST has
// the same Idempotency-Key each time, so that it is carried out once. What the
// server refuses comes back as a [*problem.Problem].
func (c *Client) Do(ctx context.Context, method, path string, body, out any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	header := http.Header{"Accept": {"application/json"}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPost {
		header.Set("Idempotency-Key", uuid.NewString())
	}
	reply, err := backoff.Retry(ctx, func() ([]byte, error) {
		return c.try(ctx, method, path, header, content)
	}, backoff.WithMaxTries(maxTries), backoff.WithMaxElapsedTime(maxElapsed))
	if err == nil && out != nil {
		err = json.Unmarshal(reply, out)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// try makes the call once and tells backoff, by the error, whether and when to
// repeat it.
func (c *Client) try(ctx context.Context, method, path string, header http.Header, content []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(content))
	if err != nil {
		return nil, backoff.Permanent(err)
	}
	req.Header = header
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err // backoff itself gives up when ctx is done
	}
	defer res.Body.Close()
	// Read to the end, or the connection cannot be used again.
	reply, err := io.ReadAll(io.LimitReader(res.Body, maxReplyBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(reply) > maxReplyBytes:
		return nil, backoff.Permanent(errors.New("the reply is too long"))
	case res.StatusCode < 300:
		return reply, nil
	}
	refusal := refusalOf(res, reply)
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode < 500 {
		return nil, backoff.Permanent(refusal)
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 {
		return nil, fmt.Errorf("%w; %w", refusal, backoff.RetryAfter(s))
	}
	return nil, refusal
}

// refusalOf reads a problem document, or makes one of a reply that is none.
func refusalOf(res *http.Response, reply []byte) *problem.Problem {
	p := new(problem.Problem)
	if json.Unmarshal(reply, p) != nil || p.Title == "" {
		p = problem.New(res.StatusCode, "unexpected-reply", http.StatusText(res.StatusCode))
	}
	p.Status = res.StatusCode
	return p
}
