package pve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"strings"

	"berth/internal/authority"
	"berth/internal/problem"
)

// Seen is what a look found. Nothing else of what answered is kept or shown.
type Seen struct {
	authority.Seen
	Leaf *x509.Certificate
	// Names that the leaf is made out to: host names and addresses.
	Names []string
	// Public: this machine's own roots vouch for the leaf and the host name.
	Public bool
}

// Look asks an address that nobody trusts yet who it is: one request, to which
// Proxmox answers without a login, and which carries nothing. It ends within 5 s
// and reads at most 64 KiB. An address that answers, but not as Proxmox VE does,
// is no error: Seen.Proxmox is false.
func Look(ctx context.Context, g *Guard, a authority.Address) (Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, lookDeadline)
	defer cancel()
	conn, err := g.Dial(ctx, a.Host, a.Port)
	if err != nil {
		return Seen{}, err
	}
	t, err := handshake(ctx, a, conn, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, ServerName: a.Host,
		// Nothing is trusted yet and nothing secret is sent: the certificate is what this call is for.
		InsecureSkipVerify: true, // #nosec G402
	})
	if err != nil {
		return Seen{}, err
	}
	defer t.Close()
	chain := t.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return Seen{}, problem.New(problem.TLS, a.String()+" showed no certificate.", "Check what answers at this address.")
	}
	seen := describe(a, chain)
	seen.Proxmox, err = looksLikeProxmox(ctx, a, t)
	if err != nil {
		return Seen{}, err
	}
	return seen, nil
}

func describe(a authority.Address, chain []*x509.Certificate) Seen {
	leaf := chain[0]
	s := Seen{Leaf: leaf, Seen: authority.Seen{
		Address: a, Fingerprint: authority.Fingerprint(leaf.Raw),
		Subject: cut(clean(leaf.Subject.CommonName), maxName), Issuer: cut(clean(leaf.Issuer.CommonName), maxName),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
	}}
	for _, n := range leaf.DNSNames {
		s.Names = append(s.Names, cut(clean(n), maxName))
	}
	for _, ip := range leaf.IPAddresses {
		s.Names = append(s.Names, ip.String())
	}
	if len(s.Names) > 100 {
		s.Names = s.Names[:100]
	}
	rest := x509.NewCertPool()
	for _, c := range chain[1:] {
		rest.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: a.Host, Intermediates: rest})
	s.Public = err == nil
	return s
}

// looksLikeProxmox asks for the realms over conn and judges the answer. Only a
// missing answer is an error; its contents are dropped whatever they are.
func looksLikeProxmox(ctx context.Context, a authority.Address, conn net.Conn) (bool, error) {
	used := false
	transport := newTransport(func(context.Context, string, string) (net.Conn, error) {
		if used {
			return nil, net.ErrClosed // one connection, one request
		}
		used = true
		return conn, nil
	}, true)
	call := get("asking who it is", "access", "domains")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+a.HostPort()+"/api2/json"+call.path, nil)
	if err != nil {
		return false, problem.Field("address", "This is not a host name or an IP address.")
	}
	req.Header.Set("User-Agent", "Berth")
	req.Header.Set("Accept", "application/json")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		if gaveUp(ctx) {
			return false, context.Canceled
		}
		if err = exchangeProblem(a, call, err); problem.Is(err, problem.Timeout) {
			return false, err
		}
		return false, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !isJSON(resp) {
		return false, nil
	}
	l, err := readList(&counter{in: resp.Body, left: maxLookBytes}, realmRow)
	if err != nil && isTimeout(err) {
		return false, bodyProblem(a, call, resp, err)
	}
	return err == nil && len(l.Rows) > 0 && strings.TrimSpace(l.Rows[0].Name) != "", nil
}
