// Command cqlping asks a Cassandra node for its version over CQL, once. It exits
// 0 and prints the version if the node answered the query, 1 if it did not: an
// open port alone says nothing about whether statements are served yet.
//
//	cqlping 127.0.0.1:19042
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/gocql/gocql"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cqlping HOST:PORT")
		os.Exit(2)
	}
	version, err := ping(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cqlping:", err)
		os.Exit(1)
	}
	fmt.Println(version)
}

// ping returns the release version that the node at address reports.
func ping(address string) (string, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return "", fmt.Errorf("port %q: %w", portText, err)
	}
	cluster := gocql.NewCluster(host)
	cluster.Port = port
	cluster.Timeout = 5 * time.Second
	cluster.ConnectTimeout = 2 * time.Second
	// The driver's own log repeats, at length, the error returned here.
	cluster.Logger = log.New(io.Discard, "", 0)
	session, err := cluster.CreateSession()
	if err != nil {
		return "", err
	}
	defer session.Close()

	var version string
	err = session.Query("SELECT release_version FROM system.local").Scan(&version)
	return version, err
}
