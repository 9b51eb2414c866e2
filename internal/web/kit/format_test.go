package kit

import (
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		n    int64
		want string
	}{
		{-5, "0 B"}, {0, "0 B"}, {1, "1 B"}, {1023, "1023 B"}, {1024, "1 KiB"}, {1536, "1.5 KiB"},
		{10 << 10, "10 KiB"}, {1<<20 - 1, "1 MiB"}, {512 << 20, "512 MiB"}, {1<<30 - 1<<20, "1023 MiB"},
		{7945689497, "7.4 GiB"}, {8 << 30, "8 GiB"}, {1 << 40, "1 TiB"}, {1<<63 - 1, "8 EiB"},
	} {
		if got := Bytes(c.n); got != c.want {
			t.Errorf("Bytes(%d) = %q, want %q", c.n, got, c.want)
		}
	}
}

func TestOfBytes(t *testing.T) {
	for _, c := range []struct {
		part, whole int64
		want        string
	}{
		{7945689497, 8 << 30, "7.4 of 8 GiB"},
		{200 << 20, 1 << 30, "0.2 of 1 GiB"},
		{0, 512 << 20, "0 of 512 MiB"},
		{-1, 512 << 20, "0 of 512 MiB"},
		{3 << 20, 0, "3 MiB"},
		{9 << 30, 8 << 30, "9 of 8 GiB"},
	} {
		if got := OfBytes(c.part, c.whole); got != c.want {
			t.Errorf("OfBytes(%d, %d) = %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		d    time.Duration
		want string
	}{{-time.Hour, "just now"}, {0, "just now"}, {1900 * time.Millisecond, "just now"}, {4 * time.Second, "4 s ago"},
		{59 * time.Second, "59 s ago"}, {time.Minute, "1 min ago"}, {59 * time.Minute, "59 min ago"}, {time.Hour, "1 h ago"},
		{47 * time.Hour, "47 h ago"}, {48 * time.Hour, "2 days ago"}, {41 * 24 * time.Hour, "41 days ago"}} {
		if got := Ago(now.Add(-c.d), now); got != c.want {
			t.Errorf("Ago(%v) = %q, want %q", c.d, got, c.want)
		}
	}
	if got := Ago(time.Time{}, now); got != "never" {
		t.Errorf("Ago(zero) = %q", got)
	}
	if got := Until(now.Add(20*time.Second), now); got != "in 20 s" {
		t.Errorf("Until = %q", got)
	}
	if got := Until(now.Add(-time.Second), now); got != "now" {
		t.Errorf("Until(past) = %q", got)
	}
	if got := Moment(now); got != "23 Nov 2026, 20:00:00 UTC" {
		t.Errorf("Moment = %q", got)
	}
}

func TestLocalPath(t *testing.T) {
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{"/", "/", true},
		{"/settings/nodes?x=1&y=a%20b", "/settings/nodes?x=1&y=a%20b", true},
		{"/a#frag", "/a", true},
		{"/?q=node%3Apve1", "/?q=node%3Apve1", true},
		{"", "", false}, {"a", "", false}, {"//evil.example", "", false}, {"/\\evil.example", "", false},
		{"https://evil.example/", "", false}, {"javascript:alert(1)", "", false}, {"/a b", "", false},
		{"/a\nSet-Cookie: x", "", false}, {"/%5cevil.example", "", false}, {"/%2f/evil", "", false}, {"/%0aevil", "", false}, {"/%zz", "", false},
		{"/\u202e", "", false},
	} {
		got, ok := LocalPath(c.in)
		if got != c.want || ok != c.ok {
			t.Errorf("LocalPath(%q) = %q, %v; want %q, %v", c.in, got, ok, c.want, c.ok)
		}
	}
}

func TestAddressesStayBelowTheirRoot(t *testing.T) {
	if got := URL.NodeEdit("../x?y"); got != "/settings/nodes/..%2Fx%3Fy/edit" {
		t.Errorf("NodeEdit = %q", got)
	}
	if got := URL.SignIn("//evil.example"); got != "/login" {
		t.Errorf("SignIn with a foreign address = %q", got)
	}
	if got := URL.SignIn("/activity?q=a"); got != "/login?return=%2Factivity%3Fq%3Da" {
		t.Errorf("SignIn = %q", got)
	}
}
