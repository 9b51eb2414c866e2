package main

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/secret"
	"berth/internal/web"
	"berth/internal/web/kit"
)

// With another key than the secrets were sealed with every page says so to who is signed in, and no page to others.
func TestALockedBerthSaysSoOnEveryPage(t *testing.T) {
	h := newHouse(t)
	pages := func(who person) map[string]string {
		all := map[string]string{}
		for _, r := range h.site.Routes() {
			if r.Method == http.MethodGet && r.Form == kit.PageRoute && r.Access != kit.Probe {
				if got := h.ask(r, h.path(r, true), who, nil); strings.Contains(got.body, `class="side-nav"`) {
					all[r.Pattern] = got.body
				}
			}
		}
		return all
	}
	for pattern, body := range pages(h.owner) {
		if strings.Contains(body, `id="locked"`) {
			t.Errorf("%s: says that it is locked", pattern)
		}
	}
	h.app.close()
	if err := os.WriteFile(filepath.Join(h.dir, secret.KeyFileName), []byte(secret.NewKey().Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := open(t.Context(), DataOptions{Data: h.dir}, WatchOptions{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	handler, err := a.site(&listener{})
	if err != nil {
		t.Fatal(err)
	}
	h.app, h.site = a, handler.(*web.Server)
	for name, c := range map[string]struct {
		who  person
		says string
	}{
		"an administrator":   {h.owner, secret.KeyFileName},
		"an ordinary person": {h.newcomer, "Tell whoever runs this Berth"},
	} {
		drawn := pages(c.who)
		if len(drawn) < 8 {
			t.Fatalf("%s sees %d pages only", name, len(drawn))
		}
		for pattern, body := range drawn {
			if strings.Count(body, `id="locked"`) != 1 || !strings.Contains(body, "Berth&#39;s key is not the one") || !strings.Contains(body, c.says) {
				t.Errorf("%s at %s: nothing says that Berth is locked", name, pattern)
			}
		}
	}
	for _, r := range h.site.Routes() {
		if r.Method == http.MethodGet && r.Access == kit.Public && strings.Contains(h.ask(r, h.path(r, true), person{}, nil).body, `id="locked"`) {
			t.Errorf("%s tells a stranger", r.Pattern)
		}
	}
}
