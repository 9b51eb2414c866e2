package pve

import (
	"context"
	"io"
	"strings"
	"time"

	"berth/internal/authority"
)

// Certificate is one of a node's certificate files.
type Certificate struct {
	File        string // "pve-root-ca.pem", "pve-ssl.pem", "pveproxy-ssl.pem"
	PEM         string
	Fingerprint string
	Subject     string
	Issuer      string
	Names       []string
	NotBefore   time.Time
	NotAfter    time.Time
}

// CertificatesInfo lists the CA, the node's own leaf and a custom one, where there is one, to any login.
func (c *Client) CertificatesInfo(ctx context.Context, node string) ([]Certificate, error) {
	call, err := getNode("reading the certificates of "+node, node, "certificates", "info")
	if err != nil {
		return nil, err
	}
	var v value
	err = c.do(ctx, call, func(body io.Reader) (err error) {
		v, err = readTree(body, maxPEM)
		return err
	})
	if err != nil {
		return nil, err
	}
	if v.kind != array && v.kind != null {
		return nil, c.oddAnswer(call.doing)
	}
	var all []Certificate
	for _, x := range v.items {
		cert := Certificate{File: x.get("filename").line(), PEM: x.get("pem").raw(), Fingerprint: strings.ToUpper(x.get("fingerprint").line()),
			Subject: x.get("subject").line(), Issuer: x.get("issuer").line(), NotBefore: x.get("notbefore").unix(), NotAfter: x.get("notafter").unix()}
		for _, n := range x.get("san").items {
			cert.Names = append(cert.Names, n.line())
		}
		if cert.File != "" {
			all = append(all, cert)
		}
	}
	return all, nil
}

// rootCA is the file name under which a node tells its cluster's CA.
const rootCA = "pve-root-ca.pem"

// OwnCA reads the cluster's own CA from a node (the empty name is the one that
// answers) and makes the trust that pins it. ok is false where the CA may not be
// pinned for the leaf that this connection shows, see PinCA; then the leaf itself is.
func (c *Client) OwnCA(ctx context.Context, node string) (t authority.Trust, ok bool, err error) {
	if node == "" {
		node = "localhost" // Proxmox's own word for the node that answers
	}
	certs, err := c.CertificatesInfo(ctx, node)
	if err != nil {
		return authority.Trust{}, false, err
	}
	for _, cert := range certs {
		if cert.File == rootCA {
			t, ok = PinCA(c.Leaf(), cert.PEM)
			break
		}
	}
	return t, ok, nil
}
