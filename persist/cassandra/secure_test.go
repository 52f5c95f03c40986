package cassandra

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hyperlocal/internal/testenv"
	"hyperlocal/persist"
)

// certificate makes a certificate for an address that signs itself, in two files: with
// its key as nodes want it, and alone.
func certificate(t *testing.T, address string) (withKey, alone string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "node"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	dir := t.TempDir()
	withKey, alone = filepath.Join(dir, "node.pem"), filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(withKey, append(private, public...), 0o600))
	require.NoError(t, os.WriteFile(alone, public, 0o600))
	return withKey, alone
}

// A node that speaks TLS only, to those with a password.
func TestSecureNode(t *testing.T) {
	t.Parallel()
	node, ca := certificate(t, "127.0.0.1")
	_, otherCA := certificate(t, "127.0.0.1")
	ring := testenv.OwnRingWith(t, 1, fmt.Sprintf(`
authenticator: PasswordAuthenticator
client_encryption_options:
  enabled: true
  optional: false
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: %s
`, node))
	host := ring.Hosts()
	open := func(credentials, parameters string) error {
		s, err := Open(t.Context(), "cassandra://"+credentials+host+"/secure?timeout=5s"+parameters, Options{})
		if err != nil {
			require.NotContains(t, err.Error(), "sesame")
			return err
		}
		defer func() { require.NoError(t, s.Close()) }()
		return s.WriteTracks(t.Context(), []persist.TrackRow{{DriverID: "d", Zone: "z", Fixes: 1}})
	}
	require.Eventually(t, func() bool { return open("cassandra:cassandra@", "&ca="+ca) == nil }, 3*time.Minute, 500*time.Millisecond,
		"the first user is made some seconds after the start")
	require.NoError(t, open("cassandra:cassandra@", "&tls=unverified"))
	for name, err := range map[string]error{
		"without TLS":           open("cassandra:cassandra@", ""),
		"with a wrong password": open("cassandra:sesame@", "&ca="+ca),
		"without a password":    open("", "&ca="+ca),
		"trusting another":      open("cassandra:cassandra@", "&ca="+otherCA),
		"trusting the system's": open("cassandra:cassandra@", "&tls=on"),
	} {
		require.ErrorIs(t, err, persist.ErrUnavailable, name)
	}
	// The certificate is for the address, not for the name.
	host = strings.Replace(host, "127.0.0.1", "localhost", 1)
	require.Error(t, open("cassandra:cassandra@", "&ca="+ca))
}

func TestTLSParameters(t *testing.T) {
	_, ca := certificate(t, "127.0.0.1")
	for parameters, says := range map[string]string{
		"tls=maybe":                "tls=maybe",
		"ca=/there/is/none":        "ca=/there/is/none",
		"ca=" + ca + "&cert=" + ca: "belong together",
	} {
		_, err := parseURL("cassandra://h/k?" + parameters)
		require.ErrorContains(t, err, says)
	}
	set, err := parseURL("cassandra://h/k")
	require.NoError(t, err)
	require.Nil(t, set.tls)
	set, err = parseURL("cassandra://h/k?ca=" + ca)
	require.NoError(t, err)
	require.True(t, set.tls.EnableHostVerification)
}
