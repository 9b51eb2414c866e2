package main

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"berth/internal/pve"
	"berth/internal/secret"
	"berth/internal/store"
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

// An https address that nobody serves would look safe to who reads the configuration, and is not.
func TestAnHTTPSAddressNeedsACertificateOrAProxy(t *testing.T) {
	for _, c := range []struct {
		flags []string
		ok    bool
	}{
		{[]string{"--public-url", "https://berth.example.org"}, false},
		{[]string{"--public-url", "https://berth.example.org", "--trusted-proxy", "127.0.0.1/32"}, true},
		{[]string{"--public-url", "https://berth.example.org", "--tls-cert", "c", "--tls-key", "k"}, true},
		{[]string{"--public-url", "https://berth.example.org", "--listen", "192.0.2.1:8443"}, true},
		{[]string{"--public-url", "http://127.0.0.1:8080"}, true},
		{nil, true},
	} {
		var cli CLI
		parser, err := kong.New(&cli, kong.Exit(func(int) {}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = parser.Parse(append([]string{"serve"}, c.flags...))
		if (err == nil) != c.ok || !c.ok && !strings.Contains(err.Error(), "--trusted-proxy") {
			t.Errorf("%v: %v", c.flags, err)
		}
	}
}

func TestAMetricsTokenThatOthersCanReadIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	a := &app{guard: pve.NewGuard(pve.GuardOptions{})}
	listen := func() (*listener, error) {
		l, err := HTTPOptions{Listen: "127.0.0.1:0", MetricsTokenFile: file}.listen(a, slog.New(slog.DiscardHandler))
		if err == nil {
			_ = l.Close()
		}
		return l, err
	}
	if err := os.WriteFile(file, []byte("canary-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := listen(); err != nil || l.token.Reveal() != "canary-token" {
		t.Errorf("the token of a closed file: %v", err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := listen(); err == nil || !strings.Contains(err.Error(), "can be read by others") || strings.Contains(err.Error(), "canary") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

func TestTheDemosKeyIsItsOwn(t *testing.T) {
	key := secret.NewKey().Reveal()
	t.Setenv(secret.KeyEnv, key)
	dir := t.TempDir()
	st, err := DataOptions{Data: dir, ownKey: true}.openStore(t.Context(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	made, err := os.ReadFile(filepath.Join(dir, secret.KeyFileName))
	if err != nil || strings.Contains(string(made), key) || os.Getenv(secret.KeyEnv) != key {
		t.Errorf("the key of the environment was taken: %v", err)
	}
}
