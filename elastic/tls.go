package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// idleConnections is how many connections a node keeps open for reuse: more than there are ever bulk
// requests in flight.
const idleConnections = 16

// The options that name files, for messages.
const (
	caFileOption   = "ca-cert-file (K6_ELASTICSEARCH_CA_CERT_FILE)"
	certFileOption = "client-cert-file (K6_ELASTICSEARCH_CLIENT_CERT_FILE)"
	keyFileOption  = "client-key-file (K6_ELASTICSEARCH_CLIENT_KEY_FILE)"
)

// transport makes what sends requests. Secrets that it learns on the way are added.
func (c Config) transport(secrets *secrets) (http.RoundTripper, error) {
	secure, err := c.tls()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = secure
	transport.MaxIdleConnsPerHost = idleConnections
	// HTTP/2 would put parallel bulk requests on one connection, and no server here speaks it.
	transport.ForceAttemptHTTP2 = false
	if err := c.useProxy(transport); err != nil {
		return nil, err
	}
	if c.SigV4.Region != "" {
		return newSigner(transport, c.SigV4, secrets), nil
	}
	return transport, nil
}

func (c Config) tls() (*tls.Config, error) {
	secure := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // asked for by option
	}
	if c.CACertFile != "" {
		roots, err := readRoots(c.CACertFile)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = roots
	}
	if (c.ClientCertFile == "") != (c.ClientKeyFile == "") {
		return nil, errors.New("a client certificate needs both: " + certFileOption + " and " + keyFileOption)
	}
	if c.ClientCertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.ClientCertFile, c.ClientKeyFile)
		if err != nil {
			return nil, fmt.Errorf("cannot use %s with %s: %w", certFileOption, keyFileOption, err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return secure, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", caFileOption, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("cannot use %s: %s holds no PEM certificate", caFileOption, file)
	}
	return roots, nil
}
