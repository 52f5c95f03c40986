package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// relay stands between the server and a Cassandra node, and answers batches of rows in
// the node's place, after a time: the server does all it does for a flush, and the
// machine's cores do nothing of what a node does, which has cores of its own elsewhere.
// All else is the node's to answer. The frames are those of
// https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec.
type relay struct {
	node     string // address
	listener net.Listener
	group    sync.WaitGroup
	still    sync.RWMutex // written: nothing goes either way
	held     bool
}

// answersAfter is about what a node that is not busy takes for a batch.
const answersAfter = 2 * time.Millisecond

func newRelay(node string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{node: node, listener: l}
	r.group.Go(r.accept)
	return r, nil
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		server, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		node, err := net.Dial("tcp", r.node)
		if err != nil {
			_ = server.Close() // the server hears of it so
			continue
		}
		back := &replies{conn: server}
		r.group.Go(func() { r.pass(server, node, back.batch, node.Write) })
		r.group.Go(func() { r.pass(node, server, nil, back.Write) })
	}
}

// pass hands frames on until a connection ends, but those that swallow takes.
func (r *relay) pass(from, to net.Conn, swallow func(frame []byte) bool, write func([]byte) (int, error)) {
	defer from.Close()
	defer to.Close()
	var buf []byte
	for {
		frame, err := readFrame(from, buf)
		if err != nil {
			return
		}
		buf = frame
		r.still.RLock()
		if swallow == nil || !swallow(frame) {
			_, err = write(frame)
		}
		r.still.RUnlock()
		if err != nil {
			return
		}
	}
}

// A frame is a header of 9 bytes (version, flags, two of the stream, operation, four of
// the body's length), and the body.
const headerSize = 9

func readFrame(from io.Reader, buf []byte) ([]byte, error) {
	buf = append(buf[:0], make([]byte, headerSize)...)
	if _, err := io.ReadFull(from, buf); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(buf[5:])
	if size > 256<<20 {
		return nil, errors.New("a frame is longer than the protocol allows")
	}
	buf = append(buf, make([]byte, size)...)
	_, err := io.ReadFull(from, buf[headerSize:])
	return buf, err
}

// replies are what goes back to the server on a connection: the node's and the relay's.
type replies struct {
	mu   sync.Mutex
	conn net.Conn
}

func (b *replies) Write(frame []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conn.Write(frame)
}

// batch answers a batch, and tells whether the frame is one.
func (b *replies) batch(frame []byte) bool {
	const version, result, batch = 0x84, 0x08, 0x0d
	if frame[4] != batch {
		return false
	}
	void := []byte{version, 0, frame[2], frame[3], result, 0, 0, 0, 4, 0, 0, 0, 1}
	time.AfterFunc(answersAfter, func() { _, _ = b.Write(void) }) // a server that has gone does not miss it
	return true
}

func (r *relay) pause() error {
	r.still.Lock()
	r.held = true
	return nil
}

func (r *relay) resume() error {
	if r.held {
		r.held = false
		r.still.Unlock()
	}
	return nil
}

// close waits until the server has ended its connections.
func (r *relay) close() error {
	err := r.listener.Close()
	r.group.Wait()
	return err
}
