package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// statusOf is what the page shows of a container by its VMID and node name.
func (p *Page) statusOf(node string, vmid int) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`(() => { const e = document.querySelector('[data-container$="/%d"][data-node$="/%s"]'); return e ? e.dataset.status : "" })()`, vmid, node))
}

// anyOn finds a container of that node and status.
func (p *Page) anyOn(node, status string) int {
	p.t.Helper()
	return eval[int](p, fmt.Sprintf(`+(document.querySelector('[data-node$="/%s"][data-status="%s"]')?.dataset.container.split("/")[1] ?? 0)`, node, status))
}

// TestChangesByOtherHands: what somebody else does in Proxmox is in an open tab
// within 4 s, in every tab, without a reload.
func TestChangesByOtherHands(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	q := p.tab()
	q.goTo(d.URL + "/?node=&view=table")
	p.waitFor("live", func() bool { return eval[string](p, `document.querySelector("[data-live]").dataset.state`) == "live" })
	vmid := p.anyOn("pve2", "running")
	if vmid == 0 {
		t.Fatal("no running container on pve2")
	}
	began := time.Now()
	d.act(t, "lab", vmid, "stop")
	p.waitFor("the container to be stopped", func() bool { return p.statusOf("pve2", vmid) == "stopped" })
	// The figure is decision 26's; what the machine itself takes is added, since tests share it.
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the change took %s to be in the tab", took)
	}
	q.waitFor("the same in the other tab", func() bool { return q.statusOf("pve2", vmid) == "stopped" })
	d.act(t, "lab", vmid, "start")
	p.waitFor("the container to run again", func() bool { return p.statusOf("pve2", vmid) == "running" })
}

// TestNodeDies: its containers stay as last seen, the banner names it, and it comes back by itself.
func TestNodeDies(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.waitFor("cards", func() bool { return len(p.shown()) > 50 })
	before := len(p.shown())

	undo := d.fault(t, "node-dead", map[string]any{"cluster": "lab", "node": "pve3"})
	p.says("pve3 cannot be reached")
	p.says("as last seen")
	if now := len(p.shown()); now != before {
		t.Errorf("%d containers are shown of %d: those of the dead node must stay", now, before)
	}
	p.see("button", "Try now")
	p.accessible()
	p.shot("node-dead")

	undo()
	p.waitFor("the banner to go", func() bool { return !strings.Contains(p.text(), "pve3 cannot be reached") })
}

// TestAllUnreachable: everything stays as last seen, over a reload too.
func TestAllUnreachable(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	p.waitFor("cards", func() bool { return len(p.shown()) > 50 })
	before := len(p.shown())
	d.fault(t, "hang-after-accept", map[string]any{"cluster": "lab"})
	d.fault(t, "hang-after-accept", map[string]any{"cluster": "attic"})
	p.says("None of your nodes can be seen")
	p.goTo(d.URL + "/")
	p.says("None of your nodes can be seen")
	if now := len(p.shown()); now != before {
		t.Errorf("%d containers are shown of %d", now, before)
	}
	p.accessible()
	p.shot("all-unreachable")
}

// TestTokenRefused: the watcher stops, the page says why, and what to do.
func TestTokenRefused(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.waitFor("cards", func() bool { return len(p.shown()) > 50 })
	d.fault(t, "token-revoked", map[string]any{"cluster": "attic"})
	p.says("attic")
	p.see("link", "Change connection")
	p.accessible()
	p.shot("token-refused")
}

// TestSignOutReachesEveryBrowser: signing out everywhere in one browser ends the open page of another.
func TestSignOutReachesEveryBrowser(t *testing.T) {
	d := startDemo(t)
	p, q := open(t, desktopLight), open(t, phone)
	d.signIn(p, d.owner())
	p.waitFor("live", func() bool { return eval[string](p, `document.querySelector("[data-live]").dataset.state`) == "live" })
	d.signIn(q, d.owner())
	q.goTo(d.URL + "/settings/sessions")
	q.click("button", "Sign out everywhere")
	q.see("heading", "Sign in")
	p.waitFor("the other browser to be signed out too", func() bool {
		return p.count("heading", "Sign in") > 0 || p.count("link", "Sign in") > 0
	})
}
