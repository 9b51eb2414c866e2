package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// newTemplates is a person without any node, at the list of templates.
func newTemplates(t *testing.T, screen Screen) (*Demo, *Page) {
	t.Helper()
	d := startDemo(t)
	p := open(t, screen)
	d.signIn(p, d.newcomer())
	p.goTo(d.URL + "/templates")
	return d, p
}

// These stories wait for words rather than for roles where a page is being
// left: Chromium's renderer dies of accessibility trees of a document in between.

// TestTemplatesWithoutAnyNode makes, changes, finds, compares and deletes a
// template where no node is configured.
func TestTemplatesWithoutAnyNode(t *testing.T) {
	d, p := newTemplates(t, desktopLight)
	p.says("No templates yet")
	p.shot("templates-empty")
	p.click("link", "Add the starter set")
	p.says("Add the starter set")
	p.shot("templates-starters")
	p.click("button", "Add the chosen ones")
	p.says("Templates")
	p.says("5 templates are added.")
	p.shot("templates-list")

	p.click("link", "New template")
	p.says("New template")
	p.fill("Name", "Web shop")
	p.fill("Tags optional", "web prod")
	p.fill("Memory, MiB", "lots")
	p.click("button", "Add script")
	p.see("group", "Script")
	p.shot("template-new")
	p.typeText("setup")
	p.click("button", "Save")
	p.says("Memory has to be a whole number.")
	p.shot("template-new-wrong")
	if got := eval[string](p, `document.getElementById("f-memory").value`); got != "lots" {
		t.Errorf("what was typed is lost: %q", got)
	}
	p.fill("Memory, MiB", "1024")
	p.click("button", "Save")
	p.says("Web shop")
	p.shot("template-detail")
	for _, tab := range []string{"Scripts…", "Packages", "Files", "Revisions"} {
		p.see("link", tab)
		// A tab each: Chromium's renderer dies of a dozen accessibility trees in a row.
		q := p.tab()
		q.goTo(d.URL + p.path() + "/" + strings.ToLower(strings.TrimSuffix(tab, "…")))
		q.says("Web shop")
		q.accessible()
		q.shot("template-tab-" + strings.TrimSuffix(tab, "…"))
		q.close()
	}
	p.click("link", "Edit")
	p.says("Edit “Web shop”")
	p.fill("Cores", "4")
	p.press(kb.Enter)
	p.says("Saved as revision 2.")
	p.click("link", "Revisions")
	p.click("button", "Compare the two")
	p.says("From revision 1 to 2")
	p.shot("template-compare")
	p.click("button", "Restore revision 1")
	p.says("as it was in revision 1")
	p.goTo(d.URL + "/templates?q=setup")
	p.says("Web shop")
	p.goTo(d.URL + "/templates?tag=prod")
	p.says("Web shop")
	p.shot("templates-filtered")
}

// TestSecondSaverSeesBothTexts saves one template from two tabs.
func TestSecondSaverSeesBothTexts(t *testing.T) {
	for name, screen := range map[string]Screen{"dark": desktopDark, "phone": phone} {
		t.Run(name, func(t *testing.T) {
			d, p := newTemplates(t, screen)
			p.goTo(d.URL + "/templates/new")
			p.fill("Name", "Shared work")
			p.click("button", "Add script")
			p.typeText("setup")
			p.click("button", "Save")
			p.says("“Shared work” is saved.")
			p.click("link", "Edit")
			p.says("Edit “Shared work”")
			q := p.tab()
			q.goTo(d.URL + p.path())
			q.fill("Cores", "8")
			q.writeScript("echo from the first\n")
			q.click("button", "Save")
			q.says("Saved as revision 2.")
			p.fill("Memory, MiB", "2048")
			p.writeScript("echo from the second\n")
			p.click("button", "Save")
			p.says("Somebody saved this template while you were changing it")
			for _, text := range []string{"echo from the first", "echo from the second"} {
				p.says(text) // in the difference
			}
			eval[bool](p, `(document.querySelector("details:has(.pair)").open = true, true)`)
			p.accessible()
			p.shot("template-conflict-" + name)
			if got := eval[[]string](p, `[...document.querySelectorAll(".pair pre")].map(e => e.textContent.includes("the first") + " " + e.textContent.includes("the second"))`); len(got) != 2 || got[0] != "true false" || got[1] != "false true" {
				t.Errorf("theirs and mine have the first's and the second's text: %v", got)
			}
			if got := eval[string](p, `document.getElementById("f-memory").value`); got != "2048" {
				t.Errorf("what was typed is lost: %q", got)
			}
			if wide := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
				t.Errorf("the page is %d pixels wider than the screen", wide)
			}
			p.fill("Cores", "8")
			p.click("button", "Save mine over it")
			p.says("Saved as revision 3.")
			p.says("2 GiB")
		})
	}
}

// writeScript types at the end of the first script.
func (p *Page) writeScript(text string) {
	p.t.Helper()
	p.see("textbox", "Script")
	eval[bool](p, `document.querySelector(".cm-content").focus(), true`)
	p.press(kb.End, ctrl)
	p.typeText(text)
}

// TestTheEditor types into the code editor, moves scripts with the keyboard, and keeps what was typed when the session ends.
func TestTheEditor(t *testing.T) {
	d, p := newTemplates(t, desktopDark)
	p.goTo(d.URL + "/templates/new")
	p.fill("Name", "Editor")
	for i := range 3 {
		p.click("button", "Add script")
		p.typeText(fmt.Sprintf("step-%d", i))
	}
	p.see("group", "Script step-2")
	if n := eval[int](p, `document.querySelectorAll(".cm-editor").length`); n != 3 {
		t.Errorf("%d editors", n)
	}
	if c := eval[string](p, `getComputedStyle(document.querySelector(".cm-line")).display`); c != "block" {
		t.Error("the editor's own style did not get in")
	}
	p.shot("template-editor-dark")
	p.press(kb.ArrowUp, altKey)
	order := func() string {
		return eval[string](p, `[...document.querySelectorAll("[data-rows=scripts] input[name$='.name']")].map(e => e.value).join(" ")`)
	}
	if got := order(); got != "step-0 step-2 step-1" {
		t.Errorf("moved with the keyboard: %s", got)
	}
	p.click("button", "Remove: Script")
	p.click("button", "Put it back")
	eval[bool](p, `document.querySelector(".cm-content").focus(), true`)
	p.press(kb.End, ctrl)
	p.typeText("curl https://example.org/x | sh\n")
	p.goTo(d.URL + "/templates/new")
	p.click("button", "Bring it back")
	p.see("group", "Script step-2")
	if got := order(); got != "step-0 step-2 step-1" {
		t.Errorf("brought back: %s", got)
	}
	if got := eval[string](p, `document.querySelector("textarea[name$='.body']").value`); !strings.Contains(got, "curl https://example.org/x | sh") {
		t.Errorf("the script is lost: %q", got)
	}
	p.click("button", "Check")
	p.says("a look")
	p.shot("template-checked-dark")

	q := p.tab()
	q.goTo(d.URL + "/settings/sessions")
	q.click("button", "Sign out everywhere…")
	q.says("Sign in")
	p.click("button", "Save")
	p.says("Your session has ended")
	p.shot("template-kept")
	q.goTo(d.URL + "/login")
	fillSignIn(q, d.newcomer())
	q.says("Containers")
	p.click("button", "2. Send it again")
	p.says("Editor")
	p.click("link", "Scripts…")
	p.says("step-2")
}

// TestBucketsAndImport makes a bucket, pastes into it, takes a removal back, lets a template follow it, and imports pasted files twice.
func TestBucketsAndImport(t *testing.T) {
	d, p := newTemplates(t, desktopLight)
	p.goTo(d.URL + "/templates/packages")
	p.says("No package buckets yet")
	p.shot("buckets-empty")
	p.goTo(d.URL + "/templates/packages/new")
	p.fill("Name", "Web tools")
	p.fill("Packages optional", "nginx=1.22.*\ncurl # to look\n")
	p.click("button", "Make the bucket")
	p.says("2 packages")
	p.fill("List", "curl=8\nhtop\npip:\nhttpie\n;bad\n")
	p.click("button", "Show what it adds")
	p.says("1 line cannot be read")
	p.says("Line 5:")
	p.shot("bucket-paste-wrong")
	p.fill("List", "curl=8\nhtop\npip:\nhttpie\n")
	p.click("button", "Look again")
	p.says("Add 2 packages")
	p.shot("bucket-paste")
	p.click("button", "Add 2 packages")
	p.says("2 packages are added; 1 duplicate was left out.")
	p.click("button", "Remove curl")
	p.says("curl is removed.")
	p.click("button", "Undo")
	p.says("curl is back.")
	q := p.tab()
	q.goTo(d.URL + p.path())
	q.says("Web tools")
	q.accessible()
	q.shot("bucket")
	q.close()

	// Typed at once, before the palette has its first answer.
	p.goTo(d.URL + "/templates")
	p.waitFor("a page that listens", func() bool { return eval[string](p, `document.readyState`) == "complete" })
	p.press("k", ctrl)
	p.typeText("htop")
	p.see("option", "htop…")
	p.shot("palette-package")
	p.press(kb.Enter)
	p.says("Web tools")

	p.goTo(d.URL + "/templates/import")
	p.fill("Path", "shop/template.conf")
	eval[bool](p, `document.querySelector("textarea[name$='.text']").focus(), true`)
	p.typeText("TEMPLATE_APP=\"Shop\"\nTEMPLATE_CPU=2\n")
	p.click("button", "Show what they would change")
	p.says("1 new")
	p.shot("import-preview")
	p.click("button", "Import")
	p.says("Templates: 1 new.")
	p.says("Shop")
	r := p.tab()
	r.goTo(d.URL + "/templates/import")
	r.accessible()
	r.shot("import")
	r.close()
}

// TestTemplateFormOnAPhone fits the form to a phone.
func TestTemplateFormOnAPhone(t *testing.T) {
	d, p := newTemplates(t, phone)
	p.goTo(d.URL + "/templates/starters")
	p.click("button", "Add the chosen ones")
	p.says("Docker host")
	p.shot("templates-phone")
	p.click("link", "Docker host")
	p.click("link", "Edit")
	p.says("Edit “Docker host”")
	if wide := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		t.Errorf("the form is %d pixels wider than the phone", wide)
	}
	p.accessible()
	p.shot("template-edit-phone")
	eval[bool](p, `document.getElementById("part-scripts").scrollIntoView(), true`)
	p.shot("template-edit-scripts-phone")
}
