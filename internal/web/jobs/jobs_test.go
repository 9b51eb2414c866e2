package jobs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/a-h/templ"

	"berth/internal/account"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

var update = flag.Bool("update", false, "write the golden pages anew")

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

// fake has one job of one owner, and notes what is asked of it.
type fake struct {
	mu     sync.Mutex
	job    job.Job
	steps  []job.Step
	lines  map[int][]job.Line
	asked  []string
	refuse error
	ended  bool // the session
	signal []chan struct{}
	given  int // steps that were read
}

func (f *fake) note(what string, id job.ID, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, fmt.Sprintf("%s %s %d", what, id, n))
	return f.refuse
}

func (f *fake) Begin(_ context.Context, _ account.Viewer, _ string, id job.ID) error {
	return f.note("begin", id, -1)
}
func (f *fake) Cancel(_ context.Context, _ account.Viewer, _ string, id job.ID) error {
	return f.note("cancel", id, -1)
}
func (f *fake) Retry(_ context.Context, _ account.Viewer, _ string, id job.ID, once string) (job.ID, error) {
	err := f.note("retry", id, -1)
	f.asked[len(f.asked)-1] += " " + once
	return "again", err
}
func (f *fake) Dismiss(_ context.Context, _ account.Viewer, id job.ID, n int) error {
	return f.note("dismiss", id, n)
}
func (f *fake) Force(_ context.Context, _ account.Viewer, _ string, id job.ID, n int) (job.ID, error) {
	return "forced", f.note("force", id, n)
}

func (f *fake) Job(_ context.Context, owner string, id job.ID) (job.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if owner != "me" || id != f.job.ID {
		return job.Job{}, problem.Missing()
	}
	return f.job, nil
}

func (f *fake) Steps(_ context.Context, filter job.Filter) ([]job.Step, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if filter.Owner != "me" || filter.Job != f.job.ID {
		return nil, nil
	}
	limit := filter.Limit
	if limit == 0 {
		limit = 100
	}
	var found []job.Step
	for _, s := range f.steps {
		in := s.N >= filter.From && (filter.To <= 0 || s.N < filter.To) && len(found) < limit
		if filter.Changed {
			in = in && s.Rev > filter.Since
		} else {
			in = in && (len(filter.States) == 0 || slices.Contains(filter.States, s.State)) && (filter.Kind == "" || s.Kind == filter.Kind)
		}
		if in {
			found = append(found, s)
		}
	}
	f.given += len(found)
	return found, nil
}

func (f *fake) StepLines(_ context.Context, owner string, id job.ID, n, after int) ([]job.Line, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if owner != "me" || id != f.job.ID {
		return nil, errors.New("asked for another's")
	}
	all := f.lines[n]
	if after >= len(all) {
		return nil, nil
	}
	return append([]job.Line(nil), all[after:min(len(all), after+3)]...), nil
}

func (f *fake) Subscribe(string) (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{}, 1)
	f.signal = append(f.signal, c)
	return c, func() {}
}

func (f *fake) SessionStands(context.Context, string) (bool, error) { return !f.ended, nil }

// change alters the job and tells the streams.
func (f *fake) change(alter func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := slices.Clone(f.steps)
	alter()
	f.job.Tally = tallyOf(f.steps)
	f.job.Rev++
	for i := range f.steps {
		if now := f.steps[i]; now.State != before[i].State || now.Detail != before[i].Detail {
			f.steps[i].Rev = f.job.Rev
		}
	}
	for _, c := range f.signal {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// has is what a page that was drawn now says that it has.
func (f *fake) has() string { return seen{f.job.Rev, 0, len(f.steps)}.String() }

func (f *fake) say(n int, texts ...string) {
	for _, text := range texts {
		f.lines[n] = append(f.lines[n], job.Line{N: len(f.lines[n]) + 1, At: noon, Text: text})
	}
	f.steps[n].Lines = len(f.lines[n])
}

func tallyOf(steps []job.Step) (t job.Tally) {
	for _, s := range steps {
		switch s.State {
		case job.Waiting:
			t.Waiting++
		case job.Active:
			t.Active++
		case job.Done:
			t.Done++
		case job.Warned:
			t.Warned++
		case job.Failed:
			t.Failed++
		case job.Unknown:
			t.Unknown++
		case job.Skipped:
			t.Skipped++
		case job.Cancelled:
			t.Cancelled++
		}
	}
	return t
}

// newFake is a job of that kind and state with steps in those states.
func newFake(kind string, state job.State, states ...job.StepState) *fake {
	f := &fake{lines: map[int][]job.Line{}, job: job.Job{ID: "j1", Owner: "me", Kind: kind, Title: "Stop 9 containers", Actor: "kim@pve", State: state,
		CreatedAt: noon.Add(-time.Minute), StartedAt: noon.Add(-50 * time.Second)}}
	if state == job.Planned {
		f.job.StartedAt = time.Time{}
	}
	if state == job.Finished {
		f.job.EndedAt = noon.Add(-2 * time.Second)
	}
	for n, s := range states {
		step := job.Step{Job: "j1", N: n, Owner: "me", Kind: kind, Group: "c1", Lane: "pve1", Subject: fmt.Sprintf("c1/%d", 100+n),
			Title: fmt.Sprintf("web%d (CT %d)", n, 100+n), State: s, Attempt: 1}
		if s != job.Waiting && s != job.Skipped && s != job.Cancelled {
			step.StartedAt, step.UPID = noon.Add(-40*time.Second), "UPID:pve1:0001:0002:66FE:vzstop:100:root@pam!berth:"
		}
		if s.Ended() {
			step.EndedAt = noon.Add(-18600 * time.Millisecond)
		}
		switch s {
		case job.Failed:
			step.Detail, step.Problem = "Proxmox says: “can't lock file”.", "failed"
		case job.Skipped:
			step.Detail = `<b>web"x</b> does not run.`
		case job.Active:
			step.Detail, step.Attempt = "Proxmox is at it.", 2
		}
		f.steps = append(f.steps, step)
	}
	f.job.Tally = tallyOf(f.steps)
	return f
}

func (f *fake) pages() *Pages {
	return New(Options{Verbs: f, Store: f, News: f, Sessions: f, PerNode: 4, Now: func() time.Time { return noon }})
}

func (f *fake) mux(p *Pages) http.Handler {
	mux := http.NewServeMux()
	for _, r := range p.Routes() {
		mux.HandleFunc(r.Method+" "+r.Pattern, func(w http.ResponseWriter, req *http.Request) {
			who := account.UserID(req.Header.Get("X-Who"))
			req = req.WithContext(kit.WithViewer(req.Context(), account.Viewer{User: account.User{ID: who}, Session: account.Session{ProofAt: noon}}))
			if err := r.Handle(w, req); err != nil {
				_ = kit.WriteError(w, req, r.Form, err, "REF")
			}
		})
	}
	return mux
}

func (f *fake) ask(who, method, path string, body url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Who", who)
	w := httptest.NewRecorder()
	f.mux(f.pages()).ServeHTTP(w, r)
	return w
}

func TestPagesAreDrawnAsBefore(t *testing.T) {
	every := []job.StepState{job.Waiting, job.Active, job.Done, job.Warned, job.Failed, job.Unknown, job.Skipped, job.Cancelled}
	plan := newFake("shutdown", job.Planned, job.Waiting, job.Waiting, job.Skipped)
	plan.steps[1].Wave = 7
	plan.job.Args = json.RawMessage(`{"timeout":90000000000,"force":true}`)
	timedOut := newFake("shutdown", job.Finished, job.Failed)
	timedOut.steps[0].Problem = "timeout"
	timedOut.say(0, "TASK ERROR: <script>alert(1)</script>", "\\x1b[31m")
	for name, c := range map[string]struct {
		f        *fake
		selected int
		show     string
		proved   bool
	}{
		"plan": {plan, -1, "", false}, "plan-delete": {newFake("delete", job.Planned, job.Waiting, job.Waiting), -1, "", true},
		"plan-delete-unproved": {newFake("delete", job.Planned, job.Waiting, job.Waiting), -1, "", false}, "plan-of-nothing": {newFake("start", job.Planned, job.Skipped), -1, "", false},
		"running": {newFake("stop", job.Running, every...), -1, "", false}, "running-step": {newFake("stop", job.Running, every...), 1, "", false},
		"finished-bad": {newFake("stop", job.Finished, job.Done, job.Failed, job.Skipped), -1, "bad", false}, "timed-out": {timedOut, 0, "", false},
	} {
		v := newView(c.f.job, c.f.steps, c.selected, noon)
		v.Todos = len(v.todo())
		v.PerNode, v.Key, v.Proved, v.Show = 4, "K3Y", c.proved, c.show
		if c.selected >= 0 {
			v.Step, v.Lines = &c.f.steps[c.selected], c.f.lines[c.selected]
		}
		var b bytes.Buffer
		for _, part := range []templ.Component{statePart(v), underPart(v), actionsPart(v), page(v)} {
			if err := part.Render(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
		}
		golden(t, name, b.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, "><", ">\n<")
	file := filepath.Join("testdata", name+".golden.html")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as before (go test -update writes it anew):\n%s", name, got)
	}
}

func TestOneStepShowsItsLogAtOnce(t *testing.T) {
	f := newFake("start", job.Running, job.Active)
	f.say(0, "starting", "<b>up</b>")
	body := f.ask("me", "GET", "/jobs/j1", nil).Body.String()
	for _, want := range []string{`data-step="0"`, `data-line="2"`, "&lt;b&gt;up&lt;/b&gt;", `href="/jobs/j1/0/log"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	w := f.ask("me", "GET", "/jobs/j1/0/log", nil)
	if w.Body.String() != "2026-10-03T12:00:00Z starting\n2026-10-03T12:00:00Z <b>up</b>\n" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("the file: %q, %v", w.Body, w.Header())
	}
}

func TestButtons(t *testing.T) {
	for name, c := range map[string]struct {
		f         *fake
		path      string
		body      url.Values
		asked, to string
	}{
		"begin":             {newFake("stop", job.Planned, job.Waiting), "/jobs/j1/begin", nil, "begin j1 -1", "/jobs/j1"},
		"destroy":           {newFake("delete", job.Planned, job.Waiting, job.Waiting, job.Skipped), "/jobs/j1/destroy", url.Values{"phrase": {"delete 2 containers"}}, "begin j1 -1", "/jobs/j1"},
		"cancel":            {newFake("stop", job.Running, job.Waiting), "/jobs/j1/cancel", nil, "cancel j1 -1", "/jobs/j1"},
		"retry":             {newFake("stop", job.Finished, job.Failed), "/jobs/j1/retry", url.Values{"key": {strings.Repeat("K", 26)}}, "retry j1 -1 retry:j1:" + strings.Repeat("K", 26), "/jobs/again"},
		"dismiss":           {newFake("stop", job.Finished, job.Failed), "/jobs/j1/0/dismiss", url.Values{"back": {"/?q=x"}}, "dismiss j1 0", "/?q=x"},
		"a way out is none": {newFake("stop", job.Finished, job.Failed), "/jobs/j1/0/dismiss", url.Values{"back": {"//evil.example"}}, "dismiss j1 0", "/jobs/j1"},
		"force":             {newFake("shutdown", job.Finished, job.Failed), "/jobs/j1/0/force", nil, "force j1 0", "/jobs/forced"},
	} {
		w := c.f.ask("me", "POST", c.path, c.body)
		if got := strings.Join(c.f.asked, ";"); got != c.asked || w.Code != 303 || w.Header().Get("Location") != c.to {
			t.Errorf("%s: asked %q, %d to %q", name, got, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		f    *fake
		path string
		body url.Values
		code int
		says string
	}{
		"a delete by begin":      {newFake("delete", job.Planned, job.Waiting), "/jobs/j1/begin", nil, 422, "not begun this way"},
		"another phrase":         {newFake("delete", job.Planned, job.Waiting), "/jobs/j1/destroy", url.Values{"phrase": {"delete 2 containers"}}, 422, "Type “delete 1 container”."},
		"no phrase":              {newFake("delete", job.Planned, job.Waiting), "/jobs/j1/destroy", nil, 422, "Type “delete 1 container”."},
		"a retry without a mark": {newFake("stop", job.Finished, job.Failed), "/jobs/j1/retry", nil, 422, "no mark of its own"},
		"a stop by destroy":      {newFake("stop", job.Planned, job.Waiting), "/jobs/j1/destroy", nil, 409, "not a delete that waits"},
		"a delete begun":         {newFake("delete", job.Running, job.Waiting), "/jobs/j1/destroy", url.Values{"phrase": {"delete 1 container"}}, 409, "not a delete that waits"},
		"a step of words":        {newFake("stop", job.Finished, job.Failed), "/jobs/j1/first/dismiss", nil, 404, "There is nothing here."},
		"another number form":    {newFake("stop", job.Finished, job.Failed), "/jobs/j1/00/force", nil, 404, "There is nothing here."},
	} {
		w := c.f.ask("me", "POST", c.path, c.body)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) || len(c.f.asked) > 0 {
			t.Errorf("%s: %d, asked %q\n%s", name, w.Code, c.f.asked, w.Body)
		}
	}
	f := newFake("stop", job.Planned, job.Waiting)
	f.refuse = problem.New(problem.Conflict, "It was begun already.", "")
	if w := f.ask("me", "POST", "/jobs/j1/begin", nil); w.Code != 303 || w.Header().Get("Location") != "/jobs/j1" || len(w.Result().Cookies()) != 1 {
		t.Errorf("a refusal is no toast: %d %v", w.Code, w.Header())
	}
	f.refuse = problem.New(problem.Invalid, "There is nothing to begin.", "")
	if w := f.ask("me", "POST", "/jobs/j1/begin", nil); w.Code != 422 || !strings.Contains(w.Body.String(), "There is nothing to begin.") {
		t.Errorf("what no page offers: %d\n%s", w.Code, w.Body)
	}
}

func TestAnothersAndNobodysAreTheSame(t *testing.T) {
	f := newFake("delete", job.Planned, job.Waiting)
	for _, r := range f.pages().Routes() {
		answers := map[string]bool{}
		for _, c := range []struct{ who, id string }{{"you", "j1"}, {"you", "none"}, {"me", "none"}} {
			if r.Method == "POST" && !strings.Contains(r.Pattern, "destroy") && !strings.Contains(r.Pattern, "begin") {
				continue // the verb answers
			}
			path := strings.NewReplacer("{job}", c.id, "{step}", "0").Replace(r.Pattern)
			w := f.ask(c.who, r.Method, path, nil)
			if w.Code != 404 {
				t.Errorf("%s as %s: %d", path, c.who, w.Code)
			}
			if c.who == "you" {
				answers[strings.ReplaceAll(strings.ReplaceAll(dropMade(w.Body.String()), "/j1", "/X"), "/none", "/X")] = true
			}
		}
		if len(answers) > 1 {
			t.Errorf("%s tells what is there", r.Pattern)
		}
	}
	if w := f.ask("me", "GET", "/jobs/j1/1", nil); w.Code != 404 {
		t.Errorf("a step past the last: %d", w.Code)
	}
}

func dropMade(s string) string {
	at := strings.Index(s, `data-made="`)
	if at < 0 {
		return s
	}
	end := strings.Index(s[at+11:], `"`)
	return s[:at] + s[at+11+end:]
}

// reading is a stream that is read event by event.
type reading struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Reader
}

func (f *fake) read(t *testing.T, base, query, last string) *reading {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", base+"/jobs/j1/live?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Who", "me")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &reading{t, resp, bufio.NewReader(resp.Body)}
}

// next is the next event but beats: its name, id and data.
func (r *reading) next() (name, id, data string) {
	r.t.Helper()
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			r.t.Fatalf("the stream ended: %v", err)
		}
		switch key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); {
		case key == "event":
			name = value
		case key == "id":
			id = value
		case key == "data":
			data = value
		case key == "" && name != "" && name != "beat":
			return name, id, data
		}
	}
}

func (r *reading) lines() (numbers []int) {
	r.t.Helper()
	_, _, data := r.next()
	var d struct{ Lines [][]any }
	if err := json.Unmarshal([]byte(data), &d); err != nil {
		r.t.Fatal(err)
	}
	for _, l := range d.Lines {
		numbers = append(numbers, int(l[0].(float64)))
	}
	return numbers
}

func TestStream(t *testing.T) {
	f := newFake("start", job.Running, job.Active, job.Waiting)
	f.say(0, "one", "two")
	p := f.pages()
	server := httptest.NewServer(f.mux(p))
	defer server.Close()
	defer p.Close()

	// Nothing is sent of what the page has.
	r := f.read(t, server.URL, "rev="+f.has()+"&step=0&after=2", "")
	f.change(func() { f.say(0, "three") })
	if n := r.lines(); fmt.Sprint(n) != "[3]" {
		t.Fatalf("lines %v", n)
	}
	f.change(func() { f.steps[0].State, f.steps[0].EndedAt, f.steps[1].State = job.Done, noon, job.Active })
	name, _, data := r.next()
	if name != "job" || !strings.Contains(data, "1 of 2 ended") {
		t.Errorf("%s %s", name, data)
	}
	name, _, data = r.next()
	if name != "steps" || !strings.Contains(data, `step-0`) || !strings.Contains(data, `step-1`) || !strings.Contains(data, `log-under`) {
		t.Errorf("%s %s", name, data)
	}
	f.change(func() { f.steps[1].Detail = "Nearly there." })
	if name, _, data = r.next(); name != "steps" || strings.Contains(data, "step-0") || strings.Contains(data, "log-under") || !strings.Contains(data, "Nearly there.") {
		t.Errorf("only what changed is sent: %s %s", name, data)
	}

	// Who comes back gets each line once, from where it was.
	f.change(func() { f.say(0, "four", "five", "six", "seven", "eight") })
	again := f.read(t, server.URL, "rev="+f.has()+"&step=0&after=1", "4")
	if n := append(again.lines(), again.lines()...); fmt.Sprint(n) != "[5 6 7 8]" {
		t.Errorf("after a break the lines are %v", n)
	}
	// Who comes with another state gets all of it.
	anew := f.read(t, server.URL, "rev=old", "")
	if name, _, _ := anew.next(); name != "job" {
		t.Errorf("first %s", name)
	}
	if name, _, data := anew.next(); name != "steps" || !strings.Contains(data, "step-0") || !strings.Contains(data, "step-1") {
		t.Errorf("then %s %s", name, data)
	}
}

func TestSoManyStreamsAPerson(t *testing.T) {
	f := newFake("start", job.Running, job.Active)
	p := f.pages()
	defer p.Close()
	var leave func()
	for range maxStreams {
		var err error
		if leave, err = p.streams.Enter("me"); err != nil {
			t.Fatal(err)
		}
	}
	stream := func() int {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // one that is let in ends at once
		r := httptest.NewRequest("GET", "/jobs/j1/live", nil).WithContext(ctx)
		r.Header.Set("X-Who", "me")
		w := httptest.NewRecorder()
		f.mux(p).ServeHTTP(w, r)
		return w.Code
	}
	if code := stream(); code != http.StatusTooManyRequests {
		t.Errorf("one too many: %d", code)
	}
	leave()
	for range 2 { // it leaves when it ends
		if code := stream(); code != http.StatusOK {
			t.Errorf("one again: %d", code)
		}
	}
}

func TestStreamEndsWithTheServer(t *testing.T) {
	f := newFake("start", job.Running, job.Active)
	p := f.pages()
	server := httptest.NewServer(f.mux(p))
	defer server.Close()
	r := f.read(t, server.URL, "rev="+f.has(), "")
	p.Close()
	if name, _, data := r.next(); name != "end" || !strings.Contains(data, "stopping") {
		t.Errorf("%s %s", name, data)
	}
}

func TestFiveHundredStepsStayQuick(t *testing.T) {
	states := make([]job.StepState, 500)
	for i := range states {
		states[i] = job.Waiting
	}
	f := newFake("start", job.Running, states...)
	began := time.Now()
	w := f.ask("me", "GET", "/jobs/j1", nil)
	if took := time.Since(began); took > time.Second {
		t.Errorf("drawing took %s", took)
	}
	if n := w.Body.Len(); n > 500<<10 {
		t.Errorf("%d bytes", n)
	}
}

func many(n int, s job.StepState) []job.StepState {
	states := make([]job.StepState, n)
	for i := range states {
		states[i] = s
	}
	return states
}

// A job of very many steps is shown in parts, and each part says what of it is shown.
func TestALargeJobIsShownInParts(t *testing.T) {
	running := newFake("stop", job.Running, append(many(2500, job.Done), many(20, job.Failed)...)...)
	plan := newFake("delete", job.Planned, append(many(1500, job.Waiting), many(1200, job.Skipped)...)...)
	for _, c := range []struct {
		f           *fake
		path        string
		rows        int
		first, last string
		says, lacks []string
	}{
		{running, "/jobs/j1", 1000, "step-0", "step-999", []string{"1000 of 2520 are shown.", "/jobs/j1?from=1000", "2520 steps", `data-rev="0.0.1000"`}, []string{"From the beginning"}},
		{running, "/jobs/j1?from=2000", 520, "step-2000", "step-2519", []string{"520 of 2520 are shown.", "From the beginning"}, []string{"Next page"}},
		{running, "/jobs/j1?show=bad", 20, "step-2500", "step-2519", []string{`data-show="bad"`, `data-rev="0.2500.2520"`}, []string{"are shown.", "Next page"}},
		{running, "/jobs/j1?show=done&from=1000", 1000, "step-1000", "step-1999", []string{"1000 of 2500 are shown.", "?from=2000&amp;show=done"}, nil},
		{running, "/jobs/j1/1500", 1000, "step-1000", "step-1999", []string{`data-step="1500"`}, nil},
		{plan, "/jobs/j1", 2000, "web0 (", "web2499 (", []string{"1500 will be deleted", "1000 of 1500 are shown.", "1200 left out", "1000 of 1200 are shown.", "?from=1000", "?out=2500", "delete 1500 containers"}, nil},
		{plan, "/jobs/j1?from=1000&out=2500", 700, "web1000 (", "web2699 (", []string{"500 of 1500 are shown.", "200 of 1200 are shown.", "delete 1500 containers"}, []string{"Next page"}},
	} {
		body := c.f.ask("me", "GET", c.path, nil).Body.String()
		if n := strings.Count(body, `<li class="step"`) + strings.Count(body, `<th scope="row">`); n != c.rows {
			t.Errorf("%s: %d rows", c.path, n)
		}
		for _, want := range append(c.says, c.first, c.last) {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q", c.path, want)
			}
		}
		for _, no := range c.lacks {
			if strings.Contains(body, no) {
				t.Errorf("%s has %q", c.path, no)
			}
		}
	}
}

// One change of one of twenty thousand steps is one step that is read and sent.
func TestTheStreamReadsOnlyWhatChanged(t *testing.T) {
	f := newFake("start", job.Running, many(20_000, job.Waiting)...)
	p := f.pages()
	server := httptest.NewServer(f.mux(p))
	defer server.Close()
	defer p.Close()
	r := f.read(t, server.URL, "rev=0.0.1000", "")
	f.change(func() { f.steps[7].State = job.Active; f.steps[15_000].State = job.Active })
	if name, _, _ := r.next(); name != "job" {
		t.Errorf("first %s", name)
	}
	name, _, data := r.next()
	var sent struct {
		Rev  string
		Rows map[string]string
	}
	if err := json.Unmarshal([]byte(data), &sent); err != nil || name != "steps" || len(sent.Rows) != 1 || sent.Rows["7"] == "" || sent.Rev != "1.0.1000" {
		t.Errorf("%s %s %v", name, data, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.given != 1 {
		t.Errorf("%d steps were read", f.given)
	}
}

func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the tests of js/ are left out")
	}
	if out, err := exec.Command(node, "--test", "js/").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
