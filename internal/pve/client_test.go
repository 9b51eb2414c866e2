package pve

import (
	"testing"

	"berth/internal/authority"
	"berth/internal/problem"
)

func TestVersionWithToken(t *testing.T) {
	f, c := served(t, data(`{"version":"9.2.11","release":"9.2","repoid":"14a2"}`))
	v, err := c.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v.Version != "9.2.11" || !v.AtLeast(8, 4) || !v.AtLeast(9, 2) || v.AtLeast(9, 3) || v.AtLeast(10, 0) {
		t.Errorf("version %+v", v)
	}
	r := f.seen()[0]
	if got, want := r.Header.Get("Authorization"), "PVEAPIToken=root@pam!berth="+canary; got != want {
		t.Errorf("Authorization %q", got)
	}
	if r.Header.Get("Cookie") != "" || r.RequestURI != "/api2/json/version" {
		t.Errorf("cookie %q, URI %q", r.Header.Get("Cookie"), r.RequestURI)
	}
	if _, err := c.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.connections(); n != 1 {
		t.Errorf("%d connections for two calls", n)
	}
}

func TestOtherCAGetsNothing(t *testing.T) {
	f, _ := served(t, data(`{}`))
	other := newCA(t)
	c := client(t, authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: other.trust()})
	_, err := c.Version(t.Context())
	p := wants(t, err, problem.Untrusted)
	if p.Expected != authority.Fingerprint(other.cert.Raw) || p.Got != authority.Fingerprint(f.leaf.Leaf.Raw) {
		t.Errorf("expected %s got %s", p.Expected, p.Got)
	}
	if len(f.seen()) != 0 {
		t.Error("a request was sent")
	}
}

func TestLook(t *testing.T) {
	f, _ := served(t, data(`[{"realm":"pam","type":"pam"},{"realm":"pve","type":"pve"}]`))
	seen, err := Look(t.Context(), loopback(), f.address(""))
	if err != nil {
		t.Fatal(err)
	}
	if !seen.Proxmox || seen.Fingerprint != authority.Fingerprint(f.leaf.Leaf.Raw) || seen.Public {
		t.Errorf("%+v", seen)
	}
	if h := f.seen()[0].Header; h.Get("Authorization") != "" || h.Get("Cookie") != "" {
		t.Error("a look carried credentials")
	}
}
