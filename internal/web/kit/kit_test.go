package kit

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"golang.org/x/net/html"

	"berth/internal/account"
	"berth/internal/problem"
)

// asked is a request as the server hands it to a page.
func asked(method, url string, body string) *http.Request {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	ctx := WithNonce(r.Context(), "n0nce")
	return r.WithContext(WithViewer(ctx, account.Viewer{User: account.User{ID: "u", PVEUser: `<b>al"ex</b>@pve`}, Host: "lab & co"}))
}

func drawn(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// everything is one page with every component, given text that tries to be markup.
func everything() templ.Component {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	p := problem.New(problem.Untrusted, evil, evil)
	p.Proxmox, p.Expected, p.Got = evil, evil, evil
	return templ.Join(
		Button(ButtonProps{Label: evil, Why: evil, Name: evil, Value: evil}), Button(ButtonProps{Action: "javascript:alert(1)"}),
		LinkButton(LinkProps{URL: "javascript:alert(1)", Label: evil}), PostButton("javascript:alert(1)", ButtonProps{}),
		Menu(evil), MenuLink("javascript:alert(1)", "pencil", evil), MenuPost("/x", "pencil", evil, evil),
		Field(FieldProps{Label: evil, Name: "a", Value: evil, Hint: evil, Error: evil, Placeholder: evil}),
		Textarea(FieldProps{Label: evil, Name: "b", Value: evil}), Checkbox(CheckboxProps{Label: evil, Name: "c", Value: evil, Error: evil}),
		Select(SelectProps{Label: evil, Name: "d", Options: []Option{{Value: evil, Text: evil}}}),
		Choice(SelectProps{Label: evil, Name: "e", Options: []Option{{Value: evil, Text: evil, Hint: evil}}}),
		Segmented("f", evil, "", []Option{{Value: evil, Text: evil, Count: evil}}), SearchField("g", evil, evil, evil, evil, nil),
		Badge(evil), NodeBadge(evil), ToneBadge(Warning, evil, evil), Pill(Warning, evil, evil), Tag(evil), Icon(evil),
		KeyValue([]KV{{Key: evil, Value: evil}}), CopyBlock(evil), Fingerprint(evil),
		Panel(PanelProps{Title: evil, ID: evil, Text: evil}), Table(evil), TabLinks(evil, []Tab{{Text: evil, URL: "javascript:alert(1)"}}),
		Disclosure(evil, evil, true), Banner(BannerProps{Title: evil, Text: evil, ID: evil}), ProblemBanner(p),
		EmptyState(EmptyProps{Title: evil, Text: evil}), Dialog(evil, evil), errorPage(errorView{title: evil, text: evil, proxmox: evil, reference: evil}),
	)
}

// behaviour lists what the security policy forbids in a page: inline handlers,
// styles and scripts, scripts without the nonce, addresses that are script.
func behaviour(t *testing.T, page string) (found []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				found = append(found, n.Data+" "+a.Key+"="+a.Val)
			}
		}
		if n.Data == "script" && (attr["nonce"] != "n0nce" || n.FirstChild != nil) || slices.Contains([]string{"style", "iframe", "object", "img", "base"}, n.Data) {
			found = append(found, n.Data)
		}
	}
	return found
}

func TestPagesCarryNoForeignBehaviour(t *testing.T) {
	f := Frame{Title: `<script>x</script>`, Subtitle: `<i>`, Crumbs: []Crumb{{Text: "<b>", URL: "javascript:alert(1)"}}, Tabs: []Tab{{Text: "<u>", URL: "/"}}, Section: SectionSettings}
	for name, draw := range map[string]func(http.ResponseWriter, *http.Request) error{
		"framed": func(w http.ResponseWriter, r *http.Request) error { return Render(w, r, 200, f, everything()) },
		"bare":   func(w http.ResponseWriter, r *http.Request) error { return RenderBare(w, r, 200, "<b>", everything()) },
	} {
		w := httptest.NewRecorder()
		if err := draw(w, asked("GET", `/x?a="><script>`, "")); err != nil {
			t.Fatal(err)
		}
		if found := behaviour(t, w.Body.String()); found != nil {
			t.Errorf("%s: %q", name, found)
		}
		if h := w.Header(); h.Get("Cache-Control") != "private, no-store" || h.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: headers %v", name, h)
		}
	}
}

func TestFrame(t *testing.T) {
	w := httptest.NewRecorder()
	r := asked("GET", "/settings/nodes?x=1", "")
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	r.AddCookie(&http.Cookie{Name: "sidebar", Value: "icons"})
	if err := Render(w, r, http.StatusTeapot, Frame{Title: "Nodes", Section: SectionSettings, Crumbs: []Crumb{{Text: "Settings", URL: "/settings"}}}, templ.NopComponent); err != nil {
		t.Fatal(err)
	}
	page := w.Body.String()
	for _, want := range []string{`<title>Nodes · Berth</title>`, `data-theme="dark"`, `data-sidebar="icons"`, `href="/settings" title="Settings" aria-current="page"`,
		`aria-label="Breadcrumbs"`, `name="return" value="/settings/nodes?x=1"`, `lab &amp; co`, `action="/sign-out"`, `href="#main"`, `Widen the sidebar`} {
		if !strings.Contains(page, want) {
			t.Errorf("the frame lacks %s", want)
		}
	}
	if n := strings.Count(page, `aria-current="page"`); n != 2 { // the section, and the last crumb
		t.Errorf("%d things are the current page", n)
	}
	if w.Code != http.StatusTeapot {
		t.Errorf("status %d", w.Code)
	}
}

func TestAPageThatFailsSendsNothing(t *testing.T) {
	w := httptest.NewRecorder()
	fails := templ.ComponentFunc(func(context.Context, io.Writer) error { return errors.New("half way") })
	if err := Render(w, asked("GET", "/", ""), 200, Frame{Title: "x"}, fails); err == nil {
		t.Fatal("no error")
	}
	if w.Body.Len() > 0 {
		t.Errorf("%d bytes were sent", w.Body.Len())
	}
}

func TestDisabledButtonsSayWhyAndSendNothing(t *testing.T) {
	got := drawn(t, Button(ButtonProps{Name: "go", Value: "1", Action: "/act", Why: "CT 104 is already stopped."}))
	for _, bad := range []string{`type="submit"`, `formaction`, `name="go"`, ` disabled`} {
		if strings.Contains(got, bad) {
			t.Errorf("a disabled button has %s: %s", bad, got)
		}
	}
	if !strings.Contains(got, `aria-disabled="true"`) || !strings.Contains(got, "(not available: CT 104 is already stopped.)") {
		t.Errorf("it does not say why: %s", got)
	}
}

func TestPasswordsNeverTravelBack(t *testing.T) {
	if got := drawn(t, Field(FieldProps{Label: "Password", Name: "password", Type: "password", Value: "hunter2"})); strings.Contains(got, "hunter2") {
		t.Errorf("a password is in the page: %s", got)
	}
}

func TestToasts(t *testing.T) {
	next := func(r *http.Request, w *httptest.ResponseRecorder) []*http.Cookie { return w.Result().Cookies() }
	for _, secure := range []bool{false, true} {
		r := asked("POST", "/x", "")
		r = r.WithContext(WithSecure(r.Context(), secure))
		w := httptest.NewRecorder()
		Flash(w, r, Toast{Kind: Success, Text: "lab was added: <b>3</b> nodes."}, Toast{Kind: "nonsense", Text: "a\u202eb\x1b[31m"})
		cookies := next(r, w)
		if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].Secure != secure || strings.HasPrefix(cookies[0].Name, "__Host-") != secure {
			t.Fatalf("cookies %v", cookies)
		}
		r = asked("GET", "/y", "")
		r = r.WithContext(WithSecure(r.Context(), secure))
		r.AddCookie(cookies[0])
		w = httptest.NewRecorder()
		if err := Render(w, r, 200, Frame{Title: "x"}, templ.NopComponent); err != nil {
			t.Fatal(err)
		}
		page := w.Body.String()
		for _, want := range []string{`data-tone="ok"`, "lab was added: &lt;b&gt;3&lt;/b&gt; nodes.", `data-tone="info"`, "ab[31m"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if gone := next(r, w); len(gone) != 1 || gone[0].MaxAge >= 0 {
			t.Errorf("the cookie stays: %v", gone)
		}
	}
}

func TestForgedToastsAreNothing(t *testing.T) {
	many := `[{"k":"ok","t":"1"},{"k":"ok","t":"2"},{"k":"ok","t":"3"},{"k":"ok","t":"4"},{"k":"ok","t":"5"}]`
	for name, c := range map[string]struct {
		value string
		want  int
	}{
		"no base64":      {"%%%", 0},
		"no JSON":        {base64.RawURLEncoding.EncodeToString([]byte("{")), 0},
		"empty text":     {base64.RawURLEncoding.EncodeToString([]byte(`[{"k":"ok","t":"\u200f"}]`)), 0},
		"too many":       {base64.RawURLEncoding.EncodeToString([]byte(many)), maxToasts},
		"far too long":   {base64.RawURLEncoding.EncodeToString([]byte(`[{"t":"` + strings.Repeat("x", 4000) + `"}]`)), 0},
		"a long one":     {base64.RawURLEncoding.EncodeToString([]byte(`[{"t":"` + strings.Repeat("x", 1000) + `"}]`)), 1},
		"another's type": {base64.RawURLEncoding.EncodeToString([]byte(`{"t":"x"}`)), 0},
	} {
		r := asked("GET", "/", "")
		r.AddCookie(&http.Cookie{Name: "flash", Value: c.value})
		got := takeToasts(httptest.NewRecorder(), r)
		if len(got) != c.want {
			t.Errorf("%s: %d toasts, want %d", name, len(got), c.want)
		}
		for _, toast := range got {
			if len([]rune(toast.Text)) > maxToastText {
				t.Errorf("%s: a text of %d characters", name, len([]rune(toast.Text)))
			}
		}
	}
}

func TestPreferences(t *testing.T) {
	for name, c := range map[string]struct{ body, cookies, to string }{
		"theme":           {"theme=dark&return=%2Factivity%3Fq%3D1", "theme=dark", "/activity?q=1"},
		"sidebar":         {"sidebar=icons&return=%2F", "sidebar=icons", "/"},
		"unknown values":  {"theme=neon&sidebar=left", "", "/"},
		"another site":    {"theme=light&return=https%3A%2F%2Fevil.example", "theme=light", "/"},
		"another host":    {"theme=system&return=%2F%2Fevil.example", "theme=system", "/"},
		"a broken header": {"theme=dark&return=%2Fa%0d%0ab", "theme=dark", "/"},
	} {
		w := httptest.NewRecorder()
		if err := savePreferences(w, asked("POST", "/preferences", c.body)); err != nil {
			t.Fatal(err)
		}
		var set []string
		for _, k := range w.Result().Cookies() {
			set = append(set, k.Name+"="+k.Value)
		}
		if got := strings.Join(set, " "); got != c.cookies || w.Code != http.StatusSeeOther || w.Header().Get("Location") != c.to {
			t.Errorf("%s: %d to %q with %q", name, w.Code, w.Header().Get("Location"), got)
		}
	}
	r := asked("POST", "/preferences", "theme=dark")
	r.Header.Set("X-Berth", "1")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	w := httptest.NewRecorder()
	if err := savePreferences(w, r); err != nil || w.Code != http.StatusNoContent {
		t.Errorf("to a script: %d, %v", w.Code, err)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{problem.Missing(), 404, "There is nothing here."},
		{problem.New(problem.Denied, "Only administrators do this.", ""), 403, "Only administrators do this."},
		{problem.New(problem.NodeDown, "pve3 cannot be reached.", "Check it."), 502, "pve3 cannot be reached."},
		{problem.New(problem.Timeout, "pve3 took too long.", ""), 504, "pve3 took too long."},
		{problem.New(problem.Garbled, "The answer could not be read.", ""), 502, "The answer could not be read."},
		{problem.New(problem.TooMany, "Too many attempts.", ""), 429, "Too many attempts."},
		{problem.New(problem.Conflict, "Somebody changed it meanwhile.", ""), 409, "Somebody changed it meanwhile."},
		{errors.New("secret detail"), 500, "Something went wrong in Berth"},
	} {
		for _, form := range []Form{PageRoute, APIRoute, StreamRoute} {
			w := httptest.NewRecorder()
			if err := WriteError(w, asked("GET", "/", ""), form, c.err, "REF123"); err != nil {
				t.Fatal(err)
			}
			body := w.Body.String()
			if w.Code != c.status || !strings.Contains(body, c.says) || strings.Contains(body, "secret detail") {
				t.Errorf("%v as form %d: %d %s", c.err, form, w.Code, body[:min(200, len(body))])
			}
			if strings.Contains(body, "REF123") != (c.status == 500) {
				t.Errorf("%v as form %d: the reference belongs to errors of Berth's own, and to them only", c.err, form)
			}
		}
	}
	nobody := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	if err := WriteError(w, nobody, PageRoute, problem.Missing(), ""); err != nil {
		t.Fatal(err)
	}
	if body := w.Body.String(); strings.Contains(body, "Main") && strings.Contains(body, "/settings") || !strings.Contains(body, `href="/login"`) {
		t.Error("who is not signed in sees the frame, or no way to sign in")
	}
}
