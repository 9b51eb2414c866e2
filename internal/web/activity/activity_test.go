package activity

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/web/kit"
)

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

// book is a trail in memory, oldest first, that keeps the store's rules.
type book struct {
	entries []audit.Entry
	asked   []audit.Filter
}

func (b *book) AuditEntries(_ context.Context, f audit.Filter) ([]audit.Entry, error) {
	b.asked = append(b.asked, f)
	var out []audit.Entry
	for _, e := range slices.Backward(b.entries) {
		mine := e.Owner == f.Owner || f.WithBerth && e.Owner == ""
		if mine && (f.Before == 0 || e.Seq < f.Before) && len(out) < f.Limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (b *book) add(e audit.Entry) {
	e.Seq = int64(len(b.entries) + 1)
	if e.ID == "" {
		e.ID = fmt.Sprint("e", e.Seq)
	}
	if e.At.IsZero() {
		e.At = noon.Add(-time.Hour)
	}
	b.entries = append(b.entries, e)
}

func get(t *testing.T, b *book, admin bool, url string) *httptest.ResponseRecorder {
	t.Helper()
	p := New(b, func() time.Time { return noon })
	r := httptest.NewRequest("GET", url, nil)
	r = r.WithContext(kit.WithViewer(r.Context(), account.Viewer{User: account.User{ID: "me", PVEUser: "me@pve", Admin: admin}}))
	w := httptest.NewRecorder()
	if err := p.list(w, r); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	return w
}

func subjects(f found) (out []string) {
	for _, e := range f.Entries {
		out = append(out, e.Subject)
	}
	return out
}

func TestFind(t *testing.T) {
	b := &book{}
	b.add(audit.Entry{Owner: "me", Kind: audit.SignIn, Result: audit.OK, Subject: "first", Actor: "me@pve"})
	b.add(audit.Entry{Owner: "me", Kind: audit.ClusterAdd, Result: audit.Intent, Subject: "begun", ID: "i1"})
	b.add(audit.Entry{Owner: "other", Kind: audit.SignIn, Result: audit.OK, Subject: "another's"})
	b.add(audit.Entry{Owner: "me", Kind: audit.ClusterAdd, Result: audit.Failed, Subject: "ended", Of: "i1", Detail: "No route to host."})
	b.add(audit.Entry{Owner: "", Kind: audit.SetUpLink, Result: audit.OK, Subject: "berth's"})
	b.add(audit.Entry{Owner: "me", Kind: audit.TokenCreate, Result: audit.Intent, Subject: "open", ID: "i2"})
	p := New(b, func() time.Time { return noon })
	for name, c := range map[string]struct {
		ask  ask
		want []string
	}{
		"all":                     {ask{}, []string{"open", "ended", "first"}},
		"an administrator's":      {ask{Admin: true}, []string{"open", "berth's", "ended", "first"}},
		"by group":                {ask{Group: "nodes"}, []string{"ended"}},
		"by group, two nouns":     {ask{Group: "administration", Admin: true}, []string{"berth's"}},
		"by words in any order":   {ask{Text: "HOST failed"}, []string{"ended"}},
		"by who":                  {ask{Text: "me@pve"}, []string{"first"}},
		"by what is on the page":  {ask{Text: "token created"}, []string{"open"}},
		"nothing":                 {ask{Text: "no such"}, nil},
		"never another's by name": {ask{Text: "another's", Admin: true}, nil},
		"from a place":            {ask{Before: 4}, []string{"begun", "first"}},
	} {
		got, err := p.find(t.Context(), "me", c.ask)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(subjects(got), c.want) {
			t.Errorf("%s: %q, want %q", name, subjects(got), c.want)
		}
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	b := &book{}
	for i := range 130 {
		id := fmt.Sprint("i", i)
		b.add(audit.Entry{Owner: "me", Kind: audit.ClusterTest, Result: audit.Intent, ID: id})
		b.add(audit.Entry{Owner: "me", Kind: audit.ClusterTest, Result: audit.OK, Of: id, Subject: fmt.Sprint("s", i)})
	}
	p := New(b, func() time.Time { return noon })
	var all []string
	var sizes []int
	for a := (ask{}); ; {
		got, err := p.find(t.Context(), "me", a)
		if err != nil {
			t.Fatal(err)
		}
		all, sizes = append(all, subjects(got)...), append(sizes, len(got.Entries))
		if got.Next == 0 {
			break
		}
		a.Before = got.Next
	}
	if !slices.Equal(sizes, []int{50, 50, 30}) {
		t.Errorf("pages of %v", sizes)
	}
	for i, s := range all {
		if want := fmt.Sprint("s", 129-i); s != want {
			t.Fatalf("entry %d is %q, want %q", i, s, want)
		}
	}
}

func TestARareTextIsLookedForInSteps(t *testing.T) {
	b := &book{}
	for range perRead*maxReads + 10 {
		b.add(audit.Entry{Owner: "me", Kind: audit.SignIn, Result: audit.OK})
	}
	w := get(t, b, false, "/activity?q=rare")
	if len(b.asked) != maxReads {
		t.Errorf("read %d times, want %d", len(b.asked), maxReads)
	}
	if body := w.Body.String(); !strings.Contains(body, "Look further back") || !strings.Contains(body, `href="/activity?before=11&amp;q=rare"`) {
		t.Error("the page does not offer to look further back")
	}
}

func TestPage(t *testing.T) {
	b := &book{}
	b.add(audit.Entry{Owner: "me", Kind: audit.NodeUnreachable, Result: audit.OK, Subject: `<script>alert(1)</script>`, Actor: "Berth", At: noon.Add(-4 * time.Minute)})
	b.add(audit.Entry{Owner: "me", Kind: "future.kind", Result: audit.Refused, Subject: "x", Actor: "me@pve", Address: "192.0.2.7", At: noon.Add(-50 * time.Hour)})
	body := get(t, b, false, "/activity?kind=nonsense&before=-5").Body.String()
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", "4 min ago", "1 Oct 2026, 10:00 UTC", "Node unreachable", "future.kind", "Refused", "192.0.2.7"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script>alert") {
		t.Error("a subject became markup")
	}
	if b.asked[0].WithBerth || b.asked[0].Owner != "me" || b.asked[0].Before != 0 {
		t.Errorf("asked for %+v", b.asked[0])
	}
	get(t, b, true, "/activity")
	if !b.asked[1].WithBerth {
		t.Error("an administrator was not shown Berth's own entries")
	}
}

func TestNothingToShow(t *testing.T) {
	if body := get(t, &book{}, false, "/activity").Body.String(); !strings.Contains(body, "Nothing has happened yet") || strings.Contains(body, `role="search" aria-label="Filter`) {
		t.Error("an empty trail is not said to be one, or has a filter")
	}
	if body := get(t, &book{}, false, "/activity?q=x").Body.String(); !strings.Contains(body, "Nothing matches") || !strings.Contains(body, "Clear the filter") {
		t.Error("a filter that finds nothing cannot be cleared")
	}
}
