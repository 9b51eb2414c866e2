package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// focused is what has the focus: its role and name.
func (p *Page) focused() string {
	p.t.Helper()
	return eval[string](p, `(e => e.computedRole + " " + e.computedName)(document.activeElement)`)
}

// TestActByKeyboard goes from the dashboard to a container's menu, does
// something, looks at its job and comes back; then a selection, its plan and
// its job: all without a mouse.
func TestActByKeyboard(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.ready()
	vmid, name := p.one("pve2", "running")

	p.key("/")
	p.typeText(name)
	p.waitFor("one container", func() bool { return len(p.shown()) == 1 })
	p.tabTo("Actions for " + name)
	p.press(kb.Enter)
	p.waitFor("the menu to have the focus", func() bool { return p.focused() == "menuitem Shut down" })
	p.press(kb.Escape)
	p.waitFor("the focus back", func() bool { return p.focused() == "button Actions for "+name })
	p.press(kb.Enter)
	for p.focused() != "menuitem Stop…" {
		p.press(kb.ArrowDown)
	}
	p.press(kb.Enter)
	p.see("dialog", "Stop "+name+"?")
	p.tabTo("Stop")
	p.press(kb.Enter)
	p.becomes("pve2", vmid, "stopped")
	p.waitFor("the focus where it was", func() bool { return p.focused() == "button Actions for "+name })
	p.press("g")
	p.press("a")
	p.see("heading", "Activity")
	p.tabTo("Log")
	p.press(kb.Enter)
	p.see("heading", "Stop "+name)
	p.press("g")
	p.press("d")
	p.see("heading", "Containers")

	p.goTo(d.URL + "/?view=table&q=node:pve3+status:running+tag:docs")
	p.ready()
	p.tabTo("Select paperless")
	p.press(" ")
	p.press(kb.ArrowDown, shiftKey)
	p.says("2 selected")
	p.tabTo("Stop 2")
	p.press(kb.Enter)
	p.says("2 will be stopped")
	p.tabTo("Begin")
	p.press(kb.Enter)
	p.says("Ended")
	p.tabTo("Done")
	p.press(kb.Enter)
	p.waitFor("only what was done", func() bool { return strings.HasSuffix(p.path(), "?show=done") })
}
