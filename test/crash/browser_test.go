package crash

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// browser is a person at one: cookies, forms, no script.
type browser struct {
	t    testing.TB
	base string
	jar  *cookiejar.Jar
	http *http.Client
	seen func(path string, p page) // is shown every answer; may be nil
}

func newBrowser(t testing.TB, base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, base: base, jar: jar}
	b.http = &http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(b.http.CloseIdleConnections)
	return b
}

// page is an answer.
type page struct {
	status   int
	location string
	header   http.Header
	body     string
}

func (p page) String() string {
	return fmt.Sprintf("%d to %q:\n%s", p.status, p.location, p.body[:min(len(p.body), 3000)])
}

// ask asks once. An error means that no whole answer came.
func (b *browser) ask(ctx context.Context, method, path string, form url.Values, change ...func(*http.Request)) (page, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, body)
	if err != nil {
		return page{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", b.base)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, f := range change {
		f(req)
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return page{}, err
	}
	p := page{resp.StatusCode, resp.Header.Get("Location"), resp.Header, string(text)}
	if b.seen != nil {
		b.seen(method+" "+path, p)
	}
	return p, nil
}

func (b *browser) must(method, path string, form url.Values, change ...func(*http.Request)) page {
	b.t.Helper()
	p, err := b.ask(b.t.Context(), method, path, form, change...)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return p
}

func (b *browser) get(path string) page {
	b.t.Helper()
	return b.must(http.MethodGet, path, nil)
}

func (b *browser) post(path string, form url.Values) page {
	b.t.Helper()
	return b.must(http.MethodPost, path, form)
}

// leads posts a form that is to be taken, and follows to where it leads.
func (b *browser) leads(path string, form url.Values) string {
	b.t.Helper()
	p := b.post(path, form)
	if p.status != http.StatusSeeOther {
		b.t.Fatalf("POST %s was not taken: %v", path, p)
	}
	return p.location
}

// form is what the form of that action holds before anybody types.
func (b *browser) form(p page, action string) url.Values {
	b.t.Helper()
	doc, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		b.t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && attr(n, "action") == action && attr(n, "method") == "post" {
			return values(doc, n)
		}
	}
	b.t.Fatalf("no form leads to %s: %v", action, p)
	return nil
}

func values(doc, form *html.Node) url.Values {
	v := url.Values{}
	inside := map[*html.Node]bool{}
	for n := range form.Descendants() {
		inside[n] = true
	}
	for n := range doc.Descendants() {
		if n.Data != "input" || attr(n, "name") == "" || has(n, "disabled") {
			continue
		}
		if of := attr(n, "form"); of != "" && of != attr(form, "id") || of == "" && !inside[n] {
			continue
		}
		if kind := attr(n, "type"); (kind == "checkbox" || kind == "radio") && !has(n, "checked") {
			continue
		}
		v.Add(attr(n, "name"), attr(n, "value"))
	}
	return v
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// cookie is the value of one that the browser has; "" for none.
func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// moved is the same browser after Berth came back on another port.
func (b *browser) moved(base string) { b.base = base } // cookies know no ports

// stream opens the page's stream; ended is closed when it is over.
func (b *browser) stream() (said func() string, ended <-chan struct{}) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	b.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/live", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := (&http.Client{Jar: b.jar, Transport: b.http.Transport}).Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		b.t.Fatalf("/live: %s", resp.Status)
	}
	book, over := &logbook{}, make(chan struct{})
	go func() {
		defer close(over)
		defer resp.Body.Close()
		_, _ = io.Copy(book, resp.Body)
	}()
	wait(b.t, "the stream's first event", 10*time.Second, func() bool { return strings.Contains(book.String(), "\n\n") })
	return book.String, over
}
