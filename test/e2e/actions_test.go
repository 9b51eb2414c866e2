package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// ready waits until the dashboard's script listens and its stream is open.
func (p *Page) ready() {
	p.t.Helper()
	p.waitFor("live", func() bool {
		return eval[bool](p, `document.querySelector("[data-live]")?.dataset.state === "live"`)
	})
}

// one finds a container of that node and status: its VMID and what it is called.
func (p *Page) one(node, status string) (vmid int, name string) {
	p.t.Helper()
	vmid = p.anyOn(node, status)
	if vmid == 0 {
		p.t.Fatalf("no %s container on %s", status, node)
	}
	return vmid, eval[string](p, fmt.Sprintf(`document.querySelector('[data-container$="/%d"][data-node$="/%s"] :is(h3, th)').title`, vmid, node))
}

// pillOf is what the page says of a container: "Stopping…".
func (p *Page) pillOf(node string, vmid int) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector('[data-container$="/%d"][data-node$="/%s"] .pill')?.textContent.trim() ?? ""`, vmid, node))
}

// becomes waits until a container's status is shown as that, with nothing under way.
func (p *Page) becomes(node string, vmid int, status string) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("CT %d to be %s", vmid, status), func() bool {
		return p.statusOf(node, vmid) == status && !strings.HasSuffix(p.pillOf(node, vmid), "…")
	})
}

// TestActOnACard: stop asks in a dialog, start does not; the card says what is under way and then what is.
func TestActOnACard(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve2", "running")

	p.click("button", "Actions for "+name)
	p.see("menuitem", "Shut down")
	p.says(name + " already runs.")
	p.accessible()
	p.shot("menu")
	p.click("menuitem", "Stop…")
	p.see("dialog", "Stop "+name+"?")
	p.accessible()
	p.shot("ask-stop")
	p.click("button", "Stop")
	p.waitFor("the card to say so at once", func() bool { return p.pillOf("pve2", vmid) == "Stopping…" || p.statusOf("pve2", vmid) == "stopped" })
	p.becomes("pve2", vmid, "stopped")

	p.click("button", "Actions for "+name)
	p.click("menuitem", "Start")
	p.says("Starting " + name + ".")
	p.becomes("pve2", vmid, "running")

	// It is told, with its log.
	p.click("link", "Activity…")
	p.see("heading", "Activity")
	p.accessible()
	p.shot("activity")
	p.says(name)
	p.click("link", "Log")
	p.see("heading", "Start "+name)
	p.see("list", "Log")
	p.accessible()
	p.shot("job-one")
}

// TestDeleteAsksForTheName: what is destroyed is said, and nothing happens without the name.
func TestDeleteAsksForTheName(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve1", "running")
	p.click("button", "Actions for "+name)
	p.click("menuitem", "Delete…")
	p.see("dialog", "Delete "+name+"?")
	p.accessible()
	p.shot("ask-delete")
	p.fill("Type its name: "+name, "something-else")
	p.click("button", "Delete")
	p.says("Type “" + name + "”")
	p.fill("Type its name: "+name, name)
	p.click("button", "Delete")
	p.says("it is deleted only if it may be stopped first")
	p.click("checkbox", "Stop it first…")
	p.fill("Type its name: "+name, name)
	p.click("button", "Delete")
	p.waitFor("the container to be gone", func() bool { return p.statusOf("pve1", vmid) == "" })
}

// TestActOnASelection: by hand, by range, by keyboard, all that match; a plan first, then progress and result.
func TestActOnASelection(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.goTo(d.URL + "/?view=table&sort=vmid")
	p.ready()
	eval[bool](p, `(document.querySelector(".pick").focus(), true)`)
	p.press(" ")
	p.says("1 selected")
	for range 9 {
		p.press(kb.ArrowDown, shiftKey)
	}
	p.says("10 selected")
	p.accessible()
	p.shot("bulk-table")
	p.press("a", ctrl)
	p.waitFor("all to be selected", func() bool { return len(p.find("button", "Select all…")) == 0 })
	p.shot("bulk-all")
	p.press(kb.Escape)
	p.waitFor("none to be selected", func() bool { return !strings.Contains(p.text(), "selected") })

	p.goTo(d.URL + "/?q=node:pve2+status:running")
	p.ready()
	p.click("DisclosureTriangleGrouped", "Act on all that are shown")
	p.see("button", "Shut down…")
	p.shot("act-on-all")
	p.click("button", "Shut down…")
	p.see("heading", "Shut down…")
	p.says("will be shut down")
	p.accessible()
	p.shot("plan")
	p.click("button", "Begin")
	p.see("button", "Cancel the rest")
	p.shot("job-many")
	p.accessible()
	p.waitFor("the job to end", func() bool {
		return len(p.find("button", "Cancel the rest")) == 0 && strings.Contains(p.text(), "Ended")
	})
	p.shot("job-many-ended")
}
