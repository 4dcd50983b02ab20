//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// The administrator of every secured server. They are what OpenSearch's security plugin comes with, so
// Elasticsearch gets the same. The servers listen on the loopback address only, and live for minutes.
const (
	administrator         = "admin"
	administratorPassword = "admin"
)

// certificates is the folder of the authority and of the server's pair, below config.
const certificates = "certs"

func (i *instance) authority() string {
	return filepath.Join(i.home(), "config", certificates, "ca.pem")
}

// client makes a client that trusts the server.
func (i *instance) client() (*http.Client, error) {
	if !i.Secured {
		return http.DefaultClient, nil
	}
	authority, err := os.ReadFile(i.authority())
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, nil
}

// secure writes what a secured server needs into its configuration folder: an authority of its own, a
// pair that it signed, and the administrator.
func secure(k kind, config string) error {
	files, err := newCertificates()
	if err != nil {
		return err
	}
	if k == elasticsearch {
		hash, err := bcrypt.GenerateFromPassword([]byte(administratorPassword), bcrypt.MinCost)
		if err != nil {
			return err
		}
		files["users"] = fmt.Appendf(nil, "%s:%s\n", administrator, hash)
		files["users_roles"] = fmt.Appendf(nil, "superuser:%s\n", administrator)
	}
	for name, content := range files {
		file := filepath.Join(config, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// securitySettings are lines of the configuration file.
func securitySettings(k kind) []string {
	if k == elasticsearch {
		return []string{
			"xpack.security.enabled: true",
			"xpack.security.http.ssl.enabled: true",
			"xpack.security.http.ssl.key: certs/node.key",
			"xpack.security.http.ssl.certificate: certs/node.pem",
		}
	}
	lines := []string{
		"plugins.security.ssl.http.enabled: true",
		"plugins.security.allow_default_init_securityindex: true",
		"plugins.security.nodes_dn: ['CN=node']",
		"plugins.security.restapi.roles_enabled: ['all_access']",
		"plugins.security.ssl.transport.enforce_hostname_verification: false",
	}
	for _, layer := range []string{"http", "transport"} {
		for key, file := range map[string]string{"cert": "node.pem", "key": "node.key", "trustedcas": "ca.pem"} {
			lines = append(lines, fmt.Sprintf("plugins.security.ssl.%s.pem%s_filepath: certs/%s", layer, key, file))
		}
	}
	return lines
}

// newCertificates makes an authority, and a pair for the loopback address, as PEM.
func newCertificates() (map[string][]byte, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	begin := time.Now().Add(-time.Hour)
	end := begin.AddDate(1, 0, 0)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "k6es test CA"}, NotBefore: begin, NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	node := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"}, NotBefore: begin, NotAfter: end,
		DNSNames: []string{"localhost", "k6es.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		return nil, err
	}
	nodeDER, err := x509.CreateCertificate(rand.Reader, node, authority, &key.PublicKey, authorityKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		filepath.Join(certificates, "ca.pem"):   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}),
		filepath.Join(certificates, "node.pem"): pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: nodeDER}),
		filepath.Join(certificates, "node.key"): pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}
