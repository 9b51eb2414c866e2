package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/inspector"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed axe/axe.min.js
var axe string

// patience is how long a story waits for what it expects to see. It is a bound for failing, not a pause.
const patience = time.Minute

// chromium starts one browser for the whole test binary; each story gets a context (cookie jar) of its own.
var chromium = sync.OnceValues(func() (context.Context, error) {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, errors.New("no Chromium on this machine")
	}
	dir, err := os.MkdirTemp("", "berth-chromium-")
	if err != nil {
		return nil, err
	}
	atEnd(func() { _ = os.RemoveAll(dir) })
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"))
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, stop := chromedp.NewContext(alloc)
	atEnd(func() { stop(); stopAlloc() })
	return ctx, chromedp.Do(ctx)
})

// Page is a tab of a person's own browser: cookies are shared with nobody.
type Page struct {
	t      *testing.T
	ctx    context.Context
	screen Screen
	close  func() // of a tab
	still  bool   // no script runs in it

	mu       sync.Mutex
	faults   []string // console errors and CSP reports
	requests []string
}

// Screen is how the person looks at it.
type Screen struct {
	Width, Height int64
	Dark          bool
	Phone         bool
}

var (
	desktopLight = Screen{Width: 1440, Height: 1000}
	desktopDark  = Screen{Width: 1440, Height: 1000, Dark: true}
	phone        = Screen{Width: 390, Height: 844, Phone: true}
)

// open gives a fresh browser context. At the end of the test every console error and CSP report fails it.
func open(t *testing.T, screen Screen) *Page {
	t.Helper()
	browser, err := chromium()
	if err != nil {
		t.Skipf("left out: %v", err)
	}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	p := &Page{t: t, ctx: ctx, screen: screen}
	t.Cleanup(func() {
		stop()
		p.complain()
	})
	p.start()
	return p
}

// tab opens another tab of the same person. Closing it is for who opens many.
func (p *Page) tab() *Page {
	p.t.Helper()
	ctx, stop := chromedp.NewContext(p.ctx)
	q := &Page{t: p.t, ctx: ctx, screen: p.screen}
	q.close = sync.OnceFunc(func() {
		stop()
		q.complain()
	})
	p.t.Cleanup(q.close)
	q.start()
	return q
}

// complain fails the test with what the browser reported.
func (p *Page) complain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.t.Errorf("the browser complained: %s", f)
	}
}

func (p *Page) start() {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx))
	p.must(chromedp.Listen(p.ctx, p.hear))
	call(p, network.Enable, network.EnableParams{})
	call(p, cdplog.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	call(p, accessibility.Enable, cdp.Empty{})
	scheme := "light"
	if p.screen.Dark {
		scheme = "dark"
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: p.screen.Width, Height: p.screen.Height, DeviceScaleFactor: 1, Mobile: p.screen.Phone})
}

func (p *Page) hear(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *cdplog.EventEntryAdded:
		// A refused form answers 4xx, which the browser notes as a failed load: that is the story, not a fault.
		if e.Entry.Level == cdplog.EntryLevelError && e.Entry.Source != cdplog.EntrySourceNetwork {
			p.faults = append(p.faults, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		fault := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			fault += ": " + x.Description
		}
		p.faults = append(p.faults, fault)
	case *inspector.EventTargetCrashed:
		p.faults = append(p.faults, "the page crashed")
	case *page.EventJavascriptDialogOpening:
		p.faults = append(p.faults, "a dialog of the browser's own opened: "+e.Message)
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.Method+" "+e.Request.URL)
	}
}

// sent returns the requests since the last call.
func (p *Page) sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.requests
	p.requests = nil
	return r
}

func (p *Page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// call sends a protocol command to the tab and fails the test when it does not work.
func call[P, R any](p *Page, cmd cdp.Command[P, R], params P) R {
	p.t.Helper()
	r, err := try(p, cmd, params)
	p.must(err)
	return r
}

// try bounds a command: one that was sent just as the page is left may never be answered.
func try[P, R any](p *Page, cmd cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience/20)
	defer cancel()
	return chromedp.Call(ctx, cmd, params)
}

// eval asks the page something; a promise is waited for.
func eval[T any](p *Page, expr string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expr, chromedp.EvalAwaitPromise))
	p.must(err)
	return v
}

// goTo opens an address and waits until the page is loaded.
func (p *Page) goTo(url string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.Navigate(url)))
}

// path is the path and query that the address bar shows.
func (p *Page) path() string {
	p.t.Helper()
	return eval[string](p, `location.pathname + location.search`)
}

// text is all that the page says.
func (p *Page) text() string {
	p.t.Helper()
	return eval[string](p, `document.body ? document.body.innerText : ""`)
}

// waitFor tries until ok, looking again whenever the document changed.
func (p *Page) waitFor(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			p.t.Fatalf("not seen: %s\nat %s the page says:\n%s", what, p.path(), p.text())
		}
		if p.still { // nothing changes but by loading another page
			p.loading()
			continue
		}
		// The document's next change, or a moment: a load in between ends the evaluation with an error, which is a change too.
		ctx, cancel := context.WithTimeout(p.ctx, time.Second)
		_ = chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`new Promise(done => {
			new MutationObserver(done).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
			setTimeout(done, 200);
		}).then(() => true)`, chromedp.EvalAwaitPromise))
		cancel()
	}
}

// loading waits a moment for the next page where no script can tell of changes.
func (p *Page) loading() {
	p.t.Helper()
	select {
	case <-time.After(200 * time.Millisecond):
	case <-p.ctx.Done():
		p.t.Fatalf("browser: %v", p.ctx.Err())
	}
}

// find lists the elements of that role and accessible name, as assistive
// technology sees them. An empty name matches all, "pve1…" whatever begins so.
func (p *Page) find(role, name string) []*accessibility.Node {
	root, err := try(p, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return nil // between two pages there is no document
	}
	query := accessibility.QueryAXTreeParams{BackendNodeID: root.Root.BackendNodeID, Role: role, AccessibleName: name}
	prefix, open := strings.CutSuffix(name, "…")
	if open {
		query.AccessibleName = ""
	}
	tree, err := try(p, accessibility.QueryAXTree, query)
	if err != nil {
		return nil
	}
	var found []*accessibility.Node
	for _, n := range tree.Nodes {
		if !n.Ignored && n.BackendDOMNodeID != 0 && (!open || strings.HasPrefix(nameOf(n), prefix)) {
			found = append(found, n)
		}
	}
	return found
}

func nameOf(n *accessibility.Node) string {
	var s string
	if n.Name != nil {
		_ = json.Unmarshal([]byte(n.Name.Value), &s)
	}
	return s
}

// see waits for an element of that role and name.
func (p *Page) see(role, name string) *accessibility.Node {
	p.t.Helper()
	var n *accessibility.Node
	p.waitFor(role+" “"+name+"”", func() bool {
		if found := p.find(role, name); len(found) > 0 {
			n = found[0]
			return true
		}
		return false
	})
	return n
}

// gone waits until no element of that role and name is left.
func (p *Page) gone(role, name string) {
	p.t.Helper()
	p.waitFor("the end of "+role+" “"+name+"”", func() bool { return len(p.find(role, name)) == 0 })
}

// says waits until the page has the text.
func (p *Page) says(text string) {
	p.t.Helper()
	p.waitFor("the text “"+text+"”", func() bool { return strings.Contains(p.text(), text) })
}

// click presses what has that role and name, where it stands on the screen.
func (p *Page) click(role, name string) {
	p.t.Helper()
	// What is being drawn anew has no place for a moment, and another node afterwards.
	var quads []dom.Quad
	p.waitFor(role+" “"+name+"” on the screen", func() bool {
		found := p.find(role, name)
		if len(found) == 0 {
			return false
		}
		id := found[0].BackendDOMNodeID
		if _, err := try(p, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: id}); err != nil {
			return false
		}
		place, err := try(p, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: id})
		quads = place.Quads
		return err == nil && len(quads) > 0
	})
	q := quads[0]
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.MouseClickXY((q[0]+q[4])/2, (q[1]+q[5])/2)))
}

// fill replaces what a field holds by typing.
func (p *Page) fill(label, value string) {
	p.t.Helper()
	var n *accessibility.Node
	p.waitFor("field “"+label+"”", func() bool {
		for _, role := range []string{"textbox", "searchbox", "combobox", "spinbutton"} {
			if found := p.find(role, label); len(found) > 0 {
				n = found[0]
				return true
			}
		}
		return false
	})
	call(p, dom.Focus, dom.FocusParams{BackendNodeID: n.BackendDOMNodeID})
	eval[bool](p, `document.activeElement.select ? (document.activeElement.select(), true) : false`)
	if value == "" {
		p.press("\b")
		return
	}
	call(p, input.InsertText, input.InsertTextParams{Text: value})
}

// choose picks the option of a select whose text has these words.
func (p *Page) choose(label, option string) {
	p.t.Helper()
	obj := call(p, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: p.see("combobox", label).BackendDOMNodeID})
	arg, err := json.Marshal(option)
	p.must(err)
	r := call(p, runtime.CallFunctionOn, runtime.CallFunctionOnParams{ObjectID: obj.Object.ObjectID,
		Arguments: []*runtime.CallArgument{{Value: arg}},
		FunctionDeclaration: `function(text) {
			const o = [...this.options].find(o => o.text.includes(text));
			if (!o) throw new Error("no option " + text);
			this.value = o.value;
			this.dispatchEvent(new Event("change", {bubbles: true}));
		}`})
	if r.ExceptionDetails != nil {
		p.t.Fatalf("choosing %q: %s", option, r.ExceptionDetails.Text)
	}
}

// ctrl holds the control key while a key is pressed.
var ctrl = chromedp.KeyModifiers(kb.ModifierCtrl)

// shiftKey holds Shift.
var shiftKey = chromedp.KeyModifiers(kb.ModifierShift)

// altKey holds Alt.
var altKey = chromedp.KeyModifiers(kb.ModifierAlt)

// key presses one printable key as a keyboard does: what the page prevents is not typed.
func (p *Page) key(key string) {
	p.t.Helper()
	call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: key})
	call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key})
}

// typeText types into whatever has the focus.
func (p *Page) typeText(text string) {
	p.t.Helper()
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// press types keys, such as kb.Enter.
func (p *Page) press(keys string, opts ...chromedp.KeyOption) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.KeyEvent(keys, opts...)))
}

// violation is what axe-core found.
type violation struct {
	ID, Impact string
	Nodes      []struct{ HTML, FailureSummary string }
}

// accessible runs axe-core over the page and fails on each violation of WCAG A and AA.
func (p *Page) accessible() {
	p.t.Helper()
	eval[bool](p, axe+"\n;true")
	for _, v := range eval[[]violation](p, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then(r => r.violations)`) {
		for _, n := range v.Nodes {
			p.t.Errorf("axe: %s (%s) at %s\n%s\n%s", v.ID, v.Impact, p.path(), n.HTML, n.FailureSummary)
		}
	}
}

// shot saves a picture of the screen for people to judge, where BERTH_SCREENSHOTS names a folder.
func (p *Page) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("BERTH_SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	p.must(err)
	p.must(os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

// whole saves a picture of the whole page, as long as it is.
func (p *Page) whole(name string) {
	p.t.Helper()
	if os.Getenv("BERTH_SCREENSHOTS") == "" {
		return
	}
	height := eval[int64](p, `document.documentElement.scrollHeight`)
	size := func(height int64) {
		call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: p.screen.Width, Height: height, DeviceScaleFactor: 1, Mobile: p.screen.Phone})
	}
	size(height)
	defer size(p.screen.Height)
	p.shot(name)
}
