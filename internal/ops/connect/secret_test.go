package connect_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/pvesim"
)

// listener is somebody who would like to have the secret.
type listener struct {
	address string
	leaf    string

	mu   sync.Mutex
	seen []string // all that was said to it
}

func (l *listener) heard() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.seen, "\n")
}

// listen stands at an address of its own and answers as Proxmox does to those who ask without a login.
func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.seen = append(l.seen, r.URL.String()+" "+strings.Join(r.Header["Authorization"], " ")+" "+r.Header.Get("Cookie"))
		l.mu.Unlock()
		w.Header().Set("Server", "pve-api-daemon/3.0")
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		_, _ = w.Write([]byte(`{"data":[{"realm":"pam","type":"pam"}]}`))
	}))
	at, err := net.Listen("tcp", "127.77.200.1:0")
	if err != nil {
		t.Skipf("this system has no loopback addresses beside 127.0.0.1: %v", err)
	}
	server.Listener = at
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	l.address, l.leaf = at.Addr().String(), authority.Fingerprint(server.Certificate().Raw)
	return l
}

func TestASecretReachesNobodyElse(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	c := b.add(by, cand, "lab", "pve2")
	thief := listen(t)
	address, err := authority.Parse(thief.address)
	if err != nil {
		t.Fatal(err)
	}

	elsewhere := cand
	elsewhere.Address = address
	_, err = b.Check(t.Context(), by, elsewhere)
	wants(t, "the confirmed fingerprint at another address", err, problem.Untrusted, "address")

	ch := changeOf(c, c.Authority.Addresses[0].HostPort(), thief.address)
	ch.Secret = cand.Secret
	wants(t, "another address, with the secret", b.Reconnect(t.Context(), by, c.ID, ch), problem.Untrusted, "addresses")
	ch.Secret = fleet.Reconnection{}.Secret
	wants(t, "another address, without it", b.Reconnect(t.Context(), by, c.ID, ch), problem.Invalid, "secret")

	undo, err := b.sim.Fault("redirect", pvesim.FaultTarget{Cluster: "lab", Params: map[string]string{"to": "https://" + thief.address + "/api2/json/version"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Test(t.Context(), by, c.ID)
	if err != nil || !r.Failed() {
		t.Errorf("a redirect is followed: %+v, %v", r, err)
	}
	undo()

	if heard := thief.heard(); strings.Contains(heard, cand.Secret.Reveal()) || strings.Contains(heard, "PVEAPIToken") || strings.Contains(heard, "PVEAuthCookie") {
		t.Errorf("a secret went elsewhere:\n%s", heard)
	}
}

// Who confirmed a fake Proxmox has told it a token, and nothing else: no other entry, ticket or person's thing.
func TestAFakeProxmoxGainsNothingElse(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	cand := b.candidate("lab", "pve1", "berth", "PVEAuditor")
	b.add(by, cand, "lab")
	fake := listen(t)
	address, err := authority.Parse(fake.address)
	if err != nil {
		t.Fatal(err)
	}
	typed := fleet.Candidate{Address: address, Fingerprint: fake.leaf, TokenID: "root@pam!fake", Secret: b.token("twin", "fake", "PVEAuditor")}
	_, err = b.Check(t.Context(), by, typed)
	if problem.Of(err) == nil {
		t.Errorf("answers that make no sense are taken: %v", err)
	}
	if heard := fake.heard(); strings.Contains(heard, cand.Secret.Reveal()) || strings.Contains(heard, "PVEAuthCookie") {
		t.Errorf("another secret went to it:\n%s", heard)
	}
	if len(b.clusters(by)) != 1 {
		t.Error("it was stored")
	}
}
