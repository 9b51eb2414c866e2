package e2e

import (
	"fmt"
	"strings"
	"testing"
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
