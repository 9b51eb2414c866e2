package pve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"berth/internal/problem"
)

func rules(t testing.TB, texts ...string) []Rule {
	t.Helper()
	var all []Rule
	for _, s := range texts {
		r, err := ParseRule(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestGuardRefuses(t *testing.T) {
	own := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:443"), netip.MustParseAddrPort("[::]:8006")}
	for _, tc := range []struct {
		addr    string
		allowed bool
	}{
		{"192.168.1.10:8006", true}, {"10.0.0.1:443", true}, {"203.0.113.9:8006", true}, {"[2001:db8::1]:8006", true},
		{"[fd12:3456::1]:8006", true}, {"100.64.1.2:8006", true}, {"[64:ff9b::c0a8:10a]:8006", true},
		{"192.168.1.10:22", false}, {"192.168.1.10:5432", false}, {"192.168.1.10:80", false},
		{"127.0.0.1:8006", false}, {"127.8.9.1:443", false}, {"[::1]:443", false}, {"[::ffff:127.0.0.1]:443", false},
		{"0.0.0.0:443", false}, {"0.1.2.3:443", false}, {"[::]:443", false}, {"[::ffff:0.0.0.0]:443", false},
		{"169.254.169.254:443", false}, {"169.254.3.4:8006", false}, {"[fe80::1]:8006", false}, {"[fd00:ec2::254]:443", false},
		{"[::ffff:169.254.169.254]:443", false}, {"[64:ff9b::a9fe:a9fe]:443", false}, {"[64:ff9b:1::a9fe:a9fe]:443", false},
		{"[64:ff9b::7f00:1]:8006", false}, {"[2002:7f00:1::1]:443", false}, {"[2002:a9fe:a9fe::]:443", false}, {"[::127.0.0.1]:443", false},
		{"[2001:0:7f00:1::]:443", false}, {"[2001:0:102:304::80ff:fffe]:443", false},
		{"224.0.0.1:8006", false}, {"[ff02::1]:8006", false}, {"255.255.255.255:8006", false}, {"100.100.100.200:443", false}, {"168.63.129.16:443", false},
		{"192.0.2.7:443", false}, {"192.0.2.7:8006", true},
	} {
		err := NewGuard(GuardOptions{Own: own}).Check(netip.MustParseAddrPort(tc.addr))
		if (err == nil) != tc.allowed {
			t.Errorf("%s: %v", tc.addr, err)
		}
		if err != nil {
			wants(t, err, problem.Blocked)
		}
	}
}

func TestGuardRules(t *testing.T) {
	for _, tc := range []struct {
		rules   []string
		only    bool
		addr    string
		allowed bool
	}{
		{[]string{"127.0.0.0/8:8006"}, false, "127.0.0.5:8006", true},
		{[]string{"127.0.0.0/8:8006"}, false, "[::ffff:127.0.0.5]:8006", true},
		{[]string{"127.0.0.0/8:8006"}, false, "127.0.0.5:8007", false},
		{[]string{"127.0.0.0/8:8006"}, false, "[::1]:8006", false},
		{[]string{"127.0.0.0/8:8006"}, false, "10.0.0.1:8006", true},
		{[]string{"127.0.0.0/8:8006"}, false, "[64:ff9b::7f00:5]:8006", true},
		{[]string{"10.0.0.0/8:9000"}, false, "10.1.1.1:9000", true},
		{[]string{"10.0.0.0/8:8006"}, true, "10.1.1.1:8006", true},
		{[]string{"10.0.0.0/8:8006"}, true, "192.168.1.1:8006", false},
		{[]string{"169.254.0.0/16"}, false, "169.254.3.4:8006", true},
		{[]string{"0.0.0.0/0", "::/0"}, false, "169.254.169.254:80", false},
		{[]string{"0.0.0.0/0", "::/0"}, false, "224.0.0.1:80", false},
		{[]string{"0.0.0.0/0", "::/0"}, false, "0.0.0.0:80", false},
		{[]string{"0.0.0.0/0", "::/0"}, false, "127.0.0.1:8443", false}, // Own, on every address
		{[]string{"[fd00::/8]:8443"}, false, "[fd00::1]:8443", false},   // not of this machine, but see below
	} {
		g := NewGuard(GuardOptions{Allow: rules(t, tc.rules...), Only: tc.only})
		g.AddOwn(netip.MustParseAddrPort("0.0.0.0:8443"))
		err := g.Check(netip.MustParseAddrPort(tc.addr))
		if tc.addr == "[fd00::1]:8443" {
			if err != nil {
				t.Errorf("a foreign address on the port of a listener of Berth's: %v", err)
			}
			continue
		}
		if (err == nil) != tc.allowed {
			t.Errorf("%v %s: %v", tc.rules, tc.addr, err)
		}
	}
}

func TestParseRule(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.0/8:8006": "127.0.0.0/8 8006", "10.1.2.3/8": "10.0.0.0/8 0", "10.1.2.3:443": "10.1.2.3/32 443", "10.1.2.3": "10.1.2.3/32 0",
		"[fd00::/8]:8006": "fd00::/8 8006", "fd00::/8:8006": "fd00::/8 8006", "fd00::/8": "fd00::/8 0", "fd00::1": "fd00::1/128 0", "[fd00::1]:443": "fd00::1/128 443",
	} {
		r, err := ParseRule(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if want != r.Prefix.String()+" "+decimal(r.Port) {
			t.Errorf("%s is %v %d, want %s", in, r.Prefix, r.Port, want)
		}
	}
	for _, in := range []string{"", "x", "10.0.0.0/33", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:65536", "10.0.0.0/8:-1", "[fd00::/8:8006", "[fd00::/8]8006", "pve.example.org:8006"} {
		if r, err := ParseRule(in); err == nil && in != "10.0.0.0/8:" {
			t.Errorf("%q is %+v", in, r)
		}
	}
}

func decimal(p uint16) string {
	return strings.TrimPrefix(netip.AddrPortFrom(netip.IPv4Unspecified(), p).String(), "0.0.0.0:")
}

// lookUps answers look-ups from a list, one entry for each question.
type lookUps struct {
	answers [][]string
	asked   int
}

func (n *lookUps) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.asked++
	if n.asked > len(n.answers) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var all []netip.Addr
	for _, s := range n.answers[n.asked-1] {
		all = append(all, netip.MustParseAddr(s))
	}
	return all, nil
}

func TestRebindingGainsNothing(t *testing.T) {
	f, _ := served(t, data(`{"version":"9.2.11"}`))
	// The first answer is an allowed address, and any later one would be this machine by another way.
	n := &lookUps{answers: [][]string{{"127.0.0.1"}, {"::1"}}}
	g := NewGuard(GuardOptions{Allow: rules(t, "127.0.0.1"), Resolver: n})
	conn, err := g.Dial(t.Context(), "pve.example.org", int(f.addr.Port()))
	if err != nil {
		t.Fatal(err)
	}
	if n.asked != 1 || conn.RemoteAddr().String() != f.addr.String() {
		t.Errorf("asked %d times, connected to %v", n.asked, conn.RemoteAddr())
	}
	conn.Close()
	_, err = g.Dial(t.Context(), "pve.example.org", int(f.addr.Port()))
	wants(t, err, problem.Blocked)
	_, err = g.Dial(t.Context(), "pve.example.org", int(f.addr.Port()))
	wants(t, err, problem.DNS)
}

func TestAllowedAddressAmongOthers(t *testing.T) {
	f, _ := served(t, data(`{}`))
	n := &lookUps{answers: [][]string{{"fe80::1", "169.254.169.254", "127.0.0.1"}}}
	conn, err := NewGuard(GuardOptions{Allow: rules(t, "127.0.0.1"), Resolver: n}).Dial(t.Context(), "pve.local", int(f.addr.Port()))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestDialProblems(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := netip.MustParseAddrPort(ln.Addr().String())
	ln.Close()
	_, err = loopback().Dial(t.Context(), "127.0.0.1", int(closed.Port()))
	wants(t, err, problem.Refused)

	g := NewGuard(GuardOptions{Resolver: failing{}})
	_, err = g.Dial(t.Context(), "pve.example.org", 8006)
	p := wants(t, err, problem.DNS)
	if !strings.Contains(p.What, "could not be looked up") {
		t.Errorf("%s", p.What)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = NewGuard(GuardOptions{}).Dial(ctx, "192.0.2.1", 8006)
	wants(t, err, problem.Unreachable)
}

type failing struct{}

func (failing) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("no name server")
}

func TestDatabaseByNameIsNotDialled(t *testing.T) {
	n := &lookUps{answers: [][]string{{"192.0.2.9"}, {"192.0.2.9"}, {"192.0.2.8"}, {"192.0.2.9"}}}
	g := NewGuard(GuardOptions{Allow: rules(t, "192.0.2.0/24"), OwnNames: []string{"db.example.org:5433", "/run/postgresql:5432"}, Resolver: n})
	_, err := g.Resolve(t.Context(), "pve.example.org", 5433)
	wants(t, err, problem.Blocked)
	if _, err := g.Resolve(t.Context(), "pve.example.org", 5433); err != nil {
		t.Errorf("another address on that port: %v", err)
	}
	if _, err := g.Resolve(t.Context(), "192.0.2.9", 8006); err != nil {
		t.Errorf("another port of that machine: %v", err)
	}
}
