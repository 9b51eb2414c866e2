package main

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestShownAddress(t *testing.T) {
	lan := func() ([]net.Addr, error) {
		return []net.Addr{
			&net.IPNet{IP: net.IPv4(127, 0, 0, 1), Mask: net.CIDRMask(8, 32)},
			&net.IPNet{IP: net.ParseIP("fe80::1"), Mask: net.CIDRMask(64, 128)},
			&net.IPNet{IP: net.IPv4(192, 0, 2, 7), Mask: net.CIDRMask(24, 32)},
		}, nil
	}
	none := func() ([]net.Addr, error) { return nil, errors.New("no interfaces") }
	for _, c := range []struct {
		at   string
		all  func() ([]net.Addr, error)
		want string
	}{
		{"127.0.0.1:8080", lan, "127.0.0.1:8080"}, {"0.0.0.0:8443", lan, "192.0.2.7:8443"}, {"[::]:8443", lan, "192.0.2.7:8443"},
		{"[::]:8443", none, "127.0.0.1:8443"}, {"[2001:db8::1]:443", lan, "[2001:db8::1]:443"},
	} {
		if got := shownAddress(netip.MustParseAddrPort(c.at), c.all); got != c.want {
			t.Errorf("%s is shown as %s, want %s", c.at, got, c.want)
		}
	}
}
