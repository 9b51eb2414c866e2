package kit

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"berth/internal/account"
	"berth/internal/problem"
)

// Section is an entry of the sidebar; it stays highlighted on its sub-pages.
type Section int

const (
	SectionNone Section = iota
	SectionDashboard
	SectionTemplates
	SectionPackages
	SectionActivity
	SectionSettings
)

// Crumb is one step of the breadcrumbs above a title; the page itself is not one.
type Crumb struct {
	Text string
	URL  string
}

// Frame is what a page tells about itself to be framed.
type Frame struct {
	Title    string // the heading, and with "· Berth" the window's title
	Subtitle string // one line below it
	Section  Section
	Crumbs   []Crumb
	// Beside is drawn beside the heading: a status, a badge.
	Beside templ.Component
	// Under is drawn below the heading in place of Subtitle, where that must be more than text.
	Under templ.Component
	// Actions is the one place for actions in the header, at its end.
	Actions templ.Component
	// Tabs are drawn below the header.
	Tabs []Tab
	// Narrow keeps forms and prose at a readable width.
	Narrow bool
	// Scripts are embedded files that this page needs besides what every page has.
	Scripts []string
	// Styles says that one of those scripts adds style elements, which carry the
	// page's nonce. Style attributes stay forbidden.
	Styles bool
}

// layout is all that the frame's templates read.
type layout struct {
	Frame
	Viewer    account.Viewer
	Theme     Theme
	Collapsed bool
	Toasts    []Toast
	Locked    *problem.Problem // nil: the key opens what is stored
	Running   int              // jobs of the viewer's
	Counts    bool             // Running is known, and kept current
	Nonce     string
	Here      string // local path of this page, to come back to
	Made      string // when, so that ages on the page go by the server's clock
}

// initials are at most two letters that stand for a PVE user.
func (l layout) initials() string {
	name, _ := account.SplitUser(l.Viewer.User.PVEUser)
	runes := []rune(strings.ToUpper(name))
	return string(runes[:min(2, len(runes))])
}

// lockedText says what it means that Berth is locked, and what whoever reads it can do.
func (l layout) lockedText() string {
	const means = "Until the key is back Berth asks no node, so everything is as last seen, and nobody can sign in. Nothing is lost. "
	if l.Viewer.User.Admin {
		return means + l.Locked.Remedy
	}
	return means + "Tell whoever runs this Berth."
}

func layoutOf(w http.ResponseWriter, r *http.Request, f Frame) layout {
	here := r.URL.RequestURI()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		here = URL.Dashboard()
	}
	running, counts := runningOf(r.Context())
	return layout{Frame: f, Running: running, Counts: counts, Viewer: ViewerOf(r.Context()), Theme: ThemeOf(r), Collapsed: sidebarCollapsed(r),
		Toasts: takeToasts(w, r), Locked: lockedOf(r.Context()), Nonce: Nonce(r.Context()), Here: here, Made: time.Now().UTC().Format(time.RFC3339Nano)}
}

// Render draws a whole page in the frame. It buffers, so that an error leaves nothing half sent.
func Render(w http.ResponseWriter, r *http.Request, status int, f Frame, content templ.Component) error {
	if f.Styles {
		allowStyles(w.Header(), Nonce(r.Context()))
	}
	return send(w, r, status, framed(layoutOf(w, r, f), content))
}

// allowStyles lets this one answer have style elements with its nonce.
func allowStyles(h http.Header, nonce string) {
	const policy = "Content-Security-Policy"
	h.Set(policy, strings.Replace(h.Get(policy), "style-src 'self'", "style-src 'self' 'nonce-"+nonce+"'", 1))
}

// RenderBare draws a page without the frame: sign-in, set-up, and errors while nobody is signed in.
func RenderBare(w http.ResponseWriter, r *http.Request, status int, title string, content templ.Component) error {
	return send(w, r, status, bare(layoutOf(w, r, Frame{Title: title}), content))
}

// RenderPart draws a part of a page for a script of Berth's that asked for it.
func RenderPart(w http.ResponseWriter, r *http.Request, status int, content templ.Component) error {
	return send(w, r, status, content)
}

// Scripted reports whether a script of Berth's asks, and not a browser that goes to a page.
func Scripted(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" && r.Header.Get("X-Berth") != ""
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func send(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	buf := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() < 4<<20 { // a huge page must not stay in memory for small ones
			buffers.Put(buf)
		}
	}()
	buf.Reset()
	if err := c.Render(r.Context(), buf); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Length", strconv.Itoa(buf.Len()))
	w.WriteHeader(status)
	_, err := w.Write(buf.Bytes())
	return ignoreGone(r.Context(), err)
}

// ignoreGone drops the error of writing to a browser that went away: nobody is left to be told.
func ignoreGone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
