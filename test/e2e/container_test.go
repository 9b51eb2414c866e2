package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// openContainer goes to the page of a container of that node and status and returns its VMID and its path.
func (d *Demo) openContainer(p *Page, node, status string) (vmid int, path string) {
	p.t.Helper()
	p.waitFor("a container on "+node+" that is "+status, func() bool { return p.anyOn(node, status) != 0 })
	vmid = p.anyOn(node, status)
	path = eval[string](p, fmt.Sprintf(`"/containers/" + document.querySelector('[data-container$="/%d"][data-node$="/%s"]').dataset.container`, vmid, node))
	p.goTo(d.URL + path)
	p.see("heading", "Resources")
	return vmid, path
}

// drawn waits until so many charts are on the page.
func (p *Page) drawn(least int) {
	p.t.Helper()
	p.waitFor("charts", func() bool {
		return eval[int](p, `document.querySelectorAll("figure[data-chart] canvas").length`) >= least
	})
}

func TestContainerPage(t *testing.T) {
	d := startDemo(t)
	for _, light := range []struct {
		name   string
		screen Screen
	}{{"light", desktopLight}, {"dark", desktopDark}, {"phone", phone}} {
		t.Run(light.name, func(t *testing.T) {
			p := open(t, light.screen)
			d.signIn(p, d.owner())
			_, path := d.openContainer(p, "pve2", "running")
			p.drawn(4)
			p.waitFor("a configuration", func() bool { return strings.Contains(p.text(), "rootfs") })
			p.waitFor("addresses", func() bool { return !strings.Contains(p.text(), "Being read") })
			p.accessible()
			p.shot("container-" + light.name)
			p.whole("container-whole-" + light.name)
			if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("the page is %d pixels wider than the screen", over)
			}
			p.click("link", "Events")
			p.see("heading", "")
			p.waitFor("the events", func() bool { return p.path() == path+"/events" })
			p.accessible()
			p.shot("container-events-" + light.name)
		})
	}
}

func TestContainerIsKeptCurrent(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	vmid, path := d.openContainer(p, "pve2", "running")
	p.drawn(4)
	p.waitFor("live", func() bool { return eval[string](p, `document.querySelector("[data-live]").dataset.state`) == "live" })

	// Numbers move by themselves, nothing is loaded anew, and what waits for the next start is marked.
	eval[bool](p, `window.here = true`)
	d.act(t, "lab", vmid, "pending memory 4096")
	d.act(t, "lab", vmid, "note Ask **Ann** first <img src=x>")
	numbers := func() string { return eval[string](p, `document.querySelector('.tiles').innerText`) }
	first := numbers()
	p.waitFor("other numbers", func() bool { return numbers() != first })
	p.says("1 change waits for the next start.")
	p.says("after the next start")
	p.accessible()
	p.shot("container-pending")

	d.act(t, "lab", vmid, "stop") // what it is, is read anew
	p.says("Not running: its addresses are known only while it runs.")
	p.see("button", "Start")
	p.says("Ask Ann first <img src=x>")
	p.shot("container-stopped")

	// It keeps its address when it moves.
	d.act(t, "lab", vmid, "migrate pve1")
	p.waitFor("the other node", func() bool {
		return eval[string](p, `document.querySelector("[data-part=under] .node-badge").textContent.trim()`) == "pve1"
	})
	if !eval[bool](p, `window.here === true`) || p.path() != path {
		t.Error("the page was loaded anew")
	}
}

// TestContainerPast: what was done is in the timeline, with its log; and it stays when the container is gone.
func TestContainerPast(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	vmid, path := d.openContainer(p, "pve2", "running")
	p.waitFor("a configuration", func() bool { return strings.Contains(p.text(), "rootfs") })
	d.act(t, "lab", vmid, "stop")
	p.says("Not running: its addresses are known only while it runs.")
	d.act(t, "lab", vmid, "migrate pve1")
	p.waitFor("the end of the move", func() bool {
		return eval[bool](p, `(t => t.includes("pve1") && !t.includes("Locked"))(document.querySelector("[data-part=under]").textContent)`)
	})

	p.click("link", "Events")
	p.waitFor("the move", func() bool { return strings.Contains(p.text(), "Move to another node") })
	p.waitFor("the stop", func() bool { return strings.Contains(p.text(), "root@pam") })
	p.shot("container-events-some")
	p.click("link", "Log")
	p.says("its log has not been read")
	p.click("button", "Read the log")
	p.waitFor("its lines", func() bool { return eval[int](p, `document.querySelector(".task-log")?.textContent.length ?? 0`) > 10 })
	p.accessible()
	p.shot("container-log")

	// A container that is gone says so, and keeps its past.
	d.act(t, "lab", vmid, "delete")
	p.waitFor("that it is gone", func() bool { return strings.Contains(p.text(), "is not in lab any more") })
	q := p.tab()
	q.goTo(d.URL + path)
	q.says("is not in lab any more")
	q.says("rootfs")
	q.accessible()
	q.whole("container-gone")
	q.goTo(d.URL + path + "/events?from=proxmox&q=delete")
	q.says("Delete")
}

func TestContainerHistory(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	_, path := d.openContainer(p, "pve2", "running")
	p.drawn(4)
	eval[bool](p, `window.here = true`)
	p.click("link", "Year")
	p.waitFor("a year", func() bool {
		return p.path() == path+"?frame=year" && eval[bool](p, `document.querySelector('[data-part=numbers] th')?.textContent === "Year"`)
	})
	p.drawn(4)
	if !eval[bool](p, `window.here === true`) {
		t.Error("another frame loaded the page anew")
	}
	p.shot("container-year")

	// By keyboard: a chart has a cursor, its lines can be hidden.
	eval[bool](p, `document.querySelector('figure[data-chart=memory] .chart-plot').focus(), true`)
	p.press(kb.ArrowLeft)
	p.press(kb.ArrowLeft)
	p.waitFor("the value at the cursor read out", func() bool {
		return strings.Contains(eval[string](p, `document.querySelector('figure[data-chart=memory] [role=status]').textContent`), "Used")
	})
	p.click("button", "Allotted…")
	p.waitFor("a hidden line", func() bool {
		return eval[string](p, `document.querySelector('figure[data-chart=memory] [data-series=maxmem]').getAttribute("aria-pressed")`) == "false"
	})
	took := eval[float64](p, `performance.getEntriesByName("berth-charts", "measure").at(-1).duration`)
	t.Logf("a year's charts took %.0f ms", took)
	p.click("button", "Light theme")
	p.waitFor("a light page", func() bool {
		return eval[float64](p, `parseFloat(getComputedStyle(document.documentElement).backgroundColor.match(/[\d.]+/)[0])`) > 0.5
	})
	eval[bool](p, `document.querySelector("#all-values summary").click(), true`)
	p.says("Time (UTC)")
	p.accessible()
	p.whole("container-year-light")

	// The frame is in the address: it survives a reload, and needs no script to be read.
	p.goTo(d.URL + path + "?frame=year")
	p.drawn(4)
	if got := eval[string](p, `document.querySelector(".frames [aria-current]").textContent`); got != "Year" {
		t.Errorf("after a reload it shows %s", got)
	}
}

func TestContainerOfADeadNode(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	_, path := d.openContainer(p, "pve3", "running")
	p.drawn(4)
	undo := d.fault(t, "node-dead", map[string]any{"cluster": "lab", "node": "pve3"})
	p.says("pve3 cannot be reached")
	p.says("Everything below is as last seen")
	p.accessible()
	p.shot("container-stale")
	p.goTo(d.URL + path)
	p.says("Everything below is as last seen")
	p.says("rootfs")
	p.drawn(4)
	undo()
	p.waitFor("its return", func() bool { return !strings.Contains(p.text(), "Everything below is as last seen") })
}

// Somebody else's container and one that is not there are the same answer.
func TestContainerOfOthers(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	_, path := d.openContainer(p, "pve2", "running")
	q := open(t, desktopLight)
	d.signIn(q, d.newcomer())
	answer := func(path string) string {
		return eval[string](q, fmt.Sprintf(`fetch(%q).then(async r => r.status + (await r.text()).replace(/nonce="[^"]*"|data-made="[^"]*"|\/containers\/[^"<]*/g, ""))`, path))
	}
	for _, sub := range []string{"", "/events"} {
		theirs, nobodys := answer(path+sub), answer("/containers/019f0000-0000-7000-8000-000000000000/104"+sub)
		if theirs != nobodys || !strings.HasPrefix(theirs, "404") {
			t.Errorf("%s: another's container is told from none:\n%.300s\n%.300s", sub, theirs, nobodys)
		}
	}
}

func TestContainerByTheDashboard(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.waitFor("a container", func() bool { return p.anyOn("pve2", "running") != 0 })
	name := eval[string](p, fmt.Sprintf(`document.querySelector('[data-container$="/%d"][data-node$="/pve2"] .ct-name').textContent`, p.anyOn("pve2", "running")))
	p.click("link", name)
	p.see("heading", name)
	p.see("heading", "History")
}
