package containers

import (
	"bytes"
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"berth/internal/account"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// anew are parts of a page that differ each time it is drawn.
var anew = regexp.MustCompile(`data-look="[^"]*"|name="key" value="[^"]*"`)

func request(owner, method, target string, form url.Values) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/containers/"), "/")
	r.SetPathValue("cluster", parts[0])
	if len(parts) > 1 {
		r.SetPathValue("vmid", parts[1])
	}
	return r.WithContext(kit.WithViewer(r.Context(), account.Viewer{User: account.User{ID: account.UserID(owner)}}))
}

// body is a page without its frame, with each element on a line of its own.
func body(t *testing.T, w *world, target string) string {
	t.Helper()
	p := w.pages()
	defer p.Close()
	r := request("ann", "GET", target, nil)
	v, err := p.find(r)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if strings.Contains(target, "/events") {
		tl, err := p.timeline(context.Background(), v, askOf(r.URL.Query()))
		if err != nil {
			t.Fatal(err)
		}
		err = eventsPage(v, tl).Render(context.Background(), &b)
		if err != nil {
			t.Fatal(err)
		}
	} else {
		f := v.frameOf(tabOverview)
		if err := f.Under.Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		if f.Actions != nil {
			if err := f.Actions.Render(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
		}
		if err := overview(v).Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
	return strings.ReplaceAll(anew.ReplaceAllString(b.String(), ""), "><", ">\n<")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
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
		w, g := strings.Split(string(want), "\n"), strings.Split(got, "\n")
		for i := range min(len(w), len(g)) {
			if w[i] != g[i] {
				t.Fatalf("the page differs from %s (-update writes it anew):\n- %s\n+ %s", file, w[i], g[i])
			}
		}
		t.Fatalf("the page differs from %s: one is longer", file)
	}
}

func TestPagesAreDrawnAsBefore(t *testing.T) {
	for name, w := range worlds() {
		t.Run(name, func(t *testing.T) { golden(t, name, body(t, w, "/containers/c1/104")) })
	}
	for name, query := range map[string]string{
		"events": "", "events-of-proxmox-that-went-wrong": "?from=proxmox&result=bad", "events-nothing": "?q=no-such-thing",
		"events-log":          "?task=" + url.QueryEscape("UPID:pve1:00000004:00000000:00000000:vzdump:104:root@pam:"),
		"events-log-not-read": "?task=" + url.QueryEscape("UPID:pve1:00000005:00000000:00000000:vzmigrate:104:root@pam:"),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, body(t, past(), "/containers/c1/104/events"+query)) })
	}
	t.Run("events-empty", func(t *testing.T) { golden(t, "events-empty", body(t, running(), "/containers/c1/104/events")) })
}

func TestNothingForeignBecomesMarkup(t *testing.T) {
	for _, page := range []string{body(t, worlds()["hostile"], "/containers/c1/104"), body(t, past(), "/containers/c1/104/events")} {
		if strings.Contains(page, "<img") || strings.Contains(page, "<script>") || strings.Contains(page, `href="javascript`) || strings.Contains(page, "u:p@") && strings.Contains(page, `href="https://u`) {
			t.Errorf("foreign text became markup:\n%s", page)
		}
	}
}

func TestWhatEachStateSays(t *testing.T) {
	all := worlds()
	for name, wants := range map[string][]string{
		"running":       {"12 MiB/s in, 512 KiB/s out", "10.0.20.110/24", "made inside the container", "read-only", "400 GiB", "yes, order 2, the next one waits 30 s"},
		"stopped":       {"Not running: its addresses are known only while it runs.", "Locked: backup", "Stopped"},
		"pending":       {"3 changes wait for the next start.", "after the next start", "not set", "removed"},
		"stale":         {"pve1 cannot be reached.", "No route to host", "20 min ago", "Running, as last seen"},
		"gone":          {"web1 is not in lab any more", "Not there any more", "/var/lib/postgresql"},
		"no-privileges": {"The token lacks VM.Audit on /vms/104"},
		"unseen":        {"Being read…", "Not read yet."},
		"busy":          {"Stopping, ann@pve"},
	} {
		page := body(t, all[name], "/containers/c1/104")
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
	}
	if page := body(t, all["gone"], "/containers/c1/104"); strings.Contains(page, "action-bar") {
		t.Error("a container that is gone is offered actions")
	}
}

func TestWhoGetsWhichContainer(t *testing.T) {
	w := past()
	p := w.pages()
	defer p.Close()
	for _, c := range []struct{ owner, target string }{
		{"bob", "/containers/c1/104"}, {"ann", "/containers/c9/104"}, {"ann", "/containers/c1/105"}, {"ann", "/containers/c1/0104"},
		{"ann", "/containers/c1/99"}, {"ann", "/containers/c1/104x"}, {"bob", "/containers/c9/104"},
	} {
		if _, err := p.find(request(c.owner, "GET", c.target, nil)); !reflect.DeepEqual(problem.Of(err), problem.Missing()) {
			t.Errorf("%s at %s: %v", c.owner, c.target, err)
		}
	}
	w.cluster().Containers = nil
	w.detail = &fleet.Detail{ID: web1}
	if _, err := p.find(request("ann", "GET", "/containers/c1/104", nil)); err != nil {
		t.Errorf("a gone container that has a past: %v", err)
	}
	w.steps, w.tasks = nil, nil
	if _, err := p.find(request("ann", "GET", "/containers/c1/104", nil)); !problem.Is(err, problem.NotFound) {
		t.Errorf("one that nothing is known of: %v", err)
	}
}

func TestGetsAskNobody(t *testing.T) {
	w := past()
	p := w.pages()
	defer p.Close()
	for _, h := range []kit.Handler{p.overview, p.events} {
		if err := h(httptest.NewRecorder(), request("ann", "GET", "/containers/c1/104?frame=year", nil)); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(w.asked, " "); got != "look look" {
		t.Errorf("a page that was made did %q", got)
	}
}

func TestReadNowComesBack(t *testing.T) {
	w := running()
	p := w.pages()
	defer p.Close()
	rec := httptest.NewRecorder()
	if err := p.read(rec, request("ann", "POST", "/containers/c1/104/read", url.Values{"frame": {"week"}})); err != nil {
		t.Fatal(err)
	}
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/containers/c1/104?frame=week" || strings.Join(w.asked, ",") != "read c1/104 week" {
		t.Errorf("%d to %s, asked %v", rec.Code, rec.Header().Get("Location"), w.asked)
	}
	w.refuse = errBudget
	rec = httptest.NewRecorder()
	if err := p.read(rec, request("ann", "POST", "/containers/c1/104/read", nil)); err != nil || rec.Header().Get("Location") != "/containers/c1/104" || rec.Header().Get("Set-Cookie") == "" {
		t.Errorf("a refusal is not told: %v, %v", err, rec.Header())
	}
	if err := p.read(httptest.NewRecorder(), request("bob", "POST", "/containers/c1/104/read", nil)); !problem.Is(err, problem.NotFound) {
		t.Errorf("another's: %v", err)
	}
	rec = httptest.NewRecorder()
	w.refuse = nil
	if err := p.readLog(rec, request("ann", "POST", "/containers/c1/104/tasks/log", url.Values{"task": {"UPID:x"}})); err != nil || rec.Header().Get("Location") != "/containers/c1/104/events?task=UPID%3Ax" {
		t.Errorf("%v, %v", err, rec.Header())
	}
}
