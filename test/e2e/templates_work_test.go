package e2e

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// zipped writes an archive of path and text pairs and gives its path.
func zipped(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err == nil {
			_, err = w.Write([]byte(pairs[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// upload chooses a file in the page's first field for one.
func (p *Page) upload(file string) {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.WaitReady("input[type=file]")))
	root := call(p, dom.GetDocument, dom.GetDocumentParams{})
	field := call(p, dom.QuerySelector, dom.QuerySelectorParams{NodeID: root.Root.NodeID, Selector: "input[type=file]"})
	call(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, NodeID: field.NodeID})
}

// place is the middle of the first element that the selector finds, moved by y.
func (p *Page) place(selector string, y float64) (x, atY float64) {
	p.t.Helper()
	at := eval[[]float64](p, `(() => { const b = document.querySelector(`+"`"+selector+"`"+`).getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()`)
	return at[0], at[1] + y
}

// dragTo takes what the first selector finds and drops it on what the second finds, above its middle.
func (p *Page) dragTo(what, onto string) {
	p.t.Helper()
	dragged := make(chan *input.DragData, 1)
	p.must(chromedp.Listen(p.ctx, func(ev any) {
		if e, ok := ev.(*input.EventDragIntercepted); ok {
			select {
			case dragged <- e.Data:
			default:
			}
		}
	}))
	call(p, input.SetInterceptDrags, input.SetInterceptDragsParams{Enabled: true})
	x, y := p.place(what, 0)
	mouse := func(kind input.DispatchMouseEventType, x, y float64) {
		call(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1})
	}
	mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	mouse(input.DispatchMouseEventTypeMouseMoved, x, y+8)
	mouse(input.DispatchMouseEventTypeMouseMoved, x, y+16)
	var data *input.DragData
	p.waitFor("a drag", func() bool {
		select {
		case data = <-dragged:
			return true
		default:
			return false
		}
	})
	toX, toY := p.place(onto, -20)
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		call(p, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: toX, Y: toY, Data: data})
	}
	mouse(input.DispatchMouseEventTypeMouseReleased, toX, toY)
	call(p, input.SetInterceptDrags, input.SetInterceptDragsParams{})
}

// order is the scripts of the form by name.
func (p *Page) order() string {
	p.t.Helper()
	return eval[string](p, `[...document.querySelectorAll("[data-rows=scripts] input[name$='.name']")].map(e => e.value).join(" ")`)
}

// TestScriptsInOrder moves scripts with the mouse and with the keyboard, and looks at the editor itself.
func TestScriptsInOrder(t *testing.T) {
	_, p := newTemplates(t, desktopLight)
	p.click("link", "New template")
	p.says("New template")
	p.fill("Name", "In order")
	for _, name := range []string{"one", "two", "three"} {
		p.click("button", "Add script")
		p.typeText(name)
		eval[bool](p, `[...document.querySelectorAll("details.code")].forEach(e => e.open = false), true`)
	}
	p.see("group", "Script three")
	eval[bool](p, `document.getElementById("part-scripts").scrollIntoView(), true`)
	p.dragTo(`[data-rows=scripts] > li:nth-child(3) [data-grip]`, `[data-rows=scripts] > li:nth-child(1)`)
	if got := p.order(); got != "three one two" {
		t.Errorf("dragged: %s", got)
	}
	p.click("textbox", "Name") // of the template: not within a row
	eval[bool](p, `document.querySelector("[data-rows=scripts] > li:nth-child(3) input[name$='.name']").focus(), true`)
	p.press(kb.ArrowUp, altKey)
	if got := p.order(); got != "three two one" {
		t.Errorf("moved with the keyboard: %s", got)
	}
	if said := eval[string](p, `document.activeElement.value`); said != "two" && said != "one" {
		t.Errorf("the focus went with the script that was not moved: %q", said)
	}

	// The editor: highlighted within the policy, with marks where the linter found something, left with Tab.
	eval[bool](p, `(document.querySelector("[data-rows=scripts] > li:nth-child(1) details.code").open = true, true)`)
	p.see("textbox", "Script")
	eval[bool](p, `document.querySelector(".cm-content").focus(), true`)
	p.press(kb.End, ctrl)
	p.typeText("read answer # who?\nif true; then echo \"$INPUT_X\"; fi\n")
	p.says("waits for a line")
	p.waitFor("a mark", func() bool { return eval[int](p, `document.querySelectorAll(".cm-line.cm-found-warning").length`) == 2 })
	colours := eval[[]string](p, `[...new Set([...document.querySelectorAll(".cm-line span")].map(e => getComputedStyle(e).color))]`)
	if len(colours) < 4 {
		t.Errorf("the editor has %d colours: %v", len(colours), colours)
	}
	if mark := eval[string](p, `getComputedStyle(document.querySelector(".cm-found-warning")).backgroundColor`); mark == "rgba(0, 0, 0, 0)" {
		t.Error("a mark cannot be seen")
	}
	p.shot("editor-marks-light")
	p.press(kb.Tab)
	if eval[bool](p, `!!document.activeElement.closest(".cm-editor")`) {
		t.Error("Tab does not lead out of the editor")
	}
	focused := func() bool {
		return eval[bool](p, `document.activeElement === document.querySelector(".cm-content")`)
	}
	eval[bool](p, `document.querySelector(".cm-content").focus(), true`)
	p.press("m", ctrl)
	p.press(kb.Tab)
	if indented := eval[string](p, `[...document.querySelector(".cm-content").querySelectorAll(".cm-line")].at(-1).textContent`); !focused() || strings.Trim(indented, " \t") != "" || indented == "" {
		t.Errorf("after Ctrl+M Tab does not indent: %q, in the editor: %v", indented, focused())
	}
	p.press(kb.Escape)
	p.press(kb.Tab)
	if focused() {
		t.Error("Escape and Tab do not lead out of the editor")
	}
	p.click("button", "Save")
	p.says("is saved.")
	p.click("link", "Scripts…")
	p.see("link", "Scripts 3")
	if got := eval[string](p, `[...document.querySelectorAll(".source-item summary b")].map(e => e.textContent).join(" ")`); got != "three two one" {
		t.Errorf("saved: %s", got)
	}
}

const shopConf = "TEMPLATE_APP=\"Shop\"\nTEMPLATE_CPU=2\nTEMPLATE_RAM=1024\n"

// TestImportEveryWay imports an archive, the same again, a changed one, bad ones, and a folder of the server.
func TestImportEveryWay(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "site", "mail"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "site", "mail", "template.conf"), []byte("TEMPLATE_APP=Mail\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, "--import-root", root)
	p := open(t, desktopDark)
	d.signIn(p, d.owner())
	show := func(file string) {
		p.goTo(d.URL + "/templates/import")
		p.upload(file)
		p.click("button", "Show what it would change")
	}
	two := []string{"shop/template.conf", shopConf, "shop/container-configs/packages/base.apt", "nginx\n",
		"db/template.conf", "TEMPLATE_APP=Store\n", "db/container-configs/packages/base.apt", "mariadb-server\n"}
	show(zipped(t, "site.zip", two...))
	p.says("2 new, 0 changed, 0 the same.")
	p.accessible()
	p.shot("import-two-dark")
	p.click("button", "Import")
	p.says("Templates: 2 new.")
	p.click("link", "Shop")
	p.click("link", "Packages 1")
	p.says("nginx")
	if strings.Contains(p.text(), "mariadb") {
		t.Error("two lists of one name disturb each other")
	}

	show(zipped(t, "site.zip", two...))
	p.says("0 new, 0 changed, 2 the same. Nothing would change.")
	p.shot("import-same-dark")

	show(zipped(t, "site.zip", "shop/template.conf", strings.Replace(shopConf, "1024", "2048", 1), "shop/container-configs/packages/base.apt", "nginx\ncurl\n"))
	p.says("0 new, 1 changed, 0 the same, 1 not in it any more.")
	p.says("Not in it any more")
	p.accessible()
	p.shot("import-changed-dark")
	p.click("button", "Import")
	p.says("Templates: 1 changed.")

	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"wrong":   {zipped(t, "wrong.zip", "shop/template.conf", shopConf+"TEMPLATE_DISK=much\n", "shop/container-configs/scripts/10-a.sh", "#!/bin/bash\nif true\n"), []string{"shop/template.conf:4", "shop/container-configs/scripts/10-a.sh:"}},
		"slip":    {zipped(t, "slip.zip", "../../etc/cron.d/x", "x"), []string{"could lead elsewhere", "Nothing was imported"}},
		"no kind": {zipped(t, "x.rar", "a", "b"), []string{"Pack it as .zip, .tar.gz or .tar.zst."}},
		"nothing": {zipped(t, "nothing.zip", "readme.txt", "hello"), []string{"no template.conf"}},
	} {
		show(c.file)
		for _, want := range c.want {
			p.says(want)
		}
		if name == "wrong" {
			p.shot("import-wrong-dark")
		}
	}

	p.goTo(d.URL + "/templates/import")
	p.choose("Folder", "site")
	p.click("button", "Show what it would change…")
	eval[bool](p, `document.querySelector("form[action$=folder]")?.requestSubmit(), true`)
	p.says("Import of")
	p.says("1 new")
	p.click("button", "Import")
	p.says("Mail")
}

// TestSharingIsForReading shares a template; somebody else reads and copies it, and cannot change it.
func TestSharingIsForReading(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.goTo(d.URL + "/templates/packages/new")
	p.fill("Name", "Base tools")
	p.fill("Packages optional", "tmux\nripgrep\n")
	p.click("button", "Make the bucket")
	p.says("2 packages")
	p.goTo(d.URL + "/templates/new")
	p.fill("Name", "Team box")
	p.click("button", "Follow this bucket")
	p.says("Follows your bucket")
	p.click("button", "Save")
	p.says("is saved.")
	address := p.path()
	p.goTo(d.URL + address + "/share")
	p.click("button", "Share with everybody here")
	p.says("Everybody on this Berth can read it now.")

	q := open(t, desktopLight)
	d.signIn(q, d.newcomer())
	q.goTo(d.URL + "/templates")
	q.says("Shared by alex")
	q.click("link", "Team box")
	q.says("You can read it, export it and duplicate it.")
	q.accessible()
	q.shot("shared-with-me")
	for _, part := range []string{"/edit", "/share", "/delete"} {
		q.goTo(d.URL + address + part)
		q.says("can only be read")
		q.shot("shared-edit")
	}
	q.goTo(d.URL + address + "/revisions")
	q.says("There is nothing here.")
	q.goTo(d.URL + address)
	q.click("button", "Duplicate")
	q.says("is a copy of your own.")
	if strings.Contains(q.text(), "Follows your bucket") {
		t.Error("the copy follows another person's bucket")
	}
	if got := eval[string](q, `document.querySelector("textarea[name$='.apt']").value`); got != "tmux\nripgrep\n" && got != "ripgrep\ntmux\n" {
		t.Errorf("the packages of the bucket did not come along: %q", got)
	}
	q.click("button", "Save")
	q.says("Team box")

	// The owner's stays, and stays the owner's alone again.
	p.goTo(d.URL + address + "/share")
	p.click("button", "Stop sharing")
	p.says("It is yours alone again.")
	q.goTo(d.URL + address)
	q.says("There is nothing here.")
	q.goTo(d.URL + "/templates")
	if n := q.count("link", "Team box"); n != 1 {
		t.Errorf("the copy is there %d times", n)
	}
}

// tabTo presses Tab until what has the focus says the words.
func (p *Page) tabTo(words string) {
	p.t.Helper()
	var seen []string
	for range 120 {
		p.press(kb.Tab)
		now := eval[string](p, `(e => e.getAttribute("aria-label") || (e.labels && e.labels[0]?.innerText) || e.innerText || "")(document.activeElement)`)
		if strings.HasPrefix(strings.TrimSpace(now), words) {
			return
		}
		seen = append(seen, strings.TrimSpace(now))
	}
	p.t.Fatalf("Tab does not lead to %q, but to %q", words, slices.Compact(seen))
}

// TestTemplatesWithTheKeyboard writes, checks, saves, compares, duplicates and deletes with keys alone.
func TestTemplatesWithTheKeyboard(t *testing.T) {
	_, p := newTemplates(t, desktopLight)
	p.says("No templates yet")
	p.tabTo("New template")
	p.press(kb.Enter)
	p.says("Nothing of it needs a node.")
	p.waitFor("the focus in the name", func() bool { return eval[string](p, `document.activeElement.name || ""`) == "name" })
	p.typeText("By hand")
	p.tabTo("Add script")
	p.press(kb.Enter)
	p.waitFor("the focus in the script's name", func() bool { return strings.HasSuffix(eval[string](p, `document.activeElement.name || ""`), ".name") })
	p.typeText("hello")
	p.tabTo("Script") // its heading, which folds it
	p.press(kb.Tab)
	p.press(kb.End, ctrl)
	p.typeText("echo hello\n")
	p.tabTo("Check")
	p.press(kb.Enter)
	p.says("Nothing to find fault with")
	p.tabTo("Save")
	p.press(kb.Enter)
	p.says("“By hand” is saved.")
	p.tabTo("Edit")
	p.press(kb.Enter)
	p.says("Every save makes a revision.")
	p.fill("Cores", "2")
	p.press(kb.Enter)
	p.says("Saved as revision 2.")
	p.tabTo("More")
	p.press(kb.Enter)
	p.tabTo("Duplicate")
	p.press(kb.Enter)
	p.says("is a copy of your own.")
	p.tabTo("Cancel")
	p.press(kb.Enter)
	p.says("Copy of By hand")
	p.tabTo("More")
	p.press(kb.Enter)
	p.tabTo("Delete")
	p.press(kb.Enter)
	p.says("No container of yours was made from it.")
	p.tabTo("Delete the template")
	p.press(kb.Enter)
	p.says("is deleted.")
}

// TestTemplatesWithoutScript writes a template, pastes an import and fills a bucket where no script runs.
func TestTemplatesWithoutScript(t *testing.T) {
	d := startDemo(t)
	p := withoutScript(t, phone)
	p.goTo(d.URL + "/templates")
	fillSignIn(p, d.newcomer())
	p.see("link", "Write one")
	p.click("link", "Write one")
	p.see("textbox", "Name")
	p.fill("Name", "Plain")
	p.click("button", "Add script")
	p.see("group", "Script")
	p.fill("Name", "Plain still") // the template's: the first of the page
	p.click("button", "Check")
	p.see("group", "Script")
	p.says("Give the script a name")
	p.click("button", "Remove: Script")
	p.gone("group", "Script")
	p.click("button", "Save")
	p.says("“Plain still” is saved.")

	p.goTo(d.URL + "/templates/import")
	p.fill("Path", "shop/template.conf")
	p.fill("Content", "TEMPLATE_APP=Shop\nTEMPLATE_RAM=much\n")
	p.click("button", "Show what they would change")
	p.says("shop/template.conf:2")
	p.fill("Content", "TEMPLATE_APP=Shop\n")
	p.click("button", "Show what they would change")
	p.says("1 new")
	p.click("button", "Import")
	p.says("Templates: 1 new.")

	p.goTo(d.URL + "/templates/packages/new")
	p.fill("Name", "Tools")
	p.fill("Packages optional", "htop\n")
	p.click("button", "Make the bucket")
	p.says("1 package")
	p.click("button", "Remove htop")
	p.says("0 packages")
	p.click("button", "Undo")
	p.see("button", "Remove htop")
}
