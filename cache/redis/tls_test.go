package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/cache"
	"hyperlocal/cache/redis"
)

// A server that takes TLS alone, asks clients for a certificate, and knows users.
func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	cert, key := ours.issue(t, "server")
	port := freePort(t)
	startServer(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ours.file,
		"--user", "app", "on", ">apps-secret", "~*", "&*", "+@all", "--user", "default", "off")
	addr := net.JoinHostPort("127.0.0.1", port)
	cert, key = ours.issue(t, "client")
	trusted := url.Values{"tls_ca": {ours.file}, "tls_cert": {cert}, "tls_key": {key}}

	e := open(t, "rediss://app:apps-secret@"+addr+"/3?"+trusted.Encode(), 2*time.Second)
	n, err := e.IncrBy(t.Context(), "n", 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	sub, err := e.Subscribe(t.Context(), "c")
	require.NoError(t, err)
	_, err = e.Publish(t.Context(), "c", "m")
	require.NoError(t, err)
	require.Equal(t, cache.Message{Channel: "c", Payload: "m"}, next(t, sub))

	wrongName := url.Values{"tls_ca": {ours.file}, "tls_cert": {cert}, "tls_key": {key}, "tls_name": {"another.example"}}
	for name, u := range map[string]string{
		"another authority": "rediss://app:apps-secret@" + addr + "?" + url.Values{"tls_ca": {others.file}, "tls_cert": {cert}, "tls_key": {key}}.Encode(),
		"another name":      "rediss://app:apps-secret@" + addr + "?" + wrongName.Encode(),
		"no certificate":    "rediss://app:apps-secret@" + addr + "?" + url.Values{"tls_ca": {ours.file}}.Encode(),
		"no TLS":            "redis://app:apps-secret@" + addr,
		"a wrong password":  "rediss://app:guess@" + addr + "?" + trusted.Encode(),
	} {
		_, err := redis.Open(t.Context(), u, redis.Options{Timeout: time.Second})
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "apps-secret", name)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// authority signs certificates for 127.0.0.1.
type authority struct {
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{file: filepath.Join(t.TempDir(), "ca.pem")}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a.cert = template("authority")
	a.cert.IsCA, a.cert.BasicConstraintsValid, a.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// issue makes a certificate and its key, and returns their files.
func (a authority) issue(t *testing.T, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template(name), a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "EC PRIVATE KEY", secret)
	return certFile, keyFile
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
