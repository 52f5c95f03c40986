package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRESPConfig(t *testing.T) {
	for _, c := range []struct {
		addr, password string
		engine         string
		want, refused  string
	}{
		{addr: "", want: ""},
		{addr: "6379", want: "127.0.0.1:6379"},
		{addr: ":6379", want: "127.0.0.1:6379"},
		{addr: "[::1]:6379", want: "[::1]:6379"},
		{addr: "localhost:6379", want: "localhost:6379"},
		{addr: "0.0.0.0:6379", password: "p", want: "0.0.0.0:6379"},
		{addr: "0.0.0.0:6379", refused: "HYPERLOCAL_RESP_PASSWORD"},
		{addr: "10.0.0.1:6379", refused: "HYPERLOCAL_RESP_PASSWORD"},
		{addr: "redis.internal:6379", refused: "HYPERLOCAL_RESP_PASSWORD"},
		{addr: "1:2:3", refused: "--resp-addr"},
		{addr: "6379", engine: "redis://localhost", refused: "--engine redis://"},
	} {
		args := []string{"--resp-addr", c.addr, "--resp-password", c.password}
		if c.engine != "" {
			args = append(args, "--engine", c.engine)
		}
		config, err := load(t, args...)
		if c.refused != "" {
			require.ErrorContains(t, err, c.refused, c.addr)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, config.respAddr())
	}
}

// What partners' apps send is seen by a Redis client, and a stop of the server
// does not wait for that client.
func TestRESPShowsLiveData(t *testing.T) {
	const password = "open sesame"
	t.Setenv("HYPERLOCAL_RESP_PASSWORD", password)
	addr := freeAddr(t)
	p := startServer(t, "--data-dir", t.TempDir(), "--resp-addr", addr)
	p.do("POST", "/v1/locations", ping("rider-7", 12.9716, 77.5946, time.Now())).ok(http.StatusOK, nil)

	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	in := bufio.NewReader(conn)
	ask := func(line string, replies int) string {
		_, err := fmt.Fprintf(conn, "%s\r\n", line)
		require.NoError(t, err)
		var out strings.Builder
		for range replies {
			s, err := in.ReadString('\n')
			require.NoError(t, err)
			out.WriteString(s)
		}
		return out.String()
	}
	require.Equal(t, "-NOAUTH Authentication required.\r\n", ask("DBSIZE", 1))
	require.Equal(t, "+OK\r\n", ask("AUTH '"+password+"'", 1))
	require.Equal(t, "*1\r\n$7\r\nrider-7\r\n",
		ask("GEOSEARCH drivers:zone:{cell_tdr1v} FROMLONLAT 77.5946 12.9716 BYRADIUS 100 m ASC COUNT 1", 3))

	require.Zero(t, p.interrupt())
	_, err = in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.NotContains(t, p.out.String(), password)
}
