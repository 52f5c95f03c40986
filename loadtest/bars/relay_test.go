package main

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A node behind a relay is asked everything but batches.
func TestRelay(t *testing.T) {
	const query, batch, result = 0x07, 0x0d, 0x08
	node, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer node.Close()
	go func() { // answers every request with its own body
		conn, err := node.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			frame, err := readFrame(conn, nil)
			if err != nil {
				return
			}
			frame[0], frame[4] = 0x84, result
			if _, err := conn.Write(frame); err != nil {
				return
			}
		}
	}()
	r, err := newRelay(node.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, r.close()) }()
	conn, err := net.Dial("tcp", r.addr())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))

	ask := func(op, stream byte) {
		_, err := conn.Write([]byte{0x04, 0, 0, stream, op, 0, 0, 0, 2, 'h', 'i'})
		require.NoError(t, err)
	}
	answered := func(stream byte, body ...byte) {
		t.Helper()
		frame, err := readFrame(conn, nil)
		require.NoError(t, err)
		require.Equal(t, append([]byte{0x84, 0, 0, stream, result, 0, 0, 0, byte(len(body))}, body...), frame)
	}
	ask(query, 1)
	answered(1, 'h', 'i')
	ask(batch, 2)
	answered(2, 0, 0, 0, 1)

	require.NoError(t, r.pause())
	ask(query, 3)
	ask(batch, 4)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = readFrame(conn, nil)
	require.Error(t, err, "while nothing goes either way")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	require.NoError(t, r.resume())
	answered(3, 'h', 'i')
	answered(4, 0, 0, 0, 1)
}
