package e2e

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// withoutScript is a person's browser in which no page's script runs. The
// protocol may still look at the document, but nothing that waits inside of it ends.
func withoutScript(t *testing.T, screen Screen) *Page {
	t.Helper()
	p := open(t, screen)
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.still = true
	return p
}

// TestWithoutScript: signing in, reading the fleet, filtering it, the way to a
// new node and signing out are forms and links, and need no script.
func TestWithoutScript(t *testing.T) {
	d := startDemo(t)
	for _, light := range []struct {
		name   string
		screen Screen
	}{{"light", desktopLight}, {"phone", phone}} {
		t.Run(light.name, func(t *testing.T) {
			p := withoutScript(t, light.screen)
			p.goTo(d.URL + "/?status=running")
			if !strings.HasPrefix(p.path(), "/login?return=") {
				t.Fatalf("a stranger is at %s", p.path())
			}
			fillSignIn(p, d.owner())
			p.see("heading", "Containers")
			if eval[bool](p, `"berthRuns" in window || !!document.querySelector("[data-live][data-state=live]")`) {
				t.Fatal("script runs: the test proves nothing")
			}
			p.onlyWith("running", "the page that was asked for before the sign-in")
			p.shot("no-script-" + light.name)

			// Choices wait for the button, which is there for whom it is needed.
			p.goTo(d.URL + "/")
			all := len(p.shown())
			if all < 50 {
				t.Fatalf("%d containers are drawn without script", all)
			}
			p.click("radio", "pve2…")
			p.click("radio", "Stopped")
			p.fill("Search containers", "-tag:nothing-has-it")
			p.click("button", "Apply")
			p.onlyWith("stopped", "the filter")
			p.onlyOn("pve2")
			q, err := url.Parse(p.path())
			if err != nil || !strings.HasSuffix(q.Query().Get("node"), "/pve2") || q.Query().Get("status") != "stopped" || q.Query().Get("q") != "-tag:nothing-has-it" {
				t.Errorf("the filter is not in the address: %s", p.path())
			}
			p.fill("Search containers", "no-such-container")
			p.click("button", "Apply")
			p.says("No container matches")
			p.click("link", "Clear the filter")
			p.waitFor("everything", func() bool { return len(p.shown()) == all })

			p.goTo(d.URL + "/settings/nodes")
			p.click("link", "Add node")
			p.see("heading", "Add node")
			p.fill("Address", "no such address")
			p.click("button", "Look at it")
			p.waitFor("what was typed, and that it is wrong", func() bool {
				return eval[string](p, `document.querySelector("[name=address][aria-invalid=true]")?.value || ""`) == "no such address"
			})
			p.shot("no-script-add-" + light.name)
			p.goTo(d.URL + "/")
			if light.screen.Phone {
				p.click("button", "Menu")
			}
			p.click("button", "Sign out")
			p.see("heading", "Sign in")
			p.goTo(d.URL + "/")
			if !strings.HasPrefix(p.path(), "/login") {
				t.Errorf("after signing out / is %s", p.path())
			}
		})
	}
}

// onlyWith waits until containers are shown, and all of them have that status.
func (p *Page) onlyWith(status, after string) {
	p.t.Helper()
	p.waitFor("only "+status+" containers after "+after, func() bool {
		found := eval[[]string](p, `[...document.querySelectorAll("[data-container]")].filter(e => e.checkVisibility()).map(e => e.dataset.status)`)
		return len(found) > 0 && !slices.ContainsFunc(found, func(s string) bool { return s != status })
	})
}
