package pve

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestUPIDRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9._-]{0,20}`)
	rapid.Check(t, func(t *rapid.T) {
		u := UPID{
			Node: rapid.StringMatching(`[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?`).Draw(t, "node"),
			PID:  rapid.Uint32().Draw(t, "pid"), PStart: rapid.Uint64Range(0, 1<<36-1).Draw(t, "pstart"),
			StartedAt: time.Unix(rapid.Int64Range(0, 1<<32-1).Draw(t, "start"), 0).UTC(),
			Type:      word.Draw(t, "type"), ID: rapid.StringMatching(`([0-9]{3,9})?`).Draw(t, "id"),
			User: word.Draw(t, "user") + "@" + word.Draw(t, "realm") + rapid.StringMatching(`(![a-z]{2,8})?`).Draw(t, "token"),
		}
		got, err := ParseUPID(u.String())
		if err != nil {
			t.Fatalf("%s: %v", u, err)
		}
		if got != u {
			t.Fatalf("%s became %+v, want %+v", u, got, u)
		}
	})
}

func TestUPIDOfARealNode(t *testing.T) {
	u, err := ParseUPID("UPID:pve1:000001CB:00052529:6B048199:vzcreate:100:root@pam!berth:")
	if err != nil {
		t.Fatal(err)
	}
	id, ok := u.VMID()
	if u.Node != "pve1" || u.PID != 459 || u.StartedAt.Unix() != 1795457433 || u.Type != "vzcreate" || !ok || id != 100 || u.User != "root@pam!berth" {
		t.Errorf("%+v", u)
	}
}

var badUPIDs = []string{
	"", "UPID", "UPID:::::::::", "UPID:pve1:000001CB:00052529:6B048199:vzcreate:100:root@pam", "upid:pve1:000001CB:00052529:6B048199:vzcreate:100:root@pam:",
	"UPID:../x:000001CB:00052529:6B048199:vzcreate:100:root@pam:", "UPID:pve1:+00001CB:00052529:6B048199:vzcreate:100:root@pam:",
	"UPID:pve1:000001CB:00052529:6B048199:vz create:100:root@pam:", "UPID:pve1:000001CB:00052529:6B048199:vzcreate:1/../2:root@pam:",
	"UPID:pve1:000001CB:00052529:6B048199:vzcreate:100:root@pam:extra:", "UPID:pve1:000001CBAB:00052529:6B048199:vzcreate:100:root@pam:",
	"UPID:pve1:000001CB:00052529:6B048199::100:root@pam:", "UPID:pve1:000001CB:00052529:6B048199:vzcreate:100::",
	"UPID:pve1:000001CB:00052529:6B048199:vzcreate:100:root@pam:\n", "UPID:pve1:000001CB:00052529:6B048199:vzcreate:..:root@pam:",
	"UPID:pve1:000001CB:00052529:6B048199:vzcreate:" + strings.Repeat("1", 600) + ":root@pam:",
}

func TestBadUPIDs(t *testing.T) {
	for _, s := range badUPIDs {
		if u, err := ParseUPID(s); err == nil {
			t.Errorf("%q was read as %+v", s, u)
		}
	}
}

func FuzzUPID(f *testing.F) {
	for _, s := range badUPIDs {
		f.Add(s)
	}
	f.Add("UPID:pve1:000001CB:00052529:6B048199:vzcreate:100:root@pam!berth:")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseUPID(s)
		if err != nil {
			return
		}
		if u.String() != s {
			t.Fatalf("%q came back as %q", s, u)
		}
		if strings.ContainsAny(s, "/\\ \n\x00") {
			t.Fatalf("%q was read", s)
		}
	})
}
