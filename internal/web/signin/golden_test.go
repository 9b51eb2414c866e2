package signin

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
)

var update = flag.Bool("update", false, "write the golden pages anew")

// hostile is what a Proxmox or a person may put into any text.
const hostile = `<script>alert(1)</script>"'&`

func lab() account.SignInHost {
	return account.SignInHost{ID: "h1", Name: "Lab", Realms: []account.Realm{
		{Name: "pam", Type: "pam", Comment: "Linux PAM", Default: true},
		{Name: "pve", Type: "pve"},
		{Name: "company", Type: "openid", Comment: hostile},
	}}
}

func TestPagesAreAsTheyWere(t *testing.T) {
	seen := authority.Seen{
		Address: authority.Address{Host: "192.0.2.1", Port: 8006}, Proxmox: true, Fingerprint: "AA:BB:CC", Subject: "pve1.lab", Issuer: hostile,
		NotAfter: time.Date(2028, 1, 2, 0, 0, 0, 0, time.UTC),
	}
	wrong := &problem.Problem{Kind: problem.Unauthorized, What: "Wrong.", Fields: map[string]string{"password": "Wrong."}}
	down := problem.New(problem.Unreachable, "“Lab” cannot be reached right now.", "Try again in a moment.")
	for name, page := range map[string]templ.Component{
		"login":              loginPage(loginView{Hosts: []account.SignInHost{lab()}, Host: lab(), Realm: "pam", ReturnTo: "/"}),
		"login-two-hosts":    loginPage(loginView{Hosts: []account.SignInHost{lab(), {ID: "h2", Name: hostile}}, Host: lab(), Realm: "pve", ReturnTo: "/settings"}),
		"login-wrong":        loginPage(loginView{Hosts: []account.SignInHost{lab()}, Host: lab(), User: hostile, Realm: "pve", ReturnTo: "/", Problem: wrong}),
		"login-down":         loginPage(loginView{Hosts: []account.SignInHost{lab()}, Host: lab(), User: "anna", Realm: "pve", ReturnTo: "/", Problem: down}),
		"login-no-realms":    loginPage(loginView{Hosts: []account.SignInHost{{ID: "h1", Name: "Lab"}}, Host: account.SignInHost{ID: "h1", Name: "Lab"}, ReturnTo: "/", SetUp: true}),
		"second-factor":      factorPage(factorView{Factors: account.Factors{TOTP: true, Recovery: true}, Kind: account.TOTP}),
		"second-factor-key":  factorPage(factorView{Factors: account.Factors{TOTP: true, Recovery: true}, Kind: account.Recovery, Wrong: "This code is wrong."}),
		"proof":              proofPage(proofView{User: "anna@pve", Host: "Lab", ReturnTo: "/settings/people", Wrong: "The password is wrong."}),
		"not-set-up":         notSetUp(),
		"set-up":             setUpPage(setUpView{Address: hostile, Problem: problem.Field("address", "This is not a host name or an IP address.")}),
		"set-up-again":       setUpPage(setUpView{Hosts: []account.SignInHost{lab()}}),
		"set-up-fingerprint": setUpPage(setUpView{Address: "192.0.2.1", Name: "pve1", Seen: &seen}),
		"set-up-dead-link":   deadLinkPage(problem.New(problem.NotFound, "This set-up link does not work any more.", "Make another.")),
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
