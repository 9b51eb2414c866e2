package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/account"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// What is secret is in no file of the data folder but the key, in no log line, no page and no metric.
func TestSecretsStayWhereTheyBelong(t *testing.T) {
	h := newHouse(t)
	canaries := map[string]string{"session token": h.owner.token}
	for _, p := range h.people {
		canaries["password of "+p.User] = p.Password
	}
	for _, c := range h.clusters {
		s, err := h.app.store.ClusterSecret(t.Context(), string(h.owner.User.ID), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		canaries["token secret of "+c.Name] = s.Reveal()
	}
	held, err := h.app.store.Ticket(t.Context(), h.owner.Session.ID)
	if err != nil {
		t.Fatal(err)
	}
	ticket := held.Secret
	canaries["ticket"] = ticket.Reveal()
	canaries["signature of a ticket"] = ticket.Reveal()[strings.LastIndex(ticket.Reveal(), ":")+1:]

	// A password that is wrong, and one in the field of the user name.
	hosts, err := h.app.signin.Hosts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const wrong, slip = "canary-wrong-password", "canary-in-the-wrong-field"
	canaries["wrong password"], canaries["password as user name"] = wrong, slip
	for _, c := range []account.Credentials{
		{Host: hosts[0].ID, User: owner, Realm: demoRealm, Password: secret.New(wrong)},
		{Host: hosts[0].ID, User: slip, Realm: demoRealm, Password: secret.New("x")},
	} {
		if _, err := h.app.signin.Password(t.Context(), c, account.Client{Address: "192.0.2.1"}); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("a wrong sign-in: %v", err)
		}
	}

	found := func(where string, text []byte) {
		t.Helper()
		for what, canary := range canaries {
			if canary != "" && bytes.Contains(text, []byte(canary)) {
				t.Errorf("the %s is in %s", what, where)
			}
		}
	}
	for _, r := range h.site.Routes() {
		if r.Method != http.MethodGet || r.Form == kit.StreamRoute || r.Form == kit.AssetRoute {
			continue
		}
		for _, who := range []person{h.owner, h.newcomer, {}} {
			found(r.Pattern, []byte(h.ask(r, h.path(r, true), who, nil).body))
		}
	}
	w := httptest.NewRecorder()
	h.app.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	found("the metrics", w.Body.Bytes())
	found("the log", h.log.Bytes())

	files := 0
	err = filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == secret.KeyFileName {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		found(d.Name(), text)
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files were read, %v", files, err)
	}
}
