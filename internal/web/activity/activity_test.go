package activity

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/web/kit"
)

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

// book is a trail in memory, oldest first, and jobs, that keep the store's rules.
type book struct {
	entries []audit.Entry
	asked   []audit.Filter
	steps   []job.Step // newest first
	jobs    []job.Job
	signal  chan struct{}
	running int
}

func (b *book) pages() *Pages {
	return New(Options{Trail: b, Jobs: b, Work: b, Pictures: b, Sessions: b, Now: func() time.Time { return noon }})
}

func (b *book) Steps(_ context.Context, f job.Filter) (out []job.Step, err error) {
	for _, s := range b.steps {
		fits := f.Owner == "me" && (f.Before.IsZero() || s.StartedAt.Before(f.Before)) && slices.Contains(f.States, s.State) && (f.Kind == "" || f.Kind == s.Kind) &&
			(f.Subject == "" || f.Subject == s.Subject) && (f.Lane == "" || f.Lane == s.Lane) && (f.Group == "" || f.Group == s.Group) && (f.Actor == "" || f.Actor == s.Actor)
		if fits && len(out) < f.Limit {
			out = append(out, s)
		}
	}
	return out, nil
}

func (b *book) Jobs(_ context.Context, f job.Filter) (found []job.Job, err error) {
	for _, j := range b.jobs {
		if f.State == "" || f.State == j.State {
			found = append(found, j)
		}
	}
	return found, nil
}
func (b *book) Board(string) *job.Board                             { return &job.Board{Jobs: b.running} }
func (b *book) Subscribe(string) (<-chan struct{}, func())          { return b.signal, func() {} }
func (b *book) SessionStands(context.Context, string) (bool, error) { return true, nil }
func (b *book) Picture(string) *fleet.Picture {
	return &fleet.Picture{Clusters: []*fleet.ClusterPicture{{Cluster: "c1", Name: "lab", Nodes: []fleet.Node{{ID: fleet.NodeID{Cluster: "c1", Name: "pve1"}}, {ID: fleet.NodeID{Cluster: "c1", Name: "pve2"}}},
		Containers: []fleet.Container{{ID: fleet.ContainerID{Cluster: "c1", VMID: 104}, Hostname: "web1"}}}}}
}

// did adds a step that began so long before noon; the newest is added first.
func (b *book) did(kind string, vmid int, state job.StepState, before time.Duration) {
	b.steps = append(b.steps, job.Step{Job: "j1", N: len(b.steps), Kind: kind, Group: "c1", Lane: fmt.Sprint("pve", 1+vmid%2), Subject: fmt.Sprintf("c1/%d", vmid),
		Title: fmt.Sprintf("web%d (CT %d)", vmid, vmid), Actor: "me@pve", State: state, StartedAt: noon.Add(-before), EndedAt: noon.Add(-before + 3*time.Second)})
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
	p := b.pages()
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
	for _, t := range f.Things {
		out = append(out, t.event().Subject)
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
	p := b.pages()
	for name, c := range map[string]struct {
		ask  ask
		want []string
	}{
		"all":                     {ask{}, []string{"open", "ended", "first"}},
		"an administrator's":      {ask{Admin: true}, []string{"open", "berth's", "ended", "first"}},
		"by group":                {ask{Kind: "nodes"}, []string{"ended"}},
		"by group, two nouns":     {ask{Kind: "administration", Admin: true}, []string{"berth's"}},
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
	p := b.pages()
	var all []string
	var sizes []int
	for a := (ask{}); ; {
		got, err := p.find(t.Context(), "me", a)
		if err != nil {
			t.Fatal(err)
		}
		all, sizes = append(all, subjects(got)...), append(sizes, len(got.Things))
		if !got.More {
			break
		}
		a.Before, a.Steps = got.Before, got.Steps
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

func TestStepsAndTrailAreOneList(t *testing.T) {
	b := &book{}
	b.add(audit.Entry{Owner: "me", Kind: audit.SignIn, Result: audit.OK, Subject: "signed in", Actor: "me@pve", At: noon.Add(-50 * time.Minute)})
	b.add(audit.Entry{Owner: "me", Kind: audit.ContainerStart, Result: audit.OK, Of: "x", Subject: "web104 (CT 104)", Cluster: "c1", At: noon.Add(-40 * time.Minute)})
	b.add(audit.Entry{Owner: "me", Kind: audit.ContainerStop, Result: audit.Refused, Subject: "web105 (CT 105)", Cluster: "c1", Detail: "It does not run.", Actor: "me@pve", At: noon.Add(-30 * time.Minute)})
	b.add(audit.Entry{Owner: "me", Kind: audit.NodeUnreachable, Result: audit.OK, Subject: "pve2", Cluster: "c1", Actor: "Berth", At: noon.Add(-10 * time.Minute)})
	b.did("stop", 105, job.Failed, 5*time.Minute)
	b.did("start", 104, job.Warned, 20*time.Minute)
	b.did("start", 104, job.Done, 40*time.Minute)
	b.did("delete", 106, job.Unknown, 60*time.Minute)
	for name, c := range map[string]struct{ query, want string }{
		"all, by time":          {"", "web105 (CT 105)|pve2|web104 (CT 104)|web105 (CT 105)|web104 (CT 104)|signed in|web106 (CT 106)"},
		"what is done to one":   {"container=c1/104", "web104 (CT 104)|web104 (CT 104)"},
		"also what was refused": {"container=c1/105", "web105 (CT 105)|web105 (CT 105)"},
		"by node":               {"node=c1/pve2", "web105 (CT 105)|pve2"},
		"by kind":               {"kind=containers", "web105 (CT 105)|web104 (CT 104)|web105 (CT 105)|web104 (CT 104)|web106 (CT 106)"},
		"by action":             {"kind=start", "web104 (CT 104)|web104 (CT 104)"},
		"failed":                {"result=failed", "web105 (CT 105)"},
		"refused":               {"result=refused", "web105 (CT 105)"},
		"with warnings":         {"result=warned", "web104 (CT 104)"},
		"unknown":               {"result=unknown", "web106 (CT 106)"},
		"by person":             {"person=Berth", "pve2"},
		"by words":              {"q=FAILED stop", "web105 (CT 105)"},
		"several":               {"kind=start&result=ok", "web104 (CT 104)"},
		"what makes no sense":   {"kind=explode&result=x&node=a&container=b&before=z&steps=-1", "web105 (CT 105)|pve2|web104 (CT 104)|web105 (CT 105)|web104 (CT 104)|signed in|web106 (CT 106)"},
	} {
		q, _ := url.ParseQuery(c.query)
		got, err := b.pages().find(t.Context(), "me", readAsk(q, false))
		if err != nil {
			t.Fatal(err)
		}
		if s := strings.Join(subjects(got), "|"); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}

// Hundreds of steps of one moment are neither lost nor told twice where pages part.
func TestPagesOfStepsAndTrailFollowEachOther(t *testing.T) {
	b := &book{}
	n := 0
	for i := range 60 {
		for range 1 + i%7 {
			b.did("start", 100+n, job.Done, time.Duration(i)*time.Second)
			n++
		}
	}
	for i := range 60 {
		b.add(audit.Entry{Owner: "me", Kind: audit.SignIn, Result: audit.OK, Subject: fmt.Sprint("s", i), At: noon.Add(-time.Duration(60-i) * 900 * time.Millisecond)})
	}
	seen := map[string]int{}
	for a := (ask{}); ; {
		got, err := b.pages().find(t.Context(), "me", a)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range subjects(got) {
			seen[s]++
		}
		if !got.More {
			break
		}
		a.Before, a.Steps = got.Before, got.Steps
	}
	if len(seen) != n+60 {
		t.Errorf("%d of %d are told", len(seen), n+60)
	}
	for s, times := range seen {
		if times != 1 {
			t.Errorf("%s is told %d times", s, times)
		}
	}
}

func TestWhatRunsIsOnThePageAndInTheStream(t *testing.T) {
	b := &book{running: 1, signal: make(chan struct{}, 1), jobs: []job.Job{
		{ID: "j7", Title: "Stop <b> containers", Actor: "me@pve", State: job.Running, StartedAt: noon.Add(-time.Minute), Tally: job.Tally{Waiting: 3, Done: 5, Failed: 1, Skipped: 2}},
		{ID: "j8", Title: "a plan", State: job.Planned, Tally: job.Tally{Waiting: 1}}}}
	body := get(t, b, false, "/activity").Body.String()
	for _, want := range []string{`href="/jobs/j7"`, "Stop &lt;b&gt; containers", "6 of 9, 1 failed"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, "a plan") {
		t.Error("what was not begun is said to run")
	}
	p := b.pages()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = p.live(w, r) }))
	defer server.Close()
	defer p.Close()
	resp, err := http.Get(server.URL + "/activity/live?page=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	var events []string
	for len(events) < 2 {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			events = append(events, data)
		}
	}
	if !strings.Contains(events[0], `"running":1`) || !strings.Contains(events[1], "j7") {
		t.Errorf("the stream says %q", events)
	}
}
