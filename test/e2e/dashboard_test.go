package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// shown are the VMIDs with their node ("cluster/node#vmid") of the containers that can be seen now.
func (p *Page) shown() []string {
	p.t.Helper()
	return eval[[]string](p, `[...document.querySelectorAll("[data-container]")].filter(e => e.checkVisibility()).map(e => e.dataset.node.split("/")[1] + "#" + e.dataset.container.split("/")[1])`)
}

// onlyOn waits until just the containers of one node are shown.
func (p *Page) onlyOn(node string) {
	p.t.Helper()
	p.waitFor("only containers of "+node, func() bool {
		all := p.shown()
		return len(all) > 0 && !slices.ContainsFunc(all, func(s string) bool { return !strings.HasPrefix(s, node+"#") })
	})
}

// TestFirstLook is the shortest story: sign in, and every container of every node is there.
func TestFirstLook(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.waitFor("cards of both clusters", func() bool { return len(p.shown()) > 50 })
	nodes := eval[[]string](p, `[...new Set([...document.querySelectorAll("[data-container]")].map(e => e.dataset.node))]`)
	if len(nodes) != 4 {
		t.Errorf("containers of %d nodes, want 4: %v", len(nodes), nodes)
	}
	statuses := eval[[]string](p, `[...new Set([...document.querySelectorAll("[data-container]")].map(e => e.dataset.status))]`)
	for _, s := range []string{"running", "stopped"} {
		if !slices.Contains(statuses, s) {
			t.Errorf("no container is %s: %v", s, statuses)
		}
	}
	p.accessible()
}

// TestNodeFilter: choosing a node filters what is there, asks nothing of the
// server, combines with status and search, and survives reload, back and sharing.
func TestNodeFilter(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.waitFor("cards", func() bool { return len(p.shown()) > 50 })
	all := len(p.shown())

	p.sent()
	p.click("radio", "pve2…")
	p.onlyOn("pve2")
	for _, r := range p.sent() {
		if !strings.Contains(r, "/live") && !strings.Contains(r, "/assets/") {
			t.Errorf("choosing a node sent %s", r)
		}
	}
	if !strings.Contains(p.path(), "node=") {
		t.Errorf("the choice is not in the address: %s", p.path())
	}
	shared := p.path()

	p.click("radio", "Stopped")
	p.waitFor("only stopped ones of pve2", func() bool {
		running := eval[int](p, `[...document.querySelectorAll('[data-container]:not([data-status="stopped"])')].filter(e => e.checkVisibility()).length`)
		return running == 0 && len(p.shown()) > 0
	})
	p.onlyOn("pve2")

	// The address alone brings it back: in this tab, and in another.
	p.goTo(d.URL + p.path())
	p.onlyOn("pve2")
	q := p.tab()
	q.goTo(d.URL + shared)
	q.onlyOn("pve2")

	p.click("radio", "All nodes…")
	p.click("radio", "All")
	p.waitFor("all of them again", func() bool { return len(p.shown()) == all })

	p.fill("Search containers", "node:pve1 -status:stopped mem>1%")
	p.onlyOn("pve1")
	p.goTo(d.URL + p.path())
	p.onlyOn("pve1")
}

// TestNothingMatches: it says so, and one click clears the filter.
func TestNothingMatches(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	p.fill("Search containers", "no-such-container")
	p.waitFor("nothing", func() bool { return len(p.shown()) == 0 })
	p.says("No container matches")
	p.accessible()
	p.click("link", "Clear the filter")
	p.waitFor("everything", func() bool { return len(p.shown()) > 50 })
}

// TestNoNodes: the page stands without a node, says so, and leads to adding one.
func TestNoNodes(t *testing.T) {
	d := startDemo(t)
	for _, screen := range []Screen{desktopLight, phone} {
		p := open(t, screen)
		d.signIn(p, d.newcomer())
		if p.path() != "/" {
			t.Errorf("the empty dashboard is at %s", p.path())
		}
		p.says("No Proxmox nodes configured")
		if n := p.shown(); len(n) != 0 {
			t.Errorf("%d containers without a node", len(n))
		}
		if p.count("radio", "All nodes…") != 0 {
			t.Error("a node filter without a node")
		}
		p.accessible()
		p.click("link", "Add a node")
		p.waitFor("the form", func() bool { return strings.HasPrefix(p.path(), "/settings/nodes") })
	}
}

// TestTable: the same containers as rows, sorted by any column, grouped by node.
func TestTable(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.click("radio", "Table")
	p.waitFor("rows", func() bool {
		return eval[int](p, `document.querySelectorAll("tr[data-container]").length`) > 50
	})
	p.choose("Sort", "VMID")
	p.waitFor("rows in order of VMID", func() bool {
		vmids := eval[[]int](p, `[...document.querySelectorAll("tr[data-container]")].map(e => +e.dataset.container.split("/")[1])`)
		return slices.IsSorted(vmids)
	})
	p.accessible()
}

// TestKeyboard: search, palette and help without a mouse.
func TestKeyboard(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.waitFor("cards", func() bool { return len(p.shown()) > 50 })

	p.key("/")
	p.waitFor("the search to have the focus", func() bool {
		return eval[string](p, `document.activeElement.getAttribute("aria-label") || document.activeElement.name || ""`) != ""
	})
	p.typeText("tag:prod")
	p.waitFor("a narrower list", func() bool { n := len(p.shown()); return n > 0 && n < 50 })
	p.press(kb.Escape)

	p.press("k", ctrl)
	p.see("dialog", "")
	p.typeText("pve3")
	p.see("option", "pve3…")
	p.press(kb.Enter)
	p.onlyOn("pve3")

	p.goTo(d.URL + "/")
	p.waitFor("cards", func() bool { return len(p.shown()) > 50 })
	p.key("?")
	p.says("Keyboard shortcuts")
	p.accessible()
	p.press(kb.Escape)
	p.gone("dialog", "")
}
