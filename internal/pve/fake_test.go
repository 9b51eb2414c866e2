package pve

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
)

// ca is a root as each Proxmox cluster has its own.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serials atomic.Int64

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newCA(t testing.TB) *ca {
	t.Helper()
	key := newKey(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: "Proxmox Virtual Environment"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{cert, key}
}

func (c *ca) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}))
}

func (c *ca) trust() authority.Trust {
	return authority.Trust{Mode: authority.CAPin, CA: c.pem(), Fingerprint: authority.Fingerprint(c.cert.Raw)}
}

// leaf signs a certificate for names and addresses, valid around now or as edited.
func (c *ca) leaf(t testing.TB, edit func(*x509.Certificate), names ...string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: names[0]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	if edit != nil {
		edit(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, c.cert, &key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
}

// fake is a server that says exactly what a test wants, byte by byte.
type fake struct {
	t    testing.TB
	addr netip.AddrPort
	ln   net.Listener

	mu       sync.Mutex
	leaf     tls.Certificate
	requests []*http.Request // with Form parsed
	conns    int
	handler  func(w io.Writer, r *http.Request) (keep bool)
	arrived  func()
	wg       sync.WaitGroup
}

// newFake serves leaf on 127.0.0.1; handler writes the raw answer and says whether the connection is kept.
func newFake(t testing.TB, leaf tls.Certificate, handler func(w io.Writer, r *http.Request) bool) *fake {
	t.Helper()
	f := &fake{t: t, leaf: leaf, handler: handler}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return &f.leaf, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.ln, f.addr = ln, netip.MustParseAddrPort(ln.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	f.wg.Go(func() { f.accept(ctx) })
	t.Cleanup(func() { cancel(); ln.Close(); f.wg.Wait() })
	return f
}

func (f *fake) accept(ctx context.Context) {
	for {
		conn, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns++
		f.mu.Unlock()
		f.wg.Go(func() {
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			defer conn.Close()
			in := bufio.NewReader(conn)
			for {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_ = r.ParseForm()
				f.mu.Lock()
				f.requests = append(f.requests, r)
				h := f.handler
				if f.arrived != nil {
					f.arrived()
				}
				f.mu.Unlock()
				if !h(conn, r) {
					return
				}
			}
		})
	}
}

func (f *fake) seen() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*http.Request(nil), f.requests...)
}

func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conns
}

func (f *fake) address(node string) authority.Address {
	return authority.Address{Host: f.addr.Addr().String(), Port: int(f.addr.Port()), Node: node,
		Leaf: authority.Fingerprint(f.leaf.Leaf.Raw)}
}

// answer writes an answer as pveproxy does.
func answer(w io.Writer, status int, reason, body string) bool {
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nServer: pve-api-daemon/3.0\r\nContent-Length: %d\r\n", status, reason, len(body))
	if body != "" {
		head += "Content-Type: application/json;charset=UTF-8\r\n"
	}
	keep := status < 400
	if !keep {
		head += "Connection: close\r\n"
	}
	_, _ = io.WriteString(w, head+"\r\n"+body)
	return keep
}

// says always gives one answer.
func says(status int, reason, body string) func(io.Writer, *http.Request) bool {
	return func(w io.Writer, _ *http.Request) bool { return answer(w, status, reason, body) }
}

func data(body string) func(io.Writer, *http.Request) bool {
	return says(200, "OK", `{"data":`+body+`}`)
}

// loopback lets a guard dial the fakes.
func loopback() *Guard {
	rule, err := ParseRule("127.0.0.0/8")
	if err != nil {
		panic(err)
	}
	return NewGuard(GuardOptions{Allow: []Rule{rule}})
}

const canary = "cAnArY-5ecret-0123456789"

var testToken = Token{ID: "root@pam!berth", Secret: secret.New(canary)}

// client talks to a as one authority, with a token whose secret is the canary.
func client(t testing.TB, a authority.Authority, edit ...func(*Options)) *Client {
	t.Helper()
	o := Options{Authority: a, Auth: testToken, Guard: loopback()}
	for _, e := range edit {
		e(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// served is a fake named pve1 under a CA of its own, and a client that pins that CA.
func served(t testing.TB, handler func(io.Writer, *http.Request) bool) (*fake, *Client) {
	t.Helper()
	root := newCA(t)
	f := newFake(t, root.leaf(t, nil, "pve1", "127.0.0.1"), handler)
	return f, client(t, authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: root.trust()})
}

// wants checks an error's kind, that it has sentences, and that it holds no secret.
func wants(t testing.TB, err error, kind problem.Kind) *problem.Problem {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", kind)
	}
	p := problem.Of(err)
	if p == nil {
		t.Fatalf("no Problem: %v", err)
	}
	if p.Kind != kind {
		t.Fatalf("kind %s, want %s: %v", p.Kind, kind, err)
	}
	if p.What == "" {
		t.Errorf("%s has no sentence", kind)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), p.Sentence()} {
			if strings.Contains(text, canary) {
				t.Errorf("the secret is in %q", text)
			}
		}
	}
	return p
}

// show serves another certificate from now on.
func (f *fake) show(leaf tls.Certificate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaf = leaf
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// intermediate is a CA with the key of "of", signed by "by".
func intermediate(t testing.TB, by, of *ca) string {
	t.Helper()
	tmpl := *of.cert
	der, err := x509.CreateCertificate(rand.Reader, &tmpl, by.cert, &of.key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return string(pemOf(c))
}

// stop closes the listener; connections that are there go on.
func (f *fake) stop() { f.ln.Close() }

// onRequest calls do for each request that arrived, before it is answered.
func (f *fake) onRequest(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrived = do
}
