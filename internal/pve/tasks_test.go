package pve

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"berth/internal/problem"
)

var (
	taskStatusPath = regexp.MustCompile(`^/nodes/[^/]+/tasks/([^/]+)/status$`)
	taskLogPath    = regexp.MustCompile(`^/nodes/[^/]+/tasks/([^/]+)/log$`)
	nodeTasksPath  = regexp.MustCompile(`^/nodes/([^/]+)/tasks$`)
)

func mustUPID(t *testing.T, s string) UPID {
	t.Helper()
	u, err := ParseUPID(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRecordedTasks(t *testing.T) {
	var p playback
	_, c := served(t, p.answer)
	for _, file := range recordings {
		var running, ok, failed, warned, lines, rows int
		for _, x := range recorded(t, file) {
			if x.Method != "GET" || x.Status != 200 {
				continue
			}
			p.now = x
			x.Path, _ = url.PathUnescape(x.Path) // one was asked percent-encoded, as Berth does
			if m := taskStatusPath.FindStringSubmatch(x.Path); m != nil {
				s, err := c.TaskStatus(t.Context(), mustUPID(t, m[1]))
				switch {
				case err != nil:
					t.Errorf("%s: %v", x.Case, err)
				case s.Running:
					running++
				case s.Warnings > 0:
					warned++
				case s.OK:
					ok++
				default:
					failed++
				}
				why := ExplainExit(s.Exit, s.UPID)
				if s.Running == (s.Exit != "") || s.User == "" || s.StartedAt.IsZero() || !s.Running && s.OK != (why == nil) {
					t.Errorf("%s: %+v %v", x.Case, s, why)
				}
			}
			if m := taskLogPath.FindStringSubmatch(x.Path); m != nil && strings.HasPrefix(x.bodyText(), "{") {
				l, total, err := c.TaskLog(t.Context(), mustUPID(t, m[1]), 0, 0)
				if err != nil || total < len(l) {
					t.Errorf("%s: %d of %d lines, %v", x.Case, len(l), total, err)
				}
				lines += len(l)
			}
			if m := nodeTasksPath.FindStringSubmatch(x.Path); m != nil {
				l, err := c.NodeTasks(t.Context(), m[1], TaskFilter{})
				if whole(t, l, err) != nil || l.Total < len(l.Rows) {
					t.Errorf("%s: %+v %v", x.Case, l, err)
				}
				rows += len(l.Rows)
			}
		}
		t.Logf("%s: %d run, %d ok, %d with warnings, %d failed, %d lines, %d rows", file, running, ok, warned, failed, lines, rows)
		if running == 0 || ok == 0 || warned+failed == 0 {
			t.Errorf("%s has not all sorts of tasks", file)
		}
	}
}

func TestTaskStatus(t *testing.T) {
	u := mustUPID(t, aUPID)
	for name, tc := range map[string]struct {
		answer func(io.Writer, *http.Request) bool
		want   TaskStatus
		kind   problem.Kind
	}{
		"runs":                          {answer: data(`{"status":"running","user":"root@pam","tokenid":"berth"}`), want: TaskStatus{Running: true}},
		"runs, with an end from before": {answer: data(`{"status":"running","exitstatus":"OK"}`), want: TaskStatus{Running: true}},
		"ok":                            {answer: data(`{"status":"stopped","exitstatus":"OK"}`), want: TaskStatus{OK: true, Exit: "OK"}},
		"warnings":                      {answer: data(`{"status":"stopped","exitstatus":"WARNINGS: 3"}`), want: TaskStatus{OK: true, Warnings: 3, Exit: "WARNINGS: 3"}},
		"failed":                        {answer: data(`{"status":"stopped","exitstatus":"CT is locked (backup)"}`), want: TaskStatus{Exit: "CT is locked (backup)"}},
		"no result":                     {answer: data(`{"status":"stopped"}`)},
		"markup":                        {answer: data(`{"status":"stopped","exitstatus":"a\u001b]0;x\u0007\u202eb"}`), want: TaskStatus{Exit: "a ]0;x b"}},
		"unknown": {answer: says(400, "Parameter verification failed.", `{"message":"Parameter verification failed.\n","data":null,"errors":{"upid":"no such task"}}`),
			kind: problem.Forgotten},
		"refused upid": {answer: says(400, "Parameter verification failed.", `{"data":null,"errors":{"upid":"unable to parse worker upid"}}`), kind: problem.Parameters},
		"odd":          {answer: data(`{"status":"dancing"}`), kind: problem.Garbled},
		"null":         {answer: data(`null`), kind: problem.Garbled},
		"node down":    {answer: says(595, "No route to host", ""), kind: problem.NodeDown},
	} {
		t.Run(name, func(t *testing.T) {
			f, c := served(t, tc.answer)
			got, err := c.TaskStatus(t.Context(), u)
			if tc.kind != "" {
				wants(t, err, tc.kind)
				return
			}
			tc.want.UPID, tc.want.StartedAt, tc.want.User, tc.want.Token = u, u.StartedAt, "root@pam", "berth"
			if err != nil || got.UPID != u || got.Running != tc.want.Running || got.Exit != tc.want.Exit || got.OK != tc.want.OK ||
				got.Warnings != tc.want.Warnings || got.User != "root@pam" || !got.StartedAt.Equal(u.StartedAt) {
				t.Errorf("%+v %v, want %+v", got, err, tc.want)
			}
			if path := f.seen()[0].URL.Path; path != "/api2/json/nodes/pve1/tasks/"+aUPID+"/status" {
				t.Errorf("asked %s", path)
			}
		})
	}
}

func TestTaskLog(t *testing.T) {
	u := mustUPID(t, aUPID)
	long := strings.Repeat("é", maxLine)
	for name, tc := range map[string]struct {
		body  string
		start int
		want  []string
		total int
		kind  problem.Kind
	}{
		"lines":                               {body: `{"data":[{"n":1,"t":"a"},{"t":"\tb","n":"2"}],"total":"2"}`, want: []string{"a", "\tb"}, total: 2},
		"a page":                              {body: `{"data":[{"n":6,"t":"a"}],"total":19}`, start: 5, want: []string{"a"}, total: 19},
		"without total":                       {body: `{"data":[{"n":6,"t":"a"}]}`, start: 5, want: []string{"a"}, total: 6},
		"past the end":                        {body: `{"data":[],"total":19}`, start: 1000, total: 1000},
		"empty so far":                        {body: `{"data":[{"n":1,"t":"no content"}],"total":1}`},
		"empty so far, asked from further on": {body: `{"data":[{"n":1,"t":"no content"}],"total":1}`, start: 30},
		"says no content among others":        {body: `{"data":[{"n":1,"t":"no content"},{"n":2,"t":"TASK OK"}],"total":2}`, want: []string{"no content", "TASK OK"}, total: 2},
		"rotated away":                        {body: `{"data":[{"n":1,"t":"unable to open file - No such file or directory"}],"total":1}`, kind: problem.Forgotten},
		"rotated while it was read":           {body: `{"data":[{"n":1,"t":"unable to open file - No such file or directory"}],"total":1}`, start: 40, kind: problem.Forgotten},
		"a task that could not open a file": {body: `{"data":[{"n":1,"t":"unable to open file - Permission denied"},{"n":2,"t":"TASK ERROR: x"}],"total":2}`,
			want: []string{"unable to open file - Permission denied", "TASK ERROR: x"}, total: 2},
		"hostile": {body: `{"data":[{"n":1,"t":"\u001b[31mred\u001b[0m \u001b]52;c;eA==\u0007<b>\u202e\r\n"},7,{"t":"no number"},{"n":2,"t":null}],"total":2}`,
			want: []string{"\x1b[31mred\x1b[0m ␛]52;c;eA==␇<b>‹202E›", ""}, total: 2},
		"over-long":          {body: `{"data":[{"n":1,"t":"` + long + `"}],"total":1}`, want: []string{long[:maxLine] + "…"}, total: 1},
		"a string for a log": {body: `{"data":"text"}`, kind: problem.Garbled},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := served(t, says(200, "OK", tc.body))
			lines, total, err := c.TaskLog(t.Context(), u, tc.start, 100)
			if tc.kind != "" {
				if p := wants(t, err, tc.kind); p.Remedy == "" {
					t.Errorf("%q", p.Sentence())
				}
				return
			}
			var got []string
			for _, l := range lines {
				got = append(got, l.Text)
			}
			if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.want) || total != tc.total {
				t.Errorf("%.300q of %d, %v", got, total, err)
			}
		})
	}
}

func TestTaskLogAsksForBoundedPages(t *testing.T) {
	f, c := served(t, says(200, "OK", `{"data":[],"total":0}`))
	for in, want := range map[[2]int]string{{0, 0}: "limit=5000&start=0", {-3, 50}: "limit=50&start=0", {70, 1 << 30}: "limit=5000&start=70"} {
		before := len(f.seen())
		if _, _, err := c.TaskLog(t.Context(), mustUPID(t, aUPID), in[0], in[1]); err != nil {
			t.Fatal(err)
		}
		if got := f.seen()[before].Form.Encode(); got != want {
			t.Errorf("%v asks %q, want %q", in, got, want)
		}
	}
}

func TestTasksOfNobodyAreNotAsked(t *testing.T) {
	f, c := served(t, data(`{}`))
	good := mustUPID(t, aUPID)
	for _, edit := range []func(*UPID){
		func(u *UPID) { *u = UPID{} },
		func(u *UPID) { u.Node = "../x" },
		func(u *UPID) { u.Type = "a/b" },
		func(u *UPID) { u.ID = "1:2" },
		func(u *UPID) { u.User = "" },
	} {
		u := good
		edit(&u)
		if _, err := c.TaskStatus(t.Context(), u); !problem.Is(err, problem.Invalid) {
			t.Errorf("status of %+v: %v", u, err)
		}
		if _, _, err := c.TaskLog(t.Context(), u, 0, 0); !problem.Is(err, problem.Invalid) {
			t.Errorf("log of %+v: %v", u, err)
		}
	}
	if len(f.seen()) != 0 {
		t.Error("something was asked")
	}
}
