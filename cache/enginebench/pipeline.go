//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// depth is how many commands are sent before their replies are read.
const depth = 16

// pipeline holds encoded commands in groups of depth.
type pipeline struct {
	groups []group
}

type group struct {
	bytes    []byte
	commands int
}

// add encodes a command: RESP2, an array of bulk strings.
func (p *pipeline) add(args ...string) {
	if n := len(p.groups); n == 0 || p.groups[n-1].commands == depth {
		p.groups = append(p.groups, group{})
	}
	g := &p.groups[len(p.groups)-1]
	g.commands++
	g.bytes = fmt.Appendf(g.bytes, "*%d\r\n", len(args))
	for _, a := range args {
		g.bytes = fmt.Appendf(g.bytes, "$%d\r\n%s\r\n", len(a), a)
	}
}

// conn is a connection to a redis-server, for one user at a time.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

// run sends each group and reads its replies. An error among them is returned.
func (c *conn) run(p *pipeline) error {
	for _, g := range p.groups {
		if _, err := c.Write(g.bytes); err != nil {
			return err
		}
		for range g.commands {
			if _, err := c.reply(); err != nil {
				return err
			}
		}
	}
	return nil
}

// do runs one command and returns the first line of its reply.
func (c *conn) do(args ...string) (string, error) {
	var p pipeline
	p.add(args...)
	if _, err := c.Write(p.groups[0].bytes); err != nil {
		return "", err
	}
	return c.reply()
}

// reply reads a RESP2 reply whole and returns its first line.
func (c *conn) reply() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", errors.New("redis: empty reply")
	}
	switch line[0] {
	case '-':
		return "", fmt.Errorf("redis: %s", line[1:])
	case '$', '*':
		n, err := strconv.Atoi(line[1:])
		if err != nil {
			return "", fmt.Errorf("redis: reply %q", line)
		}
		if line[0] == '$' && n >= 0 {
			_, err = io.CopyN(io.Discard, c.r, int64(n)+2)
			return line, err
		}
		for range n {
			if _, err := c.reply(); err != nil {
				return "", err
			}
		}
	}
	return line, nil
}
