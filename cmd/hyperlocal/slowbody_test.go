package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A body that does not come in time is ended, also one of which a byte comes now and
// then.
func TestSlowBodyIsEnded(t *testing.T) {
	p := startServer(t, "--body-timeout", "1s")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fprint(conn, "POST /v1/locations HTTP/1.1\r\nHost: h\r\nContent-Length: 4000\r\n\r\n[")
	require.NoError(t, err)
	go func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; <-tick.C {
			if _, err := conn.Write([]byte(" ")); err != nil {
				tick.Stop()
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusRequestTimeout, res.StatusCode)
	require.True(t, res.Close)
}
