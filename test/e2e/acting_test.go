package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
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
	p.goTo(d.URL + "/activity?q=" + name)
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
