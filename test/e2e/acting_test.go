package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// do has an action done from the menu of a container's card, and says yes where it asks.
func (p *Page) do(name, action string) {
	p.t.Helper()
	p.click("button", "Actions for "+name)
	if action != "Stop" && action != "Reboot" {
		p.click("menuitem", action)
		return
	}
	p.click("menuitem", action+"…")
	p.see("dialog", action+" "+name+"?")
	p.click("button", action)
	p.gone("dialog", "")

}

// card is what the page says of a container.
func (p *Page) card(node string, vmid int) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector('[data-container$="/%d"][data-node$="/%s"]')?.innerText ?? ""`, vmid, node))
}

// jobOf goes to the last job that did something to a container, by the activity page.
func (d *Demo) jobOf(p *Page, name string) {
	p.t.Helper()
	p.waitFor("an ended job of "+name, func() bool {
		p.goTo(d.URL + "/activity?q=" + name)
		return p.count("link", "Log") > 0
	})
	p.click("link", "Log")
	p.see("heading", "Log")
}

// TestHowActionsEnd does one action under each fault of Proxmox, all at once on
// as many containers: the card says how it ended, the job says why, and
// Proxmox was asked once.
func TestHowActionsEnd(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.ready()
	lost := map[string]string{"delay": "1s"}
	cases := []struct {
		fault        string
		params       map[string]string
		from, action string
		to           string // status in the end
		card         string // what else its card says
		job          string
		log          string
		node, name   string
		vmid         int
	}{
		{node: "pve1", action: "Reboot", from: "running", to: "running", job: "Done"},
		{node: "pve1", fault: "task-warnings", action: "Start", from: "stopped", to: "running", job: "Done, with warnings", log: "WARN: "},
		{node: "pve1", fault: "task-log-rotated", action: "Shut down", from: "running", to: "stopped", job: "Proxmox does not know its task any more.", log: "Proxmox had thrown it away"},
		{node: "pve1", fault: "write-596-carried-out", params: lost, action: "Stop", from: "running", to: "stopped", job: "Done"},
		{node: "pve2", fault: "write-596-not-carried-out", params: lost, action: "Start", from: "stopped", to: "stopped", card: "Start failed: The answer of Proxmox was lost", job: "as far as can be seen it was not carried out"},
		{node: "pve2", fault: "lock-held", action: "Shut down", from: "running", to: "running", card: "Shut down failed", job: "Another task holds CT"},
		{node: "pve3", fault: "start-ok-but-stopped", action: "Start", from: "stopped", to: "stopped", card: "Start failed", job: "does not run"},
	}
	d.control(t, http.MethodDelete, "/requests", nil, nil)
	for i := range cases {
		c := &cases[i]
		c.vmid, c.name = p.one(c.node, c.from)
		if c.fault != "" {
			d.fault(t, c.fault, map[string]any{"cluster": "lab", "vmid": c.vmid, "params": c.params})
		}
		p.do(c.name, c.action)
		p.waitFor(c.name+" to be busy or done", func() bool {
			return strings.HasSuffix(p.pillOf(c.node, c.vmid), "…") || p.statusOf(c.node, c.vmid) != c.from || strings.Contains(p.card(c.node, c.vmid), "Details")
		})
	}
	for _, c := range cases {
		p.becomes(c.node, c.vmid, c.to)
		p.waitFor(c.name+" to say “"+c.card+"”", func() bool { return strings.Contains(p.card(c.node, c.vmid), c.card) })
		if c.card == "" && strings.Contains(p.card(c.node, c.vmid), "Details") {
			t.Errorf("%s: a success is told as a failure: %s", c.fault, p.card(c.node, c.vmid))
		}
	}
	p.accessible()
	p.whole("endings-cards")
	var counts map[string]struct{ Calls map[string]int }
	d.control(t, http.MethodGet, "/requests", nil, &counts)
	asked := 0
	for call, n := range counts["lab"].Calls {
		if strings.HasPrefix(call, "POST ") {
			asked += n
		}
	}
	if asked != len(cases) {
		t.Errorf("Proxmox was asked for something %d times by %d actions: %v", asked, len(cases), counts["lab"].Calls)
	}
	for _, c := range cases {
		d.jobOf(p, c.name)
		p.says(c.job)
		p.says(c.log)
		p.shot("ending-" + c.fault)
	}
}

// TestWhatIsNotOffered: an action that cannot be had stays in the menu with its
// reason, and what the rules did not know of is refused before anything is done.
func TestWhatIsNotOffered(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	p.ready()
	p.click("button", "Actions for stuck-in-backup")
	p.says("Proxmox holds a lock on stuck-in-backup: backup.")
	p.shot("menu-locked")
	p.press(kb.Escape)

	// What the token may not do says which privilege is missing.
	vmid, name := p.one("attic", "running")
	undo := d.fault(t, "permission-lost", map[string]any{"cluster": "attic"})
	p.waitFor("what is missing", func() bool {
		p.click("button", "Actions for "+name)
		defer p.press(kb.Escape)
		return p.count("menuitem", fmt.Sprintf("Shut down The token lacks VM.PowerMgmt on /vms/%d.", vmid)) > 0
	})
	undo()

	// Without quorum what harms is refused, and the rest goes on.
	d.fault(t, "no-quorum", map[string]any{"cluster": "lab"})
	p.says("quorum")
	vmid, name = p.one("pve2", "running")
	p.click("button", "Actions for "+name)
	p.see("menuitem", "Delete… lab has no quorum…")
	p.says("Proxmox would destroy the disk and keep the rest.")
	p.accessible()
	p.shot("menu-no-quorum")
	p.click("menuitem", "Shut down")
	p.becomes("pve2", vmid, "stopped")
}

// TestSuspendAndResume: Proxmox calls a suspended container stopped; Berth remembers.
func TestSuspendAndResume(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve2", "running")
	p.do(name, "Suspend")
	p.becomes("pve2", vmid, "suspended")
	p.goTo(d.URL + "/")
	p.ready()
	if got := p.statusOf("pve2", vmid); got != "suspended" {
		t.Errorf("after a reload it is %s", got)
	}
	p.do(name, "Resume")
	p.becomes("pve2", vmid, "running")
}

// TestAnActionOutlivesItsPage: what was asked for is there after a reload, and
// goes on without the tab that asked for it.
func TestAnActionOutlivesItsPage(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve1", "running")
	d.fault(t, "slow-tasks", map[string]any{"cluster": "lab", "params": map[string]string{"factor": "3"}})
	q := p.tab()
	q.goTo(d.URL + "/")
	q.ready()
	q.do(name, "Shut down")
	q.waitFor("that it is under way", func() bool { return q.pillOf("pve1", vmid) == "Shutting down…" })
	q.goTo(d.URL + "/")
	if got := q.pillOf("pve1", vmid); got != "Shutting down…" {
		t.Errorf("after a reload the card says %s", got)
	}
	q.close()
	p.becomes("pve1", vmid, "stopped")
}

// TestAShutdownThatIsNotHeard: when the time is over the person is asked, and may pull the plug.
func TestAShutdownThatIsNotHeard(t *testing.T) {
	d := startDemo(t)
	p := open(t, phone)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve2", "running")
	d.fault(t, "shutdown-ignored", map[string]any{"cluster": "lab", "vmid": vmid})
	_, path := d.containerOf(p, "pve2", vmid)
	p.goTo(d.URL + path + "/shutdown")
	p.fill("Time for it to end, in seconds optional", "2")
	p.accessible()
	p.shot("ask-shutdown-phone")
	p.click("button", "Shut down")
	p.says("Shutting down " + name)
	d.jobOf(p, name)
	p.says("it did not shut down within 2 s")
	p.accessible()
	p.shot("job-timeout-phone")
	p.click("button", "Stop it")
	p.says("was stopped")
	p.goTo(d.URL + "/")
	p.becomes("pve2", vmid, "stopped")
}

// containerOf is the address of a container's page.
func (d *Demo) containerOf(p *Page, node string, vmid int) (id, path string) {
	p.t.Helper()
	id = eval[string](p, fmt.Sprintf(`document.querySelector('[data-container$="/%d"][data-node$="/%s"]').dataset.container`, vmid, node))
	return id, "/containers/" + id
}

// TestTryAgain: what failed once is tried again from where it is told.
func TestTryAgain(t *testing.T) {
	d := startDemo(t)
	p := open(t, phone)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve2", "stopped")
	d.fault(t, "task-fails-at-60", map[string]any{"cluster": "lab", "vmid": vmid, "times": 1})
	p.do(name, "Start")
	p.waitFor("its end on the card", func() bool { return strings.Contains(p.card("pve2", vmid), "Start failed") })
	p.shot("failed-card-phone")
	p.click("link", "Details")
	p.click("button", "Try again")
	p.says("repeats what failed in")
	p.click("button", "Begin")
	p.says(name + " (CT " + fmt.Sprint(vmid) + ") was started")
	p.accessible()
	p.shot("job-again-phone")
	p.goTo(d.URL + "/")
	p.becomes("pve2", vmid, "running")
	if strings.Contains(p.card("pve2", vmid), "failed") {
		t.Error("the card still tells of the failure")
	}
}

// planOf goes to the plan of an action for all that a search shows, by the bar of what is chosen.
func (d *Demo) planOf(p *Page, query, action string, all int) {
	p.t.Helper()
	p.goTo(d.URL + "/?view=table&q=" + query)
	p.ready()
	eval[bool](p, `(document.querySelector(".pick").focus(), true)`)
	p.press("a", ctrl)
	p.says(fmt.Sprintf("%d selected", all))
	p.click("button", fmt.Sprintf("%s %d", action, all))
	p.see("button", "Begin")
}

// TestRetryOnlyTheFailed: of many one fails; the others are done, and only that one is planned again.
func TestRetryOnlyTheFailed(t *testing.T) {
	d := startDemo(t)
	p := open(t, phone)
	d.signIn(p, d.owner())
	p.ready()
	vmid := eval[int](p, `+[...document.querySelectorAll("[data-container]")].find(e => e.dataset.node.endsWith("/pve3") && e.dataset.status === "running" && e.innerText.includes("docs")).dataset.container.split("/")[1]`)
	d.fault(t, "task-fails-at-60", map[string]any{"cluster": "lab", "vmid": vmid, "times": 1})
	d.planOf(p, "node:pve3+status:running+tag:docs", "Stop", 3)
	p.accessible()
	p.shot("plan-phone")
	p.click("button", "Begin")
	p.says("1 failed")
	p.says("Ended")
	p.accessible()
	p.shot("job-some-failed-phone")
	if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		t.Errorf("a job is %d pixels wider than the screen", over)
	}
	p.click("button", "Retry what failed")
	p.says("1 will be stopped")
	p.click("button", "Begin")
	p.says("was stopped")
	p.says("repeats what failed in")
}

// TestCancelTheRest: what has not begun is left; what runs ends.
func TestCancelTheRest(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	d.planOf(p, "node:pve3+status:running", "Shut down", 8)
	p.accessible()
	p.shot("plan-dark")
	p.click("button", "Begin")
	p.says("Waiting")
	p.shot("job-running-dark")
	p.click("button", "Cancel the rest")
	p.says("Ended")
	p.accessible()
	p.shot("job-cancelled-dark")
	done := eval[int](p, `document.querySelectorAll(".step[data-state=done]").length`)
	cancelled := eval[int](p, `document.querySelectorAll(".step[data-state=cancelled]").length`)
	if done == 0 || cancelled == 0 || eval[int](p, `document.querySelectorAll(".step[data-state=failed]").length`) > 0 {
		t.Errorf("%d were done, %d cancelled", done, cancelled)
	}
}

// TestTwoPeople have the same Proxmox: each sees what the other does only as Proxmox tells it.
func TestTwoPeople(t *testing.T) {
	d := startDemo(t)
	v := d.visitor(t)
	v.signIn(d.newcomer())
	n, user := d.Nodes[0], d.owner().User+"@"+d.owner().Realm
	var made struct{ Token string }
	d.control(t, http.MethodPost, "/tokens", map[string]any{"cluster": n.Cluster, "user": user, "id": "second"}, &made)
	n.TokenID, n.TokenSecret, _ = strings.Cut(made.Token, "=")
	v.add(n)
	p, q := open(t, desktopLight), open(t, desktopDark)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve1", "running")
	d.signIn(q, d.newcomer())
	q.waitFor("the same container", func() bool { return q.statusOf("pve1", vmid) == "running" })
	q.ready()
	undo := d.fault(t, "task-never-ends", map[string]any{"cluster": "lab", "vmid": vmid})
	p.do(name, "Shut down")
	p.waitFor("that it is under way", func() bool { return p.pillOf("pve1", vmid) == "Shutting down…" })
	undo()
	q.do(name, "Stop")
	q.waitFor("Proxmox's own refusal", func() bool { return strings.Contains(q.card("pve1", vmid), "Another task holds CT") })
	q.shot("two-people-dark")
	if strings.Contains(q.card("pve1", vmid), "begun by") || strings.Contains(p.card("pve1", vmid), "failed") {
		t.Error("one person is told of the other")
	}
}

// TestActWithoutScript: on a container's page, and on many, with forms alone.
func TestActWithoutScript(t *testing.T) {
	d := startDemo(t)
	p := withoutScript(t, phone)
	p.goTo(d.URL + "/?q=node:pve2+status:running")
	fillSignIn(p, d.owner())
	p.see("heading", "Containers")
	vmid := p.anyOn("pve2", "running")
	name := eval[string](p, fmt.Sprintf(`document.querySelector('[data-container$="/%d"][data-node$="/pve2"] .ct-name').textContent`, vmid))
	_, path := d.containerOf(p, "pve2", vmid)
	p.goTo(d.URL + path)
	p.click("button", "All actions for "+name)
	p.click("link", "Stop…")
	p.see("heading", "Stop "+name+"?")
	p.shot("no-script-ask")
	p.click("button", "Stop")
	p.says("Stopping " + name)
	p.waitFor("its end", func() bool { p.goTo(d.URL + path); return p.count("button", "Start") > 0 })
	p.shot("no-script-container")
	p.click("button", "Start")
	p.says("Starting " + name)
	p.waitFor("its end", func() bool { p.goTo(d.URL + path); return p.count("link", "Reboot") > 0 })
	p.goTo(d.URL + "/activity")
	p.says("Start")
	p.click("link", "Log")
	p.see("heading", "Start "+name)
}
