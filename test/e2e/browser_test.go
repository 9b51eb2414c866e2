package e2e

import (
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/inspector"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
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
		chromedp.Flag("enable-blink-features", "ComputedAccessibilityInfo"), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
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
	leave  context.CancelCauseFunc // ends the story in this tab, with the reason
	close  func()                  // of a tab
	still  bool                    // no script runs in it

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

func newPage(t *testing.T, tab context.Context, screen Screen) *Page {
	p := &Page{t: t, screen: screen}
	p.ctx, p.leave = context.WithCancelCause(tab)
	return p
}

// open gives a fresh browser context. At the end of the test every console error and CSP report fails it.
func open(t *testing.T, screen Screen) *Page {
	t.Helper()
	browser, err := chromium()
	if err != nil {
		t.Skipf("left out: %v", err)
	}
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	p := newPage(t, ctx, screen)
	t.Cleanup(func() {
		stop()
		p.complain()
	})
	p.start()
	return p
}

// tab opens another tab of the same person. A story that goes on when a tab is closed closes it.
func (p *Page) tab() *Page {
	p.t.Helper()
	ctx, stop := chromedp.NewContext(p.ctx)
	q := newPage(p.t, ctx, p.screen)
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
	call(p, accessibility.Enable, cdp.Empty{}) // keeps the tree, without which each role and name would be worked out anew
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
		p.leave(errors.New("the page crashed"))
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
	if err == nil {
		return
	}
	if cause := context.Cause(p.ctx); cause != nil {
		err = cause
	}
	p.t.Fatalf("browser: %v", err)
}

// call sends a protocol command to the tab and fails the test when it does not work.
func call[P, R any](p *Page, cmd cdp.Command[P, R], params P) R {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, cmd, params)
	p.must(err)
	return r
}

// goTo opens an address and waits until the page is loaded.
func (p *Page) goTo(url string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.Navigate(url)))
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
	for _, v := range eval[[]violation](p, `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then(r => r.violations)`) {
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
