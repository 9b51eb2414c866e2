package pve

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
)

// exchange is one recorded request and answer of a real node.
type exchange struct {
	Case   string            `json:"case"`
	Method string            `json:"method"`
	Path   string            `json:"path"`
	Status int               `json:"status"`
	Reason string            `json:"reason"`
	Header map[string]string `json:"headers"`
	Body   json.RawMessage   `json:"body"`
}

// recorded reads a file of recordings, which lie beside the project and not in it.
func recorded(t *testing.T, file string) []exchange {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "pve", file)
	for range 3 { // from the project's folder, and from a checkout one level deeper
		if _, err := os.Stat(path); err == nil {
			break
		}
		path = filepath.Join("..", path)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("left out: the recordings of real nodes (%s) are not beside the project", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	in := bufio.NewReader(z)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			var x exchange
			if err := json.Unmarshal(line, &x); err != nil {
				t.Fatal(err)
			}
			all = append(all, x)
		}
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// bodyText is the body as it was on the wire: JSON, or a plain string.
func (x exchange) bodyText() string {
	var s string
	if json.Unmarshal(x.Body, &s) == nil {
		return s
	}
	return string(x.Body)
}

var recordings = []string{"recorded-live-9.2.jsonl.gz", "recorded-permissive.jsonl.gz"}

// reads are the calls that only read, by path; each must decode every recorded success whole.
var reads = []struct {
	path *regexp.Regexp
	call func(t *testing.T, c *Client, m []string) error
}{
	{regexp.MustCompile(`^/version$`), func(t *testing.T, c *Client, _ []string) error {
		v, err := c.Version(t.Context())
		if err == nil && !v.AtLeast(6, 0) {
			t.Errorf("version %+v", v)
		}
		return err
	}},
	{regexp.MustCompile(`^/access/domains$`), func(t *testing.T, c *Client, _ []string) error {
		realms, err := c.Domains(t.Context())
		if err == nil && len(realms) < 2 {
			t.Errorf("realms %+v", realms)
		}
		return err
	}},
	{regexp.MustCompile(`^/access/permissions$`), func(t *testing.T, c *Client, _ []string) error {
		_, err := c.Permissions(t.Context())
		return err
	}},
	{regexp.MustCompile(`^/access/roles$`), func(t *testing.T, c *Client, _ []string) error {
		roles, err := c.Roles(t.Context())
		if err == nil && len(roles) < 10 {
			t.Errorf("roles %+v", roles)
		}
		return err
	}},
	{regexp.MustCompile(`^/cluster/status$`), func(t *testing.T, c *Client, _ []string) error {
		s, err := c.ClusterStatus(t.Context())
		if err == nil && (s.Local() == "" || s.Standalone == (s.Name != "")) {
			t.Errorf("status %+v", s)
		}
		return err
	}},
	{regexp.MustCompile(`^/cluster/config/join$`), func(t *testing.T, c *Client, _ []string) error {
		j, err := c.JoinInfo(t.Context())
		if err == nil && (len(j.Members) == 0 || len(j.Members[0].Fingerprint) != 95) {
			t.Errorf("join %+v", j)
		}
		return err
	}},
	{regexp.MustCompile(`^/cluster/resources$`), func(t *testing.T, c *Client, _ []string) error {
		l, err := c.Resources(t.Context())
		return whole(t, l, err)
	}},
	{regexp.MustCompile(`^/cluster/tasks$`), func(t *testing.T, c *Client, _ []string) error {
		l, err := c.ClusterTasks(t.Context())
		return whole(t, l, err)
	}},
	{regexp.MustCompile(`^/nodes$`), func(t *testing.T, c *Client, _ []string) error {
		l, err := c.Nodes(t.Context())
		return whole(t, l, err)
	}},
	{regexp.MustCompile(`^/nodes/([^/]+)/status$`), func(t *testing.T, c *Client, m []string) error {
		s, err := c.NodeStatus(t.Context(), m[1])
		if err == nil && (s.CPUs == 0 || s.MaxMem == 0 || !strings.HasPrefix(s.Version, "9.")) {
			t.Errorf("status %+v", s)
		}
		return err
	}},
	{regexp.MustCompile(`^/nodes/([^/]+)/version$`), func(t *testing.T, c *Client, m []string) error {
		_, err := c.NodeVersion(t.Context(), m[1])
		return err
	}},
	{regexp.MustCompile(`^/nodes/([^/]+)/lxc$`), func(t *testing.T, c *Client, m []string) error {
		l, err := c.NodeLXC(t.Context(), m[1])
		return whole(t, l, err)
	}},
	{regexp.MustCompile(`^/nodes/([^/]+)/lxc/(\d+)/status/current$`), func(t *testing.T, c *Client, m []string) error {
		g, err := c.Current(t.Context(), m[1], number1(t, m[2]))
		if err == nil && (g.CPU < 0 || g.MaxMem == 0 || g.Status == "running" && g.Uptime < 0) {
			t.Errorf("current %+v", g)
		}
		return err
	}},
	{regexp.MustCompile(`^/nodes/([^/]+)/lxc/(\d+)/interfaces$`), func(t *testing.T, c *Client, m []string) error {
		_, err := c.Interfaces(t.Context(), m[1], number1(t, m[2]))
		return err
	}},
}

func number1(t *testing.T, s string) fleet.VMID {
	t.Helper()
	id, ok := vmid(value{kind: text, text: s})
	if !ok {
		t.Fatalf("%s is no VMID", s)
	}
	return id
}

// whole fails when a list of a real node lost anything.
func whole[T any](t *testing.T, l List[T], err error) error {
	t.Helper()
	if l.Skipped > 0 || l.Cut || l.Shortened > 0 {
		t.Errorf("skipped %d, cut %v, shortened %d of %d rows", l.Skipped, l.Cut, l.Shortened, len(l.Rows))
	}
	return err
}

// playback is a server that gives the recorded answer it was last loaded with.
type playback struct{ now exchange }

func (p *playback) answer(w io.Writer, _ *http.Request) bool {
	body := p.now.bodyText()
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nServer: pve-api-daemon/3.0\r\nContent-Length: %d\r\n", p.now.Status, p.now.Reason, len(body))
	if strings.HasPrefix(body, "{") {
		head += "Content-Type: application/json;charset=UTF-8\r\n"
	}
	_, _ = io.WriteString(w, head+"\r\n"+body)
	return true
}

func TestRecordedReadsDecode(t *testing.T) {
	var p playback
	_, c := served(t, p.answer)
	for _, file := range recordings {
		tried := map[string]int{}
		for _, x := range recorded(t, file) {
			if x.Method != "GET" || x.Status != 200 {
				continue
			}
			for _, r := range reads {
				m := r.path.FindStringSubmatch(x.Path)
				if m == nil {
					continue
				}
				tried[r.path.String()]++
				p.now = x
				if err := r.call(t, c, m); err != nil {
					t.Errorf("%s: %s %s: %v", file, x.Case, x.Path, err)
				}
			}
		}
		t.Logf("%s: %v", file, tried)
		if len(tried) == 0 {
			t.Errorf("%s has none of the calls", file)
		}
	}
}

// recordedKind says what kind a recorded failure is, from what proxmox.md says
// of it and not from the code under test.
func recordedKind(x exchange) problem.Kind {
	read := x.Method == "GET"
	switch x.Status {
	case 400:
		return problem.Parameters
	case 401:
		return problem.Unauthorized
	case 403:
		return problem.Forbidden
	case 501:
		return problem.Unsupported
	case 595:
		return problem.NodeDown
	case 596:
		if read || strings.Contains(x.Reason, "certificate") {
			return problem.NodeBroken
		}
		return problem.OutcomeUnknown
	}
	for said, kind := range map[string]problem.Kind{
		"quorum": problem.QuorumLost, "Permission denied": problem.QuorumLost, // /etc/pve is read-only without it
		"Configuration file": problem.Gone, "protection": problem.Protected, "is locked": problem.Busy, "got timeout": problem.Busy,
		"already running": problem.State, "not running": problem.State, "is running": problem.State,
	} {
		if strings.Contains(x.Reason, said) {
			return kind
		}
	}
	return problem.Failed
}

var nodeOf = regexp.MustCompile(`^/nodes/([^/]+)`)

func TestRecordedFailures(t *testing.T) {
	var p playback
	_, c := served(t, p.answer)
	for _, file := range recordings {
		kinds := map[problem.Kind]int{}
		for _, x := range recorded(t, file) {
			if x.Status < 400 || x.Method == "HEAD" {
				continue
			}
			p.now = x
			call := call{method: x.Method, path: strings.ReplaceAll(x.Path, "!", "%21"), doing: "doing what was recorded", limit: maxAnswerBytes}
			if m := nodeOf.FindStringSubmatch(x.Path); m != nil {
				call.node = m[1]
			}
			if x.Path == "/access/ticket" && x.Method == "POST" {
				call.login = true
			}
			err := c.change(t.Context(), call)
			got := wants(t, err, recordedKind(x))
			kinds[got.Kind]++
			if got.Kind == problem.Parameters && strings.Contains(x.bodyText(), `"errors"`) && len(got.Fields) == 0 {
				t.Errorf("%s: no fields in %+v", x.Case, got)
			}
			if strings.HasPrefix(x.Reason, "Permission check failed (/") && got.Privilege == "" {
				t.Errorf("%s: no privilege in %q", x.Case, x.Reason)
			}
			if strings.HasPrefix(x.Path, "/nodes/") && got.Node != call.node {
				t.Errorf("%s: node %q, want %q", x.Case, got.Node, call.node)
			}
			if first := words(strings.Split(x.Reason, "\n")[0]); got.Kind == problem.Failed && !strings.Contains(got.Proxmox, first) && !strings.Contains(first, "500 ") {
				t.Errorf("%s: Proxmox's words %q are not in %q", x.Case, x.Reason, got.Proxmox)
			}
		}
		t.Logf("%s: %v", file, kinds)
	}
}

func TestRecordedLogins(t *testing.T) {
	var p playback
	_, c := served(t, p.answer)
	for _, file := range recordings {
		n := 0
		for _, x := range recorded(t, file) {
			if x.Method != "POST" || x.Path != "/access/ticket" {
				continue
			}
			n++
			p.now = x
			l, err := c.SignIn(t.Context(), "root@pam", secret.New("a password"))
			switch {
			case x.Status == 200 && err != nil:
				t.Errorf("%s: %v", x.Case, err)
			case x.Status == 200 && (l.Username == "" || l.Ticket.Empty() || l.NeedTFA):
				t.Errorf("%s: %+v", x.Case, l)
			case x.Status != 200:
				wants(t, err, recordedKind(x))
			}
		}
		if n == 0 {
			t.Errorf("%s has no sign-in", file)
		}
	}
}
