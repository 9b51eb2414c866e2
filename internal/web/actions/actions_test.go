package actions

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

var update = flag.Bool("update", false, "write the golden pages anew")

const key = "KEYKEYKEYKEYKEYKEYKEY2"

// fake is a fleet of one owner and verbs that only note what they are asked.
type fake struct {
	picture *fleet.Picture
	busy    map[fleet.ContainerID]fleet.Busy
	asked   []fleet.ActionRequest
	planned []fleet.ActionRequest
	refuse  error
	steps   []job.Step
}

func (f *fake) Do(_ context.Context, _ account.Viewer, _ string, r fleet.ActionRequest) (job.ID, error) {
	f.asked = append(f.asked, r)
	return "j1", f.refuse
}

func (f *fake) Plan(_ context.Context, _ account.Viewer, _ string, r fleet.ActionRequest) (job.ID, error) {
	f.planned = append(f.planned, r)
	return "j2", f.refuse
}

func (f *fake) Busy(string) map[fleet.ContainerID]fleet.Busy { return f.busy }

func (f *fake) Picture(owner string) *fleet.Picture {
	if owner == "me" {
		return f.picture
	}
	return &fleet.Picture{Owner: owner}
}

func (f *fake) Matching(owner string, v url.Values) (ids []fleet.ContainerID) {
	for _, c := range f.Picture(owner).Clusters {
		for _, ct := range c.Containers {
			if q := v.Get("q"); q == "" || strings.Contains(ct.Name(), q) {
				ids = append(ids, ct.ID)
			}
		}
	}
	return ids
}

func (f *fake) Steps(_ context.Context, filter job.Filter) (steps []job.Step, err error) {
	for _, s := range f.steps {
		if s.Job == filter.Job && filter.Owner == "me" && (filter.Kind == "" || filter.Kind == s.Kind) && len(steps) < filter.Limit {
			steps = append(steps, s)
		}
	}
	return steps, nil
}

func newFake() *fake {
	ct := func(vmid int, name string, s fleet.Status) fleet.Container {
		return fleet.Container{ID: fleet.ContainerID{Cluster: "c1", VMID: fleet.VMID(vmid)}, Node: "pve1", Hostname: name, Status: s, MaxDisk: 8 << 30}
	}
	return &fake{picture: &fleet.Picture{Owner: "me", Clusters: []*fleet.ClusterPicture{{Cluster: "c1", Name: "lab", Quorate: true, SeenAt: time.Unix(1, 0),
		Nodes:      []fleet.Node{{ID: fleet.NodeID{Cluster: "c1", Name: "pve1"}, Label: "rack", State: fleet.Online}},
		Containers: []fleet.Container{ct(104, "web1", fleet.Running), ct(105, "web2", fleet.Stopped), ct(106, `<b>"x`, fleet.Stopped)}}}}}
}

func (f *fake) pages() *Pages {
	return New(Options{Verbs: f, Pictures: f, Finder: f, Steps: f, Disks: func(_ string, id fleet.ContainerID) []string {
		if id.VMID == 104 {
			return []string{"rootfs: fast:vm-104-disk-0, 8 GiB", "mp0: fast:vm-104-disk-1, 64 GiB"}
		}
		return nil
	}})
}

// ask sends a request as the owner, or as somebody else, and draws errors as the server does.
func (f *fake) ask(t *testing.T, who, method, path string, body url.Values, scripted bool) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	for _, r := range f.pages().Routes() {
		mux.HandleFunc(r.Method+" "+r.Pattern, func(w http.ResponseWriter, req *http.Request) {
			if err := r.Handle(w, req); err != nil {
				_ = kit.WriteError(w, req, r.Form, err, "REF")
			}
		})
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if scripted {
		r.Header.Set("X-Berth", "1")
	}
	r = r.WithContext(kit.WithViewer(r.Context(), account.Viewer{User: account.User{ID: account.UserID(who), PVEUser: who + "@pve"}}))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func filled(more ...string) url.Values {
	v := url.Values{"key": {key}, "seen": {"web1"}}
	for i := 0; i < len(more); i += 2 {
		v.Add(more[i], more[i+1])
	}
	return v
}

func TestPagesThatAsk(t *testing.T) {
	f := newFake()
	f.busy = map[fleet.ContainerID]fleet.Busy{{Cluster: "c1", VMID: 105}: {Doing: "Starting", By: "kim@pve"}}
	for name, path := range map[string]string{
		"stop": "/containers/c1/104/stop", "reboot": "/containers/c1/104/reboot", "shutdown": "/containers/c1/104/shutdown", "delete": "/containers/c1/104/delete",
		"start-busy": "/containers/c1/105/start", "delete-hostile": "/containers/c1/106/delete", "start-running": "/containers/c1/104/start",
	} {
		v := strings.Split(path, "/")
		r := httptest.NewRequest("GET", path, nil)
		r.SetPathValue("cluster", v[2])
		r.SetPathValue("vmid", v[3])
		r.SetPathValue("action", v[4])
		r = r.WithContext(kit.WithViewer(r.Context(), account.Viewer{User: account.User{ID: "me"}}))
		target, err := f.pages().targetOf(r)
		if err != nil {
			t.Fatal(err)
		}
		view := askView{target: target, form: form{Seen: target.container.Name(), Key: key, Back: "/"}}
		if name == "delete" {
			view.Disks = f.pages().o.Disks("me", target.container.ID)
		}
		var b bytes.Buffer
		if err := askPage(view).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
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

func TestOneActionIsSentOnce(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		body   url.Values
		want   fleet.Choices
		status int
		to     string
	}{
		"at once":              {"/containers/c1/104/shutdown", filled("back", "/?q=web"), fleet.Choices{}, 303, "/?q=web"},
		"without a way back":   {"/containers/c1/104/suspend", filled(), fleet.Choices{}, 303, "/jobs/j1"},
		"with choices":         {"/containers/c1/104/shutdown", filled("timeout", "90", "force", "on", "asked", "1"), fleet.Choices{Timeout: 90 * time.Second, Force: true}, 303, "/jobs/j1"},
		"delete what runs":     {"/containers/c1/104/delete", filled("name", "web1", "stop", "on", "purge", "on", "disks", "on", "back", "/x"), fleet.Choices{StopFirst: true, Purge: true, UnreferencedDisks: true}, 303, "/jobs/j1"},
		"delete what does not": {"/containers/c1/105/delete", url.Values{"key": {key}, "seen": {"web2"}, "name": {" web2 "}}, fleet.Choices{}, 303, "/jobs/j1"},
	} {
		f := newFake()
		w := f.ask(t, "me", "POST", c.path, c.body, false)
		if w.Code != c.status || w.Header().Get("Location") != c.to || len(f.asked) != 1 {
			t.Errorf("%s: %d to %q, asked %d times", name, w.Code, w.Header().Get("Location"), len(f.asked))
			continue
		}
		r := f.asked[0]
		if r.Choices != c.want || r.Once != string(r.Action)+":"+key || r.Names[r.Targets[0]] != c.body.Get("seen") || !strings.Contains(c.path, string(r.Action)) {
			t.Errorf("%s: asked %+v", name, r)
		}
	}
}

func TestAScriptGetsDataOrAPart(t *testing.T) {
	f := newFake()
	w := f.ask(t, "me", "POST", "/containers/c1/104/shutdown", filled(), true)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"text":"Shutting down web1."`) || !strings.Contains(w.Body.String(), `"job":"/jobs/j1"`) {
		t.Errorf("accepted: %d %s", w.Code, w.Body)
	}
	f.refuse = problem.New(problem.Conflict, "web1 does not run.", "")
	w = f.ask(t, "me", "POST", "/containers/c1/104/shutdown", filled(), true)
	if w.Code != 409 || !strings.Contains(w.Body.String(), `"error":"web1 does not run."`) {
		t.Errorf("refused: %d %s", w.Code, w.Body)
	}
	w = f.ask(t, "me", "POST", "/containers/c1/104/stop", filled("asked", "1"), true)
	if w.Code != 409 || !strings.HasPrefix(w.Body.String(), `<div class="ask"`) || !strings.Contains(w.Body.String(), "web1 does not run.") || strings.Contains(w.Body.String(), key) {
		t.Errorf("refused in a dialog: %d %s", w.Code, w.Body)
	}
	w = f.ask(t, "me", "GET", "/containers/c1/104/stop", nil, true)
	if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `<div class="ask" data-title="Stop web1?"`) {
		t.Errorf("a dialog's part: %d %s", w.Code, w.Body)
	}
}

func TestWhatTheFormCouldNotHaveSent(t *testing.T) {
	long := strings.Repeat("x", 2001)
	for name, c := range map[string]struct {
		path string
		body url.Values
		says string
		code int
	}{
		"no mark":               {"/containers/c1/104/stop", url.Values{"seen": {"web1"}}, "no mark of its own", 422},
		"a mark of other stuff": {"/containers/c1/104/stop", url.Values{"seen": {"web1"}, "key": {"../../../../../../../etc"}}, "no mark of its own", 422},
		"not said for whom":     {"/containers/c1/104/stop", url.Values{"key": {key}}, "which container it was made for", 422},
		"a field of another":    {"/containers/c1/104/stop", filled("purge", "on"), "none of its own", 422},
		"a field twice":         {"/containers/c1/104/stop", filled("seen", "web1"), "is there twice", 422},
		"a field too long":      {"/containers/c1/104/stop", filled("back", "/"+long), "is too long", 422},
		"a way out":             {"/containers/c1/104/stop", filled("back", "https://evil.example/"), "is not Berth", 422},
		"a box of another sort": {"/containers/c1/104/delete", filled("name", "web1", "stop", "yes"), "a value that it cannot have", 422},
		"no number":             {"/containers/c1/104/shutdown", filled("timeout", "soon"), "Seconds from 1 to 3600.", 422},
		"too long a time":       {"/containers/c1/104/shutdown", filled("timeout", "3601"), "Seconds from 1 to 3600.", 422},
		"another name typed":    {"/containers/c1/104/delete", filled("name", "web2", "stop", "on"), "Type “web1”", 422},
		"runs":                  {"/containers/c1/104/delete", filled("name", "web1"), "web1 runs: it is deleted only", 422},
		"renamed meanwhile":     {"/containers/c1/105/start", filled(), "is called “web2” now; the page showed “web1”. Nothing was done.", 409},
	} {
		for _, scripted := range []bool{false, true} {
			f := newFake()
			w := f.ask(t, "me", "POST", c.path, c.body, scripted)
			said := strings.NewReplacer("&#34;", `"`, "&#39;", "'").Replace(w.Body.String())
			if scripted && c.body.Get("asked") == "" && !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
				t.Errorf("%s: a script gets %s", name, w.Header().Get("Content-Type"))
			}
			if w.Code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("%s: %d, and not %q:\n%s", name, w.Code, c.says, said)
			}
			if len(f.asked) > 0 {
				t.Errorf("%s: it was done", name)
			}
		}
	}
}

func TestAnothersAndNobodysAreTheSame(t *testing.T) {
	f := newFake()
	for _, method := range []string{"GET", "POST"} {
		nowhere := f.ask(t, "you", method, "/containers/c9/104/stop", filled(), false)
		for _, path := range []string{"/containers/c1/104/stop", "/containers/c1/999/stop", "/containers/c1/0104/stop", "/containers/c1/x/stop", "/containers/c1/104/explode", "/containers/c1/99/stop"} {
			w := f.ask(t, "you", method, path, filled(), false)
			if w.Code != 404 || bare(w, path) != bare(nowhere, "/containers/c9/104/stop") {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	if w := f.ask(t, "you", "POST", "/actions", url.Values{"key": {key}, "action": {"stop"}, "id": {"c1/104"}}, false); w.Code != 404 {
		t.Errorf("many: %d", w.Code)
	}
	if len(f.asked)+len(f.planned) > 0 {
		t.Error("something of another's was done")
	}
}

// bare is an answer without what differs between any two.
func bare(w *httptest.ResponseRecorder, path string) string {
	return regexp.MustCompile(`data-made="[^"]*"`).ReplaceAllString(strings.ReplaceAll(w.Body.String(), path, ""), "")
}

func TestManyBecomeAPlan(t *testing.T) {
	f := newFake()
	for range fleet.MaxTargets - 1 { // steps that prepare others come first, and are no containers
		f.steps = append(f.steps, job.Step{Job: "j0", Kind: "prepare"})
	}
	f.steps = append(f.steps, job.Step{Job: "j0", Kind: "stop", Subject: "c1/104"}, job.Step{Job: "j0", Kind: "stop", Subject: "c1/105"})
	for name, c := range map[string]struct {
		body url.Values
		want int
	}{
		"by hand":          {url.Values{"id": {"c1/104", "c1/105", "c1/104"}}, 2},
		"all that match":   {url.Values{"all": {"1"}, "q": {"web"}}, 2},
		"all":              {url.Values{"all": {"1"}, "id": {"c1/104"}}, 3},
		"of a plan before": {url.Values{"plan": {"j0"}}, 2},
	} {
		f.planned = nil
		c.body.Set("key", key)
		c.body.Set("action", "stop")
		w := f.ask(t, "me", "POST", "/actions", c.body, false)
		if w.Code != 303 || w.Header().Get("Location") != "/jobs/j2" || len(f.planned) != 1 || len(f.planned[0].Targets) != c.want {
			t.Errorf("%s: %d to %q: %+v", name, w.Code, w.Header().Get("Location"), f.planned)
		}
	}
	for name, body := range map[string]url.Values{
		"nothing chosen":  {"action": {"stop"}, "key": {key}},
		"no such action":  {"action": {"explode"}, "key": {key}, "id": {"c1/104"}},
		"no mark":         {"action": {"stop"}, "id": {"c1/104"}},
		"an odd name":     {"action": {"stop"}, "key": {key}, "id": {"c1/../104"}},
		"a foreign field": {"action": {"stop"}, "key": {key}, "id": {"c1/104"}, "purge": {"on"}},
		"nothing matches": {"action": {"stop"}, "key": {key}, "all": {"1"}, "q": {"nothing"}},
		"an odd box":      {"action": {"delete"}, "key": {key}, "id": {"c1/104"}, "purge": {"1"}},
		"an endless time": {"action": {"shutdown"}, "key": {key}, "id": {"c1/104"}, "timeout": {"9999999"}},
		"two actions":     {"action": {"stop", "start"}, "key": {key}, "id": {"c1/104"}},
	} {
		f.planned = nil
		if w := f.ask(t, "me", "POST", "/actions", body, false); w.Code != 422 || len(f.planned) > 0 {
			t.Errorf("%s: %d, planned %v", name, w.Code, f.planned)
		}
	}
	if w := f.ask(t, "me", "POST", "/actions", url.Values{"action": {"stop"}, "key": {key}, "plan": {"another's"}}, false); w.Code != 404 {
		t.Errorf("another's plan: %d", w.Code)
	}
}

func TestChoosingAmongManyWithoutScript(t *testing.T) {
	f := newFake()
	w := f.ask(t, "me", "GET", "/actions?q=web&evil=1", nil, false)
	body := w.Body.String()
	for _, want := range []string{`value="c1/104"`, `value="c1/105"`, `name="q" value="web"`, "All 2, whatever", "None of these can be resumed now."} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(body, `name="evil"`) || strings.Contains(body, "c1/106") {
		t.Error("the page has what was not asked for")
	}
	if !strings.Contains(f.ask(t, "me", "GET", "/actions?q=nothing", nil, false).Body.String(), "No container matches") {
		t.Error("nothing is not said to be nothing")
	}
}
