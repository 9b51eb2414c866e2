package settings

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// hostile is what a Proxmox, a browser or a person may put into any text.
const hostile = `<script>alert(1)</script>"'&`

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func host() account.SignInHost {
	return account.SignInHost{
		ID: "h1", Name: "Lab",
		Authority: authority.Authority{
			Addresses: []authority.Address{{Host: "192.0.2.1", Port: 8006}, {Host: "fd00::1", Port: 443}},
			Trust:     authority.Trust{Mode: authority.CAPin, Fingerprint: "AA:BB:CC:DD:EE:FF:00:11:22:33"},
		},
		Policy: account.Policy{Admission: account.OnlyListed, Listed: []string{"anna@pve", "@company"}},
		Realms: []account.Realm{{Name: "pam"}, {Name: hostile}}, RealmsAt: noon.Add(-time.Minute),
	}
}

func one() account.SignInHost {
	h := host()
	h.ID, h.Name = "h2", hostile
	h.Authority.Addresses = h.Authority.Addresses[:1]
	h.Authority.Trust.Mode = authority.LeafPin
	h.Policy = account.Policy{Admission: account.Everyone}
	h.Realms, h.RealmsAt = nil, time.Time{}
	return h
}

func people() []personRow {
	user := func(id, name string, admin bool, disabled time.Time) account.Person {
		return account.Person{User: account.User{ID: account.UserID(id), PVEUser: name, Admin: admin, DisabledAt: disabled, SignedInAt: noon.Add(-time.Hour)}, Host: "Lab", Sessions: 1}
	}
	return []personRow{
		{Person: user("u1", "root@pam", true, time.Time{}), Self: true, Last: true},
		{Person: user("u2", "anna@pve", false, time.Time{})},
		{Person: user("u3", "tom"+hostile, false, noon)},
	}
}

func TestPagesAreAsTheyWere(t *testing.T) {
	session := account.Session{ID: "s1", Address: "192.0.2.9", CreatedAt: noon.Add(-time.Hour), SeenAt: noon, ExpiresAt: noon.Add(24 * time.Hour)}
	foreign := session
	foreign.ID, foreign.Address = "s2", hostile
	v := hostView{Host: host(), Name: "Lab", Admission: "listed", Sharing: "administrators", Listed: "anna@pve\n@company", Own: true}
	refused := hostView{Host: one(), Name: hostile, Admission: "everyone", NewAddress: hostile,
		Problem: &problem.Problem{Kind: problem.Untrusted, What: "Another.", Fields: map[string]string{"address": "This is another Proxmox."}, Expected: "AA", Got: "BB"}}
	seen := authority.Seen{Address: authority.Address{Host: "192.0.2.1", Port: 8006}, Fingerprint: "AA:BB", Subject: hostile, Issuer: hostile, NotAfter: noon}
	for name, page := range map[string]templ.Component{
		"sessions":             sessionsPage([]sessionRow{{Session: session, Current: true, Where: "Firefox on Linux", Now: noon}, {Session: foreign, Where: "Unknown browser", Now: noon}}),
		"appearance":           appearancePage(kit.DarkTheme),
		"hosts":                hostsPage([]account.SignInHost{host(), one()}, noon),
		"host":                 hostPage(v),
		"host-refused":         hostPage(refused),
		"host-certificate":     hostPage(hostView{Host: one(), Name: "Lab", Admission: "everyone", Seen: &seen}),
		"host-new":             newHostPage(newHostView{}),
		"host-new-wrong":       newHostPage(newHostView{Address: hostile, Problem: problem.Field("address", "This is not a host name or an IP address.")}),
		"host-new-fingerprint": newHostPage(newHostView{Address: "192.0.2.1", Name: "pve1", Seen: &seen}),
		"people":               peoplePage(people(), noon),
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := page.Render(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(b.String(), "><", ">\n<")
			if strings.Contains(got, "<script>alert") {
				t.Error("foreign text became markup")
			}
			file := filepath.Join("testdata", name+".golden.html")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the page is not as %s has it; look at the difference, then run with -update:\n%s", file, got)
			}
		})
	}
}
