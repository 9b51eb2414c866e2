package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"berth/internal/authority"
)

// certificate gives the one that Berth serves: the operator's, else its own
// self-signed one in the data folder, made once and renewed when it runs out.
func (o HTTPOptions) certificate(dataDir string, now time.Time, log *slog.Logger) (tls.Certificate, error) {
	if o.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
		if err != nil {
			return cert, fmt.Errorf("reading the certificate: %w", err)
		}
		return cert, nil
	}
	path := filepath.Join(dataDir, "tls.pem")
	cert, err := tls.LoadX509KeyPair(path, path)
	switch {
	case err == nil && now.Before(cert.Leaf.NotAfter.Add(-7*24*time.Hour)):
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if cert, err = makeCertificate(path, o.names(), now); err != nil {
			return cert, fmt.Errorf("making a self-signed certificate: %w", err)
		}
	default:
		return cert, fmt.Errorf("reading %s: %w", path, err)
	}
	log.Info("serving a self-signed certificate; compare its fingerprint when the browser asks", "sha256", authority.Fingerprint(cert.Leaf.Raw))
	return cert, nil
}

// names are all that the self-signed certificate should be good for.
func (o HTTPOptions) names() []string {
	names := append([]string{"localhost"}, o.AllowedHost...)
	if o.PublicURL != nil {
		names = append(names, o.PublicURL.Hostname())
	}
	if host, _, err := net.SplitHostPort(o.Listen); err == nil && host != "" {
		names = append(names, host)
	}
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
				names = append(names, n.IP.String())
			}
		}
	}
	return names
}

func makeCertificate(path string, names []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Berth"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(2, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(text, text)
}
