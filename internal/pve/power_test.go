package pve

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

const aUPID = "UPID:pve1:0000FB74:0015053E:6A4AB624:vzstart:100:root@pam!berth:"

// actions are all writes on one container.
var actions = map[string]func(c *Client, ctx context.Context, node string, id fleet.VMID) (UPID, error){
	"start": (*Client).Start,
	"stop":  (*Client).Stop,
	"shutdown": func(c *Client, ctx context.Context, node string, id fleet.VMID) (UPID, error) {
		return c.Shutdown(ctx, node, id, PowerOptions{})
	},
	"reboot": func(c *Client, ctx context.Context, node string, id fleet.VMID) (UPID, error) {
		return c.Reboot(ctx, node, id, 0)
	},
	"suspend": (*Client).Suspend,
	"resume":  (*Client).Resume,
	"destroy": func(c *Client, ctx context.Context, node string, id fleet.VMID) (UPID, error) {
		return c.Destroy(ctx, node, id, DestroyOptions{})
	},
}

func TestActionsSendWhatWasAsked(t *testing.T) {
	f, c := served(t, data(`"`+aUPID+`"`))
	ctx := t.Context()
	for _, tc := range []struct {
		do   func() (UPID, error)
		want string // method, path below the node, parameters
	}{
		{func() (UPID, error) { return c.Start(ctx, "pve1", 100) }, "POST lxc/100/status/start "},
		{func() (UPID, error) { return c.Stop(ctx, "pve1", 100) }, "POST lxc/100/status/stop "},
		{func() (UPID, error) { return c.Shutdown(ctx, "pve1", 100, PowerOptions{}) }, "POST lxc/100/status/shutdown "},
		{func() (UPID, error) { return c.Shutdown(ctx, "pve1", 100, PowerOptions{Timeout: 90 * time.Second}) }, "POST lxc/100/status/shutdown timeout=90"},
		{func() (UPID, error) {
			return c.Shutdown(ctx, "pve1", 100, PowerOptions{Timeout: time.Millisecond, Force: true})
		}, "POST lxc/100/status/shutdown forceStop=1&timeout=1"},
		{func() (UPID, error) { return c.Reboot(ctx, "pve1", 100, 0) }, "POST lxc/100/status/reboot "},
		{func() (UPID, error) { return c.Reboot(ctx, "pve1", 100, 61*time.Second) }, "POST lxc/100/status/reboot timeout=61"},
		{func() (UPID, error) { return c.Suspend(ctx, "pve1", 100) }, "POST lxc/100/status/suspend "},
		{func() (UPID, error) { return c.Resume(ctx, "pve1", 100) }, "POST lxc/100/status/resume "},
		{func() (UPID, error) { return c.Destroy(ctx, "pve1", 100, DestroyOptions{}) }, "DELETE lxc/100 destroy-unreferenced-disks=0&purge=0"},
		{func() (UPID, error) {
			return c.Destroy(ctx, "pve1", 100, DestroyOptions{Purge: true, UnreferencedDisks: true})
		}, "DELETE lxc/100 destroy-unreferenced-disks=1&purge=1"},
	} {
		before := len(f.seen())
		u, err := tc.do()
		if err != nil || u.String() != aUPID {
			t.Fatalf("%s: %v %v", tc.want, u, err)
		}
		sent := f.seen()[before:]
		if len(sent) != 1 {
			t.Fatalf("%s: %d requests", tc.want, len(sent))
		}
		r := sent[0]
		if got := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api2/json/nodes/pve1/") + " " + r.Form.Encode(); got != tc.want {
			t.Errorf("sent %q, want %q", got, tc.want)
		}
		if r.Method == "DELETE" && r.ContentLength > 0 {
			t.Error("a DELETE with a body, which Proxmox refuses")
		}
	}
}

// TestActionsAreSentOnce: whatever becomes of the answer, nobody is asked a second time.
func TestActionsAreSentOnce(t *testing.T) {
	t.Parallel()
	lost := map[string]func(io.Writer, *http.Request) bool{
		"closed without an answer": raw(""),
		"half a status line":       raw("HTTP/1.1 2"),
		"half an answer":           raw(okHead + "Content-Length: 100\r\n\r\n{\"da"),
		"no JSON":                  says(200, "OK", `<html>`),
		"null for a UPID":          data(`null`),
		"an odd UPID":              data(`"UPID:../../x:"`),
		"a list for a UPID":        data(`[]`),
		"hangs":                    hang(""),
		"596 time":                 says(596, "Connection timed out", ""),
		"596 pipe":                 says(596, "Broken pipe", ""),
		"599":                      says(599, "Too many redirections", ""),
		"a proxy's 502":            raw("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
		"a proxy's 500":            raw("HTTP/1.1 500 Oops\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"),
		"a proxy's 524":            raw("HTTP/1.1 524 A Timeout Occurred\r\nContent-Length: 0\r\n\r\n"),
		"no content":               raw("HTTP/1.1 204 No Content\r\n\r\n"),
	}
	for _, verb := range slices.Sorted(maps.Keys(actions)) {
		for name, answer := range lost {
			if name == "hangs" && verb != "start" && verb != "destroy" {
				continue // a second each
			}
			t.Run(verb+" "+name, func(t *testing.T) {
				t.Parallel()
				f, g, c := pair(t, answer, data(`"`+aUPID+`"`))
				c.patience.whole, c.patience.firstByte = time.Second, 50*time.Millisecond
				_, err := actions[verb](c, t.Context(), "pve1", 100)
				p := wants(t, err, problem.OutcomeUnknown)
				if !strings.Contains(p.What, "CT 100") || !strings.Contains(p.What, "carried out or not") || p.Node != "pve1" {
					t.Errorf("says %q of node %q", p.What, p.Node)
				}
				if n, m := len(f.seen()), len(g.seen()); n != 1 || m != 0 {
					t.Errorf("%d requests at the first address, %d at the second", n, m)
				}
			})
		}
	}
}

// TestActionMeetsNoClosingConnection: a kept connection that Proxmox closes just
// then would leave nobody knowing; writes therefore have one of their own.
func TestActionMeetsNoClosingConnection(t *testing.T) {
	f, c := served(t, inTurn(says(200, "OK", version), data(`"`+aUPID+`"`), says(200, "OK", version), data(`"`+aUPID+`"`)))
	for range 2 {
		if _, err := c.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Start(t.Context(), "pve1", 100); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.connections(); n != 3 {
		t.Errorf("%d connections for two reads and two writes, want one for the reads and one for each write", n)
	}
}

func TestActionGoesOnWhereNothingWasSent(t *testing.T) {
	for verb, act := range actions {
		root := newCA(t)
		g := newFake(t, root.leaf(t, nil, "pve2", "127.0.0.1"), data(`"`+aUPID+`"`))
		a := authority.Authority{Addresses: []authority.Address{gone(t), g.address("pve2")}, Trust: root.trust()}
		if u, err := act(client(t, a), t.Context(), "pve1", 100); err != nil || u.String() != aUPID {
			t.Errorf("%s: %v %v", verb, u, err)
		}
	}
}

func TestActionsOnWhatCannotBe(t *testing.T) {
	f, c := served(t, data(`"`+aUPID+`"`))
	for verb, act := range actions {
		for _, bad := range []struct {
			node string
			id   fleet.VMID
		}{{"pve1", 99}, {"pve1", -1}, {"pve1", 1_000_000_000}, {"", 100}, {"..", 100}, {"pve1/../pve2", 100}, {"pve1?x", 100}} {
			if _, err := act(c, t.Context(), bad.node, bad.id); !problem.Is(err, problem.Invalid) {
				t.Errorf("%s of %d on %q: %v", verb, bad.id, bad.node, err)
			}
		}
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d requests went out", n)
	}
}

// recordedAction finds the typed call that a recorded request was.
func recordedAction(x exchange) (do func(c *Client, ctx context.Context) (UPID, error), ok bool) {
	parts := strings.Split(strings.Trim(x.Path, "/"), "/")
	if len(parts) < 4 || parts[0] != "nodes" || parts[2] != "lxc" {
		return nil, false
	}
	id, ok := vmid(value{kind: text, text: parts[3]})
	verb := ""
	switch {
	case !ok:
		return nil, false
	case x.Method == "DELETE" && len(parts) == 4:
		verb = "destroy"
	case x.Method == "POST" && len(parts) == 6 && parts[4] == "status":
		verb = parts[5]
	}
	act, ok := actions[verb]
	return func(c *Client, ctx context.Context) (UPID, error) { return act(c, ctx, parts[1], id) }, ok
}

func TestRecordedActions(t *testing.T) {
	var p playback
	_, c := served(t, p.answer)
	for _, file := range recordings {
		tried := map[string]int{}
		for _, x := range recorded(t, file) {
			do, ok := recordedAction(x)
			if !ok {
				continue
			}
			p.now = x
			u, err := do(c, t.Context())
			if x.Status != 200 {
				got := wants(t, err, recordedKind(x))
				tried[string(got.Kind)]++
				if got.Remedy == "" || x.Status == 500 && !strings.Contains(got.Proxmox, words(x.Reason)) {
					t.Errorf("%s: %q", x.Case, got.Sentence())
				}
				continue
			}
			tried[u.Type]++
			if err != nil || !strings.Contains(x.bodyText(), u.String()) {
				t.Errorf("%s: %v %v", x.Case, u, err)
			}
		}
		t.Logf("%s: %v", file, tried)
		if tried["vzstart"] == 0 || tried["vzstop"] == 0 || tried["vzdestroy"] == 0 {
			t.Errorf("%s has no life of a container", file)
		}
	}
}
