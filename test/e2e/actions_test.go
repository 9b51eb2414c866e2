package e2e

import (
	"fmt"
	"strconv"
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

// one finds a container of that node and status whose name is its own, so that
// its buttons are: its VMID and what it is called. Template containers are left out.
func (p *Page) one(node, status string) (vmid int, name string) {
	p.t.Helper()
	found := eval[[]string](p, fmt.Sprintf(`(() => {
		const name = e => e.querySelector(":is(h3, th)").title, all = [...document.querySelectorAll("[data-container]")]
		const e = all.find(e => e.dataset.node.endsWith("/%s") && e.dataset.status === "%s" && !e.querySelector(".ids .badge:not(.node-badge), .ending") && !("busy" in e.dataset) && all.filter(o => name(o) === name(e)).length === 1)
		return e ? [e.dataset.container.split("/")[1], name(e)] : []
	})()`, node, status))
	if len(found) == 0 {
		p.t.Fatalf("no %s container on %s", status, node)
	}
	vmid, err := strconv.Atoi(found[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return vmid, found[1]
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
	p.click("checkbox", "Take it out of backup jobs, replication and HA too")
	p.click("checkbox", "Delete unreferenced disks too…")
	p.fill("Type its name: "+name, name)
	p.click("button", "Delete")
	p.says("Deleting " + name)
	p.waitFor("its card to go while the dashboard is open", func() bool { return p.statusOf("pve1", vmid) == "" })
}

// TestActOnASelection: by hand, by range, by keyboard, all that match.
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
	p.waitFor("all to be selected", func() bool { return p.count("button", "Select all…") == 0 })
	p.shot("bulk-all")
	p.press(kb.Escape)
	p.waitFor("none to be selected", func() bool { return !strings.Contains(p.text(), "selected") })
}

// TestActOnAllThatMatch: a plan first, then progress and result.
func TestActOnAllThatMatch(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.goTo(d.URL + "/?q=node:pve3+status:running+tag:docs&view=table")
	p.ready()
	eval[bool](p, `(document.querySelector(".pick").focus(), true)`)
	p.press("a", ctrl)
	p.says("3 selected")
	p.click("button", "Shut down 3")
	p.says("3 will be shut down")
	p.see("button", "Begin")
	p.accessible()
	p.shot("plan")
	p.click("button", "Begin")
	p.says("Started")
	p.shot("job-many")
	p.waitFor("the job to end, without a reload", func() bool { return strings.Contains(p.text(), "Ended") })
	p.shot("job-many-ended")
}

// TestWhatGoesWrongIsSaid: a task that fails is on the card until it is dismissed, with its log and a way to try again.
func TestWhatGoesWrongIsSaid(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve2", "stopped")
	d.fault(t, "task-fails-at-60", map[string]any{"cluster": "lab"})
	p.click("button", "Actions for "+name)
	p.click("menuitem", "Start")
	p.says("Start failed")
	if p.statusOf("pve2", vmid) != "stopped" {
		t.Error("it is not shown as it is")
	}
	p.accessible()
	p.shot("failed-card")
	p.click("link", "Details")
	p.see("button", "Try again")
	p.accessible()
	p.shot("failed-job")
}

// TestTwoAtOnce: the second action on a container is refused with the first one's name, in any tab.
func TestTwoAtOnce(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.ready()
	_, name := p.one("pve1", "running")
	undo := d.fault(t, "task-never-ends", map[string]any{"cluster": "lab"})
	p.click("button", "Actions for "+name)
	p.click("menuitem", "Shut down")
	p.says("Shutting down…")
	q := p.tab()
	q.goTo(d.URL + "/")
	q.ready()
	q.click("button", "Actions for "+name)
	q.says("is under way, begun by alex@pve.")
	q.shot("busy-menu")
	q.press(kb.Escape)
	q.see("link", "Activity…")
	undo()
}
