package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// lookUp is the function that finds elements by role and name. It runs inside
// the page: one question, however many elements. Asking the protocol for the
// accessibility tree took a hundred times as long and crashed the renderer
// where the page was being left.
//
//go:embed look_up.js
var lookUp string

// beat is how long nothing has to change until a story looks again all the same: a style, a clock or a load changes no node.
const beat = 50 * time.Millisecond

// between says whether the browser refused to answer because one page is being replaced by the next.
func between(err error) bool {
	var refused *cdproto.Error
	if !errors.As(err, &refused) {
		return false
	}
	for _, words := range []string{"context was destroyed", "Cannot find", "navigated or closed", "Promise was collected"} {
		if strings.Contains(refused.Message, words) {
			return true
		}
	}
	return false
}

// ask evaluates what may be asked twice: while a page is being left, it is asked of the next one.
func ask[T any](p *Page, expr string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expr, chromedp.EvalAwaitPromise))
		if !between(err) {
			return v, err
		}
		if !p.moment() {
			return v, p.ctx.Err()
		}
	}
}

// moment waits a beat and says whether the tab is still there.
func (p *Page) moment() bool {
	select {
	case <-time.After(beat):
		return true
	case <-p.ctx.Done():
		return false
	}
}

// eval asks the page something; a promise is waited for.
func eval[T any](p *Page, expr string) T {
	p.t.Helper()
	v, err := ask[T](p, expr)
	p.must(err)
	return v
}

// on evaluates an expression in which "all" are the elements of that role and name.
func on[T any](p *Page, role, name, expr string, args ...any) T {
	p.t.Helper()
	given, err := json.Marshal(append([]any{role, name}, args...))
	p.must(err)
	return eval[T](p, "((role, name, ...args) => { const all = ("+lookUp+")(role, name); return "+expr+" })(..."+string(given)+")")
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
	for !p.loaded() || !ok() {
		if time.Now().After(deadline) {
			p.t.Fatalf("not seen: %s\nat %s the page says:\n%s", what, p.path(), p.text())
		}
		if p.still { // no promise of such a page is ever kept
			p.must(p.ctx.Err())
			p.moment()
			continue
		}
		_, err := ask[bool](p, nextChange)
		p.must(err)
	}
}

// loaded reports whether the page is there with its script. What is typed or
// pressed sooner is lost, as it is for people who are quicker than their browser.
func (p *Page) loaded() bool {
	p.t.Helper()
	return eval[bool](p, `document.readyState === "complete"`)
}

// nextChange is the document's next change, or a beat.
const nextChange = `new Promise(done => {
	const change = new MutationObserver(() => end(true)), end = is => { change.disconnect(); done(is); };
	change.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
	setTimeout(end, 50, false);
})`

// count is how many elements of that role and accessible name there are, as
// assistive technology sees them. An empty name matches all, "pve1…" whatever begins so.
func (p *Page) count(role, name string) int {
	p.t.Helper()
	return on[int](p, role, name, `all.length`)
}

// see waits for an element of that role and name.
func (p *Page) see(role, name string) {
	p.t.Helper()
	p.waitFor(role+" “"+name+"”", func() bool { return p.count(role, name) > 0 })
}

// gone waits until no element of that role and name is left.
func (p *Page) gone(role, name string) {
	p.t.Helper()
	p.waitFor("the end of "+role+" “"+name+"”", func() bool { return p.count(role, name) == 0 })
}

// says waits until the page has the text.
func (p *Page) says(text string) {
	p.t.Helper()
	p.waitFor("the text “"+text+"”", func() bool { return strings.Contains(p.text(), text) })
}

// place is the middle of the first of all, once it stands still on the screen and nothing lies over it.
const place = `(async e => {
	if (!e) return [];
	const over = at => { const top = at && document.elementFromPoint(...at); return top && (e.contains(top) || top.contains(e) || [...e.labels ?? []].some(l => l.contains(top))); };
	const middle = () => { const r = e.getClientRects()[0]; return r && [r.x + r.width / 2, r.y + r.height / 2]; };
	e.scrollIntoView({block: "nearest", inline: "nearest", behavior: "instant"});
	if (!over(middle())) e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	const first = middle();
	if (!args[0]) await new Promise(done => { requestAnimationFrame(() => requestAnimationFrame(done)); setTimeout(done, 50); });
	const at = middle();
	return over(at) && String(at) === String(first) ? at : [];
})(all[0])`

// click presses what has that role and name, where it stands on the screen.
func (p *Page) click(role, name string) {
	p.t.Helper()
	var at []float64
	p.waitFor(role+" “"+name+"” on the screen", func() bool {
		at = on[[]float64](p, role, name, place, p.still)
		return len(at) == 2
	})
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.MouseClickXY(at[0], at[1])))
}

// fill replaces what a field holds by typing.
func (p *Page) fill(label, value string) {
	p.t.Helper()
	p.waitFor("field “"+label+"”", func() bool {
		return on[bool](p, "field", label, `!!all[0] && (all[0].focus(), all[0].select?.(), true)`)
	})
	if value == "" {
		p.press("\b")
		return
	}
	call(p, input.InsertText, input.InsertTextParams{Text: value})
}

// choose picks the option of a select whose text has these words.
func (p *Page) choose(label, option string) {
	p.t.Helper()
	p.see("combobox", label)
	if !on[bool](p, "combobox", label, `(e => {
		const o = [...e.options].find(o => o.text.includes(args[0]));
		if (!o) return false;
		e.value = o.value;
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})(all[0])`, option) {
		p.t.Fatalf("“%s” has no option %q", label, option)
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
	p.waitFor("the page", p.loaded)
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
	p.waitFor("the page", p.loaded)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, chromedp.KeyEvent(keys, opts...)))
}
