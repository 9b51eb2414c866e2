package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestTheme(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	p.goTo(d.URL + "/")
	dark := func() bool {
		// The lightness of the ground, as oklch() and oklab() begin with it.
		return eval[float64](p, `parseFloat(getComputedStyle(document.documentElement).backgroundColor.match(/[\d.]+/)[0])`) < 0.5
	}
	if dark() {
		t.Error("a light system gets a dark page")
	}
	p.click("button", "Dark theme")
	p.waitFor("a dark page", dark)
	d.signIn(p, d.owner())
	if !dark() {
		t.Error("the choice is lost after signing in")
	}
	p.click("button", "System theme")
	p.waitFor("the system's theme", func() bool { return !dark() })
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	p.waitFor("the system's theme, now dark", dark)
}

func TestPalette(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	p.ready()
	p.press("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	p.see("dialog", "Search everything")
	p.see("option", "Dashboard")
	p.accessible()
	p.shot("palette")
	const field = "Search containers, nodes and pages"
	p.fill(field, "pve2")
	p.waitFor("the node as the first hit", func() bool {
		return strings.HasPrefix(eval[string](p, `document.querySelector("[role=option][aria-selected=true]")?.textContent ?? ""`), "pve2")
	})
	p.fill(field, "activ")
	p.see("option", "Activity")
	p.press(kb.ArrowDown)
	p.press(kb.ArrowUp)
	p.press(kb.Enter)
	p.waitFor("the page gone to", func() bool { return p.path() == "/activity" })
	p.click("button", "Search Ctrl K")
	p.fill(field, "no such thing")
	p.says("Nothing matches “no such thing”.")
	p.press(kb.Escape)
	p.gone("dialog", "Search everything")
}

func TestPaletteFindsOnlyOnesOwn(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.newcomer())
	kinds := eval[[]string](p, `fetch("/palette.json").then(r => r.json()).then(a => [...new Set(a.items.map(i => i.k))])`)
	if len(kinds) != 1 || kinds[0] != "page" {
		t.Errorf("who has no nodes finds %v", kinds)
	}
}

func TestShortcuts(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.ready()
	p.press("?")
	p.see("dialog", "Keyboard shortcuts")
	p.accessible()
	p.shot("shortcuts")
	p.press(kb.Escape)
	p.gone("dialog", "Keyboard shortcuts")
	p.press("g")
	p.press("t")
	p.see("heading", "Templates")
	p.press("g")
	p.press("a")
	p.see("heading", "Activity")
	p.press("/")
	p.waitFor("the focus in the search", func() bool { return eval[string](p, `document.activeElement.type`) == "search" })
	p.press("g")
	p.press("t")
	// DevTools types the character of a key that was taken, which a keyboard does not: the slash may be there.
	if v := strings.TrimPrefix(eval[string](p, `document.activeElement.value`), "/"); v != "gt" {
		t.Errorf("typing into a field wrote %q", v)
	}
}

func TestSheetOnPhones(t *testing.T) {
	d := startDemo(t)
	p := open(t, phone)
	d.signIn(p, d.owner())
	if p.count("link", "Templates") != 0 {
		t.Error("the sidebar shows on a phone before it is asked for")
	}
	p.click("button", "Menu")
	p.see("link", "Templates")
	p.accessible()
	p.shot("sheet")
	p.click("link", "Templates")
	p.see("heading", "Templates")
}

func TestBerthAway(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.goTo(d.URL + "/templates")
	offline := func(is bool) {
		call(p, networkConditions, networkConditionsParams{Offline: is, DownloadThroughput: -1, UploadThroughput: -1})
	}
	offline(true)
	p.see("alert", "")
	p.says("Berth does not answer")
	p.shot("away")
	offline(false)
	p.waitFor("the end of the notice", func() bool { return !strings.Contains(p.text(), "Berth does not answer") })
}

// At 320 pixels, as at four times the size on a desk, nothing scrolls sideways but tables and rows that say so (WCAG 1.4.10).
func TestNothingIsWiderThanANarrowScreen(t *testing.T) {
	d := startDemo(t)
	p := open(t, Screen{Width: 320, Height: 640, Phone: true})
	d.signIn(p, d.owner())
	for _, path := range []string{"/", "/?view=table&group=node", "/settings/nodes", "/settings/nodes/new", "/settings/sessions", "/settings/people", "/settings/sign-in-hosts", "/activity", "/templates"} {
		p.goTo(d.URL + path)
		p.see("heading", "")
		if w := eval[int](p, `document.documentElement.scrollWidth`); w > 320 {
			t.Errorf("%s is %d pixels wide", path, w)
		}
	}
}

func TestFirstVisitIsLight(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	sizes := eval[map[string]float64](p, `(() => {
		const all = [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")].filter(e => e.initiatorType !== "eventsource");
		const sum = (list) => list.reduce((n, e) => n + (e.encodedBodySize || 0), 0);
		return {requests: all.length, bytes: sum(all), scripts: sum(all.filter(e => e.name.endsWith(".js")))};
	})()`)
	t.Log(fmt.Sprint(sizes))
	if sizes["requests"] >= 15 || sizes["bytes"] >= 200_000 || sizes["scripts"] >= 100_000 || sizes["bytes"] < 10_000 {
		t.Errorf("a first visit costs %v", sizes)
	}
}

// networkConditions is Network.emulateNetworkConditions, which takes a browser off its net.
type networkConditionsParams struct {
	Offline            bool    `json:"offline"`
	Latency            float64 `json:"latency"`
	DownloadThroughput float64 `json:"downloadThroughput"`
	UploadThroughput   float64 `json:"uploadThroughput"`
}

var networkConditions = cdp.Command[networkConditionsParams, cdp.Empty]{Method: "Network.emulateNetworkConditions"}
