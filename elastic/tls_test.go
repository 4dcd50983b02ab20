package elastic_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// authority is a CA of one test, and the pairs that it signed.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	folder      string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{folder: t.TempDir()}
	a.key = a.newKey(t)
	a.certificate = &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test CA"},
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	a.write(t, "ca.pem", "CERTIFICATE", a.sign(t, a.certificate, a.key))
	return a
}

func (a *authority) newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	return der
}

func (a *authority) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	require.NoError(t, os.WriteFile(a.file(name), text, 0o600))
}

func (a *authority) file(name string) string { return filepath.Join(a.folder, name) }

// issue signs a pair for 127.0.0.1 and writes it to name.pem and name.key.
func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := a.newKey(t)
	der := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: name},
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key)
	a.write(t, name+".pem", "CERTIFICATE", der)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	a.write(t, name+".key", "EC PRIVATE KEY", private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve starts a TLS server that wants a client certificate of this authority.
func (a *authority) serve(t *testing.T) string {
	t.Helper()
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(a.file("ca.pem"))
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(pem))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{a.issue(t, "server")},
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	url := ca.serve(t)
	ca.issue(t, "client")
	good := elastic.Config{
		URLs:           []string{url},
		CACertFile:     ca.file("ca.pem"),
		ClientCertFile: ca.file("client.pem"),
		ClientKeyFile:  ca.file("client.key"),
	}
	require.NoError(t, get(t, newClient(t, good)))

	anyServer := good
	anyServer.CACertFile, anyServer.InsecureSkipVerify = "", true
	require.NoError(t, get(t, newClient(t, anyServer)))

	unknown := good
	unknown.CACertFile = ""
	err := get(t, newClient(t, unknown))
	require.ErrorContains(t, err, url+" shows a certificate that is not trusted (")
	require.ErrorContains(t, err, "Set K6_ELASTICSEARCH_CA_CERT_FILE")

	nobody := good
	nobody.ClientCertFile, nobody.ClientKeyFile = "", ""
	require.ErrorContains(t, get(t, newClient(t, nobody)), "certificate required")
}

// TLS 1.2 is the least that is spoken, also with a server whose certificate nobody looks at.
func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // that is the point
	server.StartTLS()
	t.Cleanup(server.Close)
	err := get(t, newClient(t, elastic.Config{URLs: []string{server.URL}, InsecureSkipVerify: true}))
	require.ErrorContains(t, err, "protocol version not supported")
}

func TestWrongCertificateFiles(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ca.issue(t, "client")
	require.NoError(t, os.WriteFile(ca.file("empty.pem"), nil, 0o600))
	const pair = "cannot use client-cert-file (K6_ELASTICSEARCH_CLIENT_CERT_FILE) with client-key-file (K6_ELASTICSEARCH_CLIENT_KEY_FILE): "
	tests := map[string]struct {
		config elastic.Config
		want   string
	}{
		"no client file":    {elastic.Config{ClientCertFile: ca.file("none"), ClientKeyFile: ca.file("client.key")}, pair + "open " + ca.file("none")},
		"no CA file":        {elastic.Config{CACertFile: ca.file("none")}, "cannot use ca-cert-file (K6_ELASTICSEARCH_CA_CERT_FILE): open "},
		"no PEM":            {elastic.Config{CACertFile: ca.file("empty.pem")}, "cannot use ca-cert-file (K6_ELASTICSEARCH_CA_CERT_FILE): " + ca.file("empty.pem") + " holds no PEM certificate"},
		"key missing":       {elastic.Config{ClientCertFile: ca.file("client.pem")}, "needs both"},
		"key of another":    {elastic.Config{ClientCertFile: ca.file("ca.pem"), ClientKeyFile: ca.file("client.key")}, pair},
		"certificate twice": {elastic.Config{ClientCertFile: ca.file("client.pem"), ClientKeyFile: ca.file("client.pem")}, pair},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := elastic.New(test.config)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestHTTPSToAServerWithoutTLS(t *testing.T) {
	t.Parallel()
	url := answer(t, http.StatusOK, "{}")
	host := url[len("http://"):]
	err := get(t, newClient(t, elastic.Config{URLs: []string{"https://" + host}}))
	assert.EqualError(t, err, "https://"+host+" does not speak TLS. Use http://"+host)
}
