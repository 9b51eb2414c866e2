package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
)

func TestVisit(t *testing.T) {
	door := Door{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}}
	for _, c := range []struct {
		name   string
		peer   string
		tls    bool
		xff    []string
		proto  string
		client string
		secure bool
		local  bool
	}{
		{"direct", "203.0.113.9:999", false, nil, "", "203.0.113.9", false, false},
		{"direct, own claims are ignored", "203.0.113.9:999", false, []string{"1.1.1.1"}, "https", "203.0.113.9", false, false},
		{"direct over TLS", "203.0.113.9:999", true, nil, "", "203.0.113.9", true, false},
		{"one proxy", "10.1.1.1:5", false, []string{"198.51.100.7"}, "https", "198.51.100.7", true, false},
		{"a forged entry stands left of the true one", "10.1.1.1:5", false, []string{"6.6.6.6, 198.51.100.7"}, "https", "198.51.100.7", true, false},
		{"two proxies, two lines", "10.1.1.1:5", false, []string{"6.6.6.6, 198.51.100.7", "10.2.2.2"}, "https", "198.51.100.7", true, false},
		{"garbage ends the reading", "10.1.1.1:5", false, []string{"198.51.100.7, nonsense"}, "http", "10.1.1.1", false, false},
		{"a loopback peer that is a declared proxy is not local", "127.0.0.1:5", false, nil, "", "127.0.0.1", false, false},
		{"IPv4 in IPv6", "[::ffff:203.0.113.9]:5", false, nil, "", "203.0.113.9", false, false},
		{"loopback", "[::1]:5", false, nil, "", "::1", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.peer
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for _, line := range c.xff {
				r.Header.Add("X-Forwarded-For", line)
			}
			if c.proto != "" {
				r.Header.Set("X-Forwarded-Proto", c.proto)
			}
			v := door.Visit(r)
			if v.Client.String() != c.client || v.Secure != c.secure || v.Local != c.local {
				t.Errorf("got %+v, want client %s secure %v local %v", v, c.client, c.secure, c.local)
			}
		})
	}
}

func TestKnows(t *testing.T) {
	public, _ := url.Parse("https://berth.example.org")
	door := Door{PublicURL: public, AllowedHosts: []string{"berth.lan"}}
	for _, c := range []struct {
		host  string
		local string
		want  bool
	}{
		{"berth.example.org", "192.0.2.1:443", true},
		{"BERTH.example.org:443", "192.0.2.1:443", true},
		{"berth.example.org.", "192.0.2.1:443", true},
		{"berth.lan:8080", "192.0.2.1:443", true},
		{"evil.example.org", "192.0.2.1:443", false},
		{"192.0.2.1", "192.0.2.1:443", true},
		{"192.0.2.2", "192.0.2.1:443", false},
		{"localhost:8080", "127.0.0.1:8080", true},
		{"localhost:8080", "192.0.2.1:8080", false},
		{"[::1]:8080", "[::1]:8080", true},
		{"", "127.0.0.1:8080", false},
		{"127.0.0.1.evil.example", "127.0.0.1:8080", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = c.host
		local, _ := net.ResolveTCPAddr("tcp", c.local)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
		if got := door.Knows(r); got != c.want {
			t.Errorf("Knows(%q at %s) = %v", c.host, c.local, got)
		}
	}
}

func TestOwnOrigin(t *testing.T) {
	public, _ := url.Parse("https://berth.example.org")
	door := Door{PublicURL: public}
	for _, c := range []struct {
		site, origin string
		want         bool
	}{
		{"same-origin", "", true},
		{"same-site", "https://berth.example.org", false},
		{"cross-site", "https://berth.example.org", false},
		{"none", "", false},
		{"", "https://berth.example.org", true},
		{"", "https://evil.example.org", false},
		{"", "", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "berth.example.org"
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if got := door.OwnOrigin(r, Visit{Secure: true}); got != c.want {
			t.Errorf("OwnOrigin(site %q, origin %q) = %v", c.site, c.origin, got)
		}
	}
}
