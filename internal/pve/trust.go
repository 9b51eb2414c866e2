package pve

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
)

// Renewal tells that an address showed another certificate than before, which
// its authority's trust vouches for all the same.
type Renewal struct {
	Address  authority.Address
	Old, New string // fingerprints of the leaf
	NotAfter time.Time
}

// judge verifies peers of one authority. It runs in VerifyConnection, so that
// resumed connections are judged too.
type judge struct {
	trust     authority.Trust
	roots     *x509.CertPool // the pinned CA alone, or nil for the system's
	now       func() time.Time
	onRenewal func(Renewal)

	mu   sync.Mutex
	seen map[string]string            // address → fingerprint of the leaf seen last
	leaf map[string]*x509.Certificate // address → that leaf, once connected
}

func newJudge(a authority.Authority, now func() time.Time, onRenewal func(Renewal)) (*judge, error) {
	j := &judge{trust: a.Trust, now: now, onRenewal: onRenewal, seen: map[string]string{}, leaf: map[string]*x509.Certificate{}}
	switch a.Trust.Mode {
	case authority.CAPin:
		ca, err := ParsePEM(a.Trust.CA)
		if err != nil {
			return nil, fmt.Errorf("reading the pinned CA: %w", err)
		}
		if got := authority.Fingerprint(ca.Raw); got != a.Trust.Fingerprint {
			return nil, fmt.Errorf("the pinned CA has the fingerprint %s, not %s as the pin says", got, a.Trust.Fingerprint)
		}
		j.roots = x509.NewCertPool()
		j.roots.AddCert(ca)
	case authority.LeafPin, authority.Public:
	default:
		return nil, fmt.Errorf("unknown trust mode %q", a.Trust.Mode)
	}
	for _, x := range a.Addresses {
		if x.Leaf != "" {
			j.seen[x.HostPort()] = x.Leaf
		}
	}
	return j, nil
}

// config is the TLS client configuration for one address.
func (j *judge) config(a authority.Address, cache tls.ClientSessionCache) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		ServerName:         a.Host,
		ClientSessionCache: cache,
		// The library's own check knows only public names. VerifyConnection below does all of it, always.
		InsecureSkipVerify: true, // #nosec G402
		VerifyConnection:   func(state tls.ConnectionState) error { return j.verify(a, state.PeerCertificates) },
	}
}

// verify judges a presented chain. Errors are Problems of kind Untrusted or Clock.
func (j *judge) verify(a authority.Address, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return problem.New(problem.Untrusted, fmt.Sprintf("%s showed no certificate.", a), "")
	}
	var err error
	switch j.trust.Mode {
	case authority.LeafPin:
		err = j.verifyLeaf(a, chain[0])
	case authority.CAPin:
		err = j.verifyChain(a, chain, a.Node)
	default:
		err = j.verifyChain(a, chain, "")
	}
	if err == nil {
		j.note(a, chain[0])
	}
	return err
}

func (j *judge) verifyLeaf(a authority.Address, leaf *x509.Certificate) error {
	want := a.Leaf
	if want == "" {
		want = j.trust.Fingerprint
	}
	if got := authority.Fingerprint(leaf.Raw); got != want || want == "" {
		return untrusted(fmt.Sprintf("%s shows another certificate than the one that was confirmed.", a), want, got)
	}
	return outOfTime(a, leaf, j.now())
}

// verifyChain checks the chain to the roots, and that the leaf names the node or the dialled host.
func (j *judge) verifyChain(a authority.Address, chain []*x509.Certificate, node string) error {
	leaf, now := chain[0], j.now()
	got := authority.Fingerprint(leaf.Raw)
	opts := x509.VerifyOptions{Roots: j.roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(opts)
	if err != nil && isTime(err) {
		// Right but for the time? Asked again at a time at which the leaf is valid.
		opts.CurrentTime = leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
		if _, again := leaf.Verify(opts); again == nil && names(leaf, a.Host, node) {
			if p := outOfTime(a, leaf, now); p != nil {
				return p
			}
			return clockProblem(fmt.Sprintf("The authority behind the certificate of %s is not valid at this machine's time (%s).", a, stamp(now)), err)
		}
	}
	switch {
	case err != nil && j.trust.Mode == authority.Public:
		p := untrusted(fmt.Sprintf("The certificate of %s is not signed by an authority that this machine trusts.", a), j.trust.Fingerprint, got)
		p.Err = err
		return p
	case err != nil:
		p := untrusted(fmt.Sprintf("%s shows a certificate that the pinned Proxmox authority did not sign.", a), j.trust.Fingerprint, got)
		p.Err = err
		return p
	case !names(leaf, a.Host, node):
		what := fmt.Sprintf("%s shows a certificate that does not name it.", a)
		if node != "" {
			what = fmt.Sprintf("%s shows a certificate that names neither the node %s nor this address.", a, node)
		}
		p := untrusted(what, j.trust.Fingerprint, got)
		p.Node = node
		return p
	}
	return nil
}

// names reports whether the leaf is made out to the host or the node. Proxmox
// makes every member's leaf out to localhost too: that tells no member from another.
func names(leaf *x509.Certificate, host, node string) bool {
	if node != "" && leaf.VerifyHostname(node) == nil {
		return true
	}
	ip := net.ParseIP(host)
	ofEach := host == "localhost" || ip != nil && ip.IsLoopback()
	return leaf.VerifyHostname(host) == nil && (node == "" || !ofEach)
}

// isTime reports whether a chain failed for its time. The verifier gives that
// reason up for another one when several chains failed, which is on the safe side.
func isTime(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

// outOfTime says so when the leaf is not valid now; nil when it is.
func outOfTime(a authority.Address, leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(leaf.NotBefore):
		return clockProblem(fmt.Sprintf("The certificate of %s is valid only from %s on, and this machine's clock says %s.", a, stamp(leaf.NotBefore), stamp(now)), nil)
	case now.After(leaf.NotAfter):
		return clockProblem(fmt.Sprintf("The certificate of %s ended on %s, and this machine's clock says %s.", a, stamp(leaf.NotAfter), stamp(now)), nil)
	}
	return nil
}

func clockProblem(what string, err error) *problem.Problem {
	p := problem.New(problem.Clock, what,
		"Check the clocks of this machine and of the node. If both are right, renew the node's certificate (pvecm updatecerts --force).")
	p.Err = err
	return p
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func untrusted(what, expected, got string) *problem.Problem {
	p := problem.New(problem.Untrusted, what,
		"Nothing secret was sent. Compare the fingerprints with those on the node itself; if the change was wanted, confirm it in the settings.")
	p.Expected, p.Got = expected, got
	return p
}

// note remembers the leaf and reports a renewal, once for each new leaf.
func (j *judge) note(a authority.Address, leaf *x509.Certificate) {
	now := authority.Fingerprint(leaf.Raw)
	j.mu.Lock()
	before := j.seen[a.HostPort()]
	j.seen[a.HostPort()], j.leaf[a.HostPort()] = now, leaf
	j.mu.Unlock()
	if before != "" && before != now && j.onRenewal != nil {
		j.onRenewal(Renewal{Address: a, Old: before, New: now, NotAfter: leaf.NotAfter})
	}
}

func (j *judge) leafOf(a authority.Address) *x509.Certificate {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.leaf[a.HostPort()]
}

// ParsePEM reads the one certificate of a PEM text.
func ParsePEM(text string) (*x509.Certificate, error) {
	if len(text) > maxPEM {
		return nil, errors.New("a certificate of this size is none")
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no certificate in PEM form")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("more than one certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// PinCA makes the trust that pins a cluster's own CA, from what certificates/info
// told over a connection whose leaf was confirmed. It insists that the CA is
// self-signed, a CA, none of the system's roots, and really the signer of that
// leaf; ok is false when the leaf itself must be pinned instead.
func PinCA(leaf *x509.Certificate, caPEM string) (t authority.Trust, ok bool) {
	ca, err := ParsePEM(caPEM)
	if err != nil || leaf == nil || !ca.IsCA || ca.Equal(leaf) {
		return authority.Trust{}, false
	}
	if ca.CheckSignatureFrom(ca) != nil || leaf.CheckSignatureFrom(ca) != nil || isSystemRoot(ca) {
		return authority.Trust{}, false
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
	return authority.Trust{Mode: authority.CAPin, CA: string(block), Fingerprint: authority.Fingerprint(ca.Raw)}, true
}

// isSystemRoot reports whether this machine trusts the CA for the whole world;
// pinning such a one would let everybody's certificates pass.
func isSystemRoot(ca *x509.Certificate) bool {
	_, err := ca.Verify(x509.VerifyOptions{CurrentTime: ca.NotBefore.Add(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}
