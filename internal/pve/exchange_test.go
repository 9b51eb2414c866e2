package pve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
)

const version = `{"data":{"version":"9.2.11"}}`

// inTurn answers the first request with the first handler, and so on; the last one stays.
func inTurn(handlers ...func(io.Writer, *http.Request) bool) func(io.Writer, *http.Request) bool {
	var n atomic.Int32
	return func(w io.Writer, r *http.Request) bool {
		i := int(n.Add(1)) - 1
		return handlers[min(i, len(handlers)-1)](w, r)
	}
}

func TestReadIsRepeatedOnceAfterAKeptConnectionClosed(t *testing.T) {
	f, c := served(t, inTurn(says(200, "OK", version), raw(""), says(200, "OK", version)))
	for range 2 {
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(f.seen()); n != 3 {
		t.Errorf("%d requests, want one, a lost one and its repetition", n)
	}
}

func TestReadIsNotRepeatedOnAFreshConnection(t *testing.T) {
	f, c := served(t, raw(""))
	_, err := c.Version(t.Context())
	wants(t, err, problem.Unreachable)
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestReadIsNotRepeatedAfterAByteOfAnAnswer(t *testing.T) {
	f, c := served(t, inTurn(says(200, "OK", version), raw("HTTP/1.1 2"), says(200, "OK", version)))
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(t.Context()); err == nil {
		t.Error("half a head was taken for an answer")
	}
	if n := len(f.seen()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// pair is two members under one CA, and a client that knows the first, then the second.
func pair(t *testing.T, first, second func(io.Writer, *http.Request) bool) (f, g *fake, c *Client) {
	t.Helper()
	root := newCA(t)
	f = newFake(t, root.leaf(t, nil, "pve1", "127.0.0.1"), first)
	g = newFake(t, root.leaf(t, nil, "pve2", "127.0.0.1"), second)
	c = client(t, authority.Authority{Addresses: []authority.Address{f.address("pve1"), g.address("pve2")}, Trust: root.trust()})
	return f, g, c
}

// gone is an address at which nothing listens.
func gone(t *testing.T) authority.Address {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a := netip.MustParseAddrPort(ln.Addr().String())
	return authority.Address{Host: a.Addr().String(), Port: int(a.Port()), Node: "pve0"}
}

func TestWriteIsNeverRepeated(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]func(io.Writer, *http.Request) bool{
		"closed without an answer": raw(""),
		"half an answer":           raw(okHead + "Content-Length: 100\r\n\r\n{\"da"),
		"an unreadable answer":     says(200, "OK", `{"data":`),
		"hangs":                    hang(""),
		"596":                      says(596, "Broken pipe", ""),
		"599":                      says(599, "Too many redirections", ""),
		"a proxy's 504":            raw("HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, g, c := pair(t, lost, says(200, "OK", `{"data":null}`))
			c.patience.whole = 2 * time.Second
			c.patience.firstByte = 50 * time.Millisecond
			err := c.DeleteToken(t.Context(), "root@pam", "berth")
			wants(t, err, problem.OutcomeUnknown)
			if n, m := len(f.seen()), len(g.seen()); n != 1 || m != 0 {
				t.Errorf("%d requests at the first address, %d at the second", n, m)
			}
		})
	}
}

func TestCallerWhoLeavesAWriteLearnsThatItIsUnknown(t *testing.T) {
	f, c := served(t, hang(""))
	ctx, cancel := context.WithCancel(t.Context())
	f.onRequest(cancel)
	wants(t, c.DeleteToken(ctx, "root@pam", "berth"), problem.OutcomeUnknown)
}

func TestCallerWhoLeavesARead(t *testing.T) {
	f, c := served(t, hang(""))
	ctx, cancel := context.WithCancel(t.Context())
	f.onRequest(cancel)
	if _, err := c.Version(ctx); !errors.Is(err, context.Canceled) || problem.Of(err) != nil {
		t.Errorf("%v", err)
	}
}

func TestAddressesInTurn(t *testing.T) {
	root := newCA(t)
	g := newFake(t, root.leaf(t, nil, "pve2", "127.0.0.1"), says(200, "OK", version))
	c := client(t, authority.Authority{Addresses: []authority.Address{gone(t), g.address("pve2")}, Trust: root.trust()})
	if err := c.DeleteToken(t.Context(), "root@pam", "berth"); err != nil {
		t.Fatalf("a write of which nothing was sent goes to the next address: %v", err)
	}
	if c.Answering().Node != "pve2" || c.Leaf() == nil {
		t.Errorf("answering %+v", c.Answering())
	}
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(g.seen()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestStaysWithTheOneThatAnswers(t *testing.T) {
	f, g, c := pair(t, says(200, "OK", version), says(200, "OK", version))
	for range 3 {
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f.stop()
	c.reads.CloseIdleConnections()
	for range 3 {
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, m := len(f.seen()), len(g.seen()); n != 3 || m != 3 {
		t.Errorf("%d and %d requests", n, m)
	}
}

func TestReadGoesOnWhenAnAddressStaysSilent(t *testing.T) {
	f, g, c := pair(t, hang(""), says(200, "OK", version))
	c.patience.firstByte = 50 * time.Millisecond
	for range 2 {
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, m := len(f.seen()), len(g.seen()); n > 1 || m != 2 {
		t.Errorf("%d and %d requests", n, m)
	}
}

func TestAnswersOfProxmoxGoToNoOtherAddress(t *testing.T) {
	f, g, c := pair(t, says(401, "Authentication failed!", ""), says(200, "OK", version))
	_, err := c.Version(t.Context())
	wants(t, err, problem.Unauthorized)
	if n, m := len(f.seen()), len(g.seen()); n != 1 || m != 0 {
		t.Errorf("%d and %d requests: after a 401 nobody is asked again", n, m)
	}
}

func TestUntrustedStops(t *testing.T) {
	root := newCA(t)
	f := newFake(t, newCA(t).leaf(t, nil, "pve1", "127.0.0.1"), says(200, "OK", version))
	g := newFake(t, root.leaf(t, nil, "pve2", "127.0.0.1"), says(200, "OK", version))
	c := client(t, authority.Authority{Addresses: []authority.Address{f.address("pve1"), g.address("pve2")}, Trust: root.trust()})
	for range 2 { // also the second time: a changed certificate is no reason to go elsewhere
		_, err := c.Version(t.Context())
		wants(t, err, problem.Untrusted)
	}
	if len(f.seen())+g.connections() != 0 {
		t.Error("another address was asked, or something was sent")
	}
}

func TestNoneAnswers(t *testing.T) {
	c := client(t, authority.Authority{Addresses: []authority.Address{gone(t), gone(t)}, Trust: newCA(t).trust()})
	_, err := c.Version(t.Context())
	wants(t, err, problem.Refused)
}

func TestCredentialsGoAlone(t *testing.T) {
	f, _ := served(t, inTurn(says(200, "OK", `{"data":null}`)))
	a := authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: f.address("").Leaf}}
	ticket := "PVE:root@pam:65AF0000::a+b/c=="
	c := client(t, a, func(o *Options) {
		o.Auth = Ticket{Ticket: secret.New(ticket), CSRF: secret.New("65AF0000:csrf")}
	})
	_, _ = c.Resources(t.Context())
	_ = c.DeleteToken(t.Context(), "root@pam", "berth")
	_, _ = c.Domains(t.Context())
	_, _ = c.SignIn(t.Context(), "root@pam", secret.New("a password"))
	seen := f.seen()
	if len(seen) != 4 {
		t.Fatalf("%d requests", len(seen))
	}
	const cookie = "PVEAuthCookie=PVE%3Aroot%40pam%3A65AF0000%3A%3Aa%2Bb%2Fc%3D%3D"
	for i, want := range []struct{ cookie, csrf string }{{cookie, ""}, {cookie, "65AF0000:csrf"}, {"", ""}, {"", ""}} {
		h := seen[i].Header
		if h.Get("Cookie") != want.cookie || h.Get("CSRFPreventionToken") != want.csrf || h.Get("Authorization") != "" {
			t.Errorf("request %d: %v", i, h)
		}
	}
	if seen[1].ContentLength > 0 || seen[1].RequestURI != "/api2/json/access/users/root%40pam/token/berth" {
		t.Errorf("a DELETE with a body of %d bytes to %s", seen[1].ContentLength, seen[1].RequestURI)
	}
}

func TestAccountOfAnswers(t *testing.T) {
	var mu sync.Mutex
	var all []Answer
	f, _ := served(t, inTurn(says(200, "OK", version), says(200, "OK", version), says(500, "x", `{"message":"x"}`)))
	a := authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: f.address("").Leaf}}
	c := client(t, a, func(o *Options) {
		o.OnAnswer = func(x Answer) { mu.Lock(); defer mu.Unlock(); all = append(all, x) }
	})
	for range 3 {
		_, _ = c.Version(t.Context())
	}
	if len(all) != 3 || !all[0].NewConn || all[1].NewConn || all[0].Bytes != int64(len(version)) || all[2].Status != 500 {
		t.Errorf("%+v", all)
	}
}

func TestClosedClientAsksNobody(t *testing.T) {
	f, c := served(t, says(200, "OK", version))
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.Version(t.Context()); err == nil {
		t.Error("a closed client answers")
	}
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	_, c := served(t, says(200, "OK", version))
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := c.Version(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestKeptConnectionsEndBeforeProxmoxEndsThem(t *testing.T) {
	_, c := served(t, says(200, "OK", version))
	if got := c.reads.IdleConnTimeout; got <= 0 || got >= 5*time.Second {
		t.Errorf("kept for %v; pveproxy closes after 5 s", got)
	}
	if !c.writes.DisableKeepAlives || c.reads.Proxy != nil || c.writes.Proxy != nil {
		t.Error("a write may meet a closing connection, or a proxy")
	}
}

func TestBadNamesEnterNoPath(t *testing.T) {
	f, c := served(t, says(200, "OK", version))
	for _, node := range []string{"", "..", "../pve1", "pve1/lxc", "pve 1", "pve1%2f", "a.b", "-a", "pvé"} {
		_, err := c.NodeStatus(t.Context(), node)
		wants(t, err, problem.Invalid)
	}
	_, err := c.Current(t.Context(), "pve1", 99)
	wants(t, err, problem.Invalid)
	wants(t, c.DeleteToken(t.Context(), "root@pam/../x", "berth"), problem.Invalid)
	wants(t, c.DeleteToken(t.Context(), "root@pam", "../x"), problem.Invalid)
	wants(t, c.PutACL(t.Context(), ACL{Path: "/../x", Role: "PVEAuditor", Token: "root@pam!berth"}), problem.Invalid)
	wants(t, c.CreateRole(t.Context(), "a/b", nil), problem.Invalid)
	if len(f.seen()) != 0 {
		t.Error("something was sent")
	}
}
