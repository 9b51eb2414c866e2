package pvesim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/google/uuid"
)

// authority is the "Proxmox Virtual Environment" CA of one cluster.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

type leafCert struct {
	cert        *x509.Certificate
	tls         tls.Certificate
	fingerprint string
	pem         []byte
}

// Certificates use the real clock, since a client checks them against its own,
// whatever time the simulation tells.
func validity(days int) (time.Time, time.Time) {
	start := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)
	return start, start.Add(time.Duration(days) * 24 * time.Hour)
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of a CA: %w", err)
	}
	from, to := validity(3650)
	tmpl := &x509.Certificate{
		SerialNumber: serial(), NotBefore: from, NotAfter: to,
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: oidCN, Value: "Proxmox Virtual Environment"},
			{Type: oidOU, Value: uuid.NewString()},
			{Type: oidO, Value: "PVE Cluster Manager CA"},
		}},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read a CA back: %w", err)
	}
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

var (
	oidCN = []int{2, 5, 4, 3}
	oidO  = []int{2, 5, 4, 10}
	oidOU = []int{2, 5, 4, 11}
)

func serial() *big.Int { return new(big.Int).SetBytes(random(16)) }

// issue makes a node's certificate with the names that pvecm puts in.
func (a *authority) issue(node, host string) (*leafCert, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of node %s: %w", node, err)
	}
	from, to := validity(730)
	fqdn := node + ".lab.internal"
	tmpl := &x509.Certificate{
		SerialNumber: serial(), NotBefore: from, NotAfter: to,
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: oidOU, Value: "PVE Cluster Node"},
			{Type: oidO, Value: "Proxmox Virtual Environment"},
			{Type: oidCN, Value: fqdn},
		}},
		DNSNames:    []string{"localhost", node, fqdn},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil && host != "127.0.0.1" && host != "::1" {
		tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("issue the certificate of node %s: %w", node, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of node %s back: %w", node, err)
	}
	return &leafCert{
		cert: cert, fingerprint: fingerprint(der),
		tls: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert},
		pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}, nil
}

// present makes the node serve leaf from the next connection on. The new
// configuration has new session keys, so nothing resumes across the change.
func (n *Node) present(leaf *leafCert) {
	n.leaf.Store(leaf)
	n.tls.Store(&tls.Config{Certificates: []tls.Certificate{leaf.tls}, MinVersion: tls.VersionTLS12})
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	h := strings.ToUpper(hex.EncodeToString(sum[:]))
	parts := make([]string, 0, len(sum))
	for i := 0; i < len(h); i += 2 {
		parts = append(parts, h[i:i+2])
	}
	return strings.Join(parts, ":")
}

// certInfo is one entry of /nodes/{node}/certificates/info.
func certInfo(filename string, cert *x509.Certificate, pemBytes []byte) obj {
	san := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		san = append(san, ip.String())
	}
	return obj{
		{"filename", filename},
		{"fingerprint", fingerprint(cert.Raw)},
		{"issuer", slashName(cert.Issuer)},
		{"subject", slashName(cert.Subject)},
		{"notbefore", cert.NotBefore.Unix()},
		{"notafter", cert.NotAfter.Unix()},
		{"pem", string(pemBytes)},
		{"public-key-bits", 256},
		{"public-key-type", "id-ecPublicKey"},
		{"san", san},
	}
}

// slashName writes a name as OpenSSL's oneline form does, in encoded order.
func slashName(name pkix.Name) string {
	var b strings.Builder
	for _, a := range name.Names {
		switch {
		case a.Type.Equal(oidCN):
			b.WriteString("/CN=")
		case a.Type.Equal(oidO):
			b.WriteString("/O=")
		case a.Type.Equal(oidOU):
			b.WriteString("/OU=")
		default:
			continue
		}
		fmt.Fprint(&b, a.Value)
	}
	return b.String()
}
