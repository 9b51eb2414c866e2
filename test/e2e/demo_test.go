package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Demo is a running "berth demo": the real binary with a simulated Proxmox inside.
type Demo struct {
	URL     string
	Control string // pvesim's control address: faults, changes by other hands
	People  []Person
	Nodes   []SimNode
	log     *syncBuffer
	cmd     *exec.Cmd
}

// Person may sign in.
type Person struct {
	About, Host, User, Realm, Password string
}

// SimNode is one entry that can be added by hand.
type SimNode struct {
	Cluster, Node, Address, Fingerprint, TokenID, TokenSecret string
}

// syncBuffer is a log that is written by one and read by another.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startDemo runs the demo until the test ends.
func startDemo(t *testing.T, args ...string) *Demo {
	t.Helper()
	d := &Demo{log: &syncBuffer{}}
	d.cmd = exec.Command(filepath.Join(bin, "berth"), append([]string{"demo", "--print", "json", "--listen", "127.0.0.1:0", "--log-level", "debug"}, args...)...)
	d.cmd.Stderr = d.log
	d.cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, d.cmd, d.log) })
	if err := json.NewDecoder(out).Decode(d); err != nil {
		t.Fatalf("the demo did not say where it is: %v\n%s", err, d.log)
	}
	return d
}

// end stops a program as an operator does and fails when it does not stop within seconds.
func end(t *testing.T, cmd *exec.Cmd, log fmt.Stringer) {
	t.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("it did not stop cleanly: %v\n%s", err, log)
		}
	case <-time.After(15 * time.Second):
		_ = cmd.Process.Kill()
		<-done
		t.Errorf("it did not stop within 15 s of SIGTERM\n%s", log)
	}
}

// owner is the person whose nodes are there already; newcomer has none.
func (d *Demo) owner() Person    { return d.People[0] }
func (d *Demo) newcomer() Person { return d.People[1] }

// signIn goes through the sign-in page.
func (d *Demo) signIn(p *Page, who Person) {
	p.t.Helper()
	p.goTo(d.URL + "/")
	fillSignIn(p, who)
	p.see("heading", "Containers")
}

func fillSignIn(p *Page, who Person) {
	p.t.Helper()
	p.fill("User name", who.User)
	p.fill("Password", who.Password)
	p.choose("Realm", "("+who.Realm+")")
	p.click("button", "Sign in")
}

// fault sets a fault by name and takes it back at the end of the test, or when the returned function is called.
func (d *Demo) fault(t *testing.T, name string, params map[string]any) (undo func()) {
	t.Helper()
	body := map[string]any{"name": name}
	for k, v := range params {
		body[k] = v
	}
	var made struct{ ID int }
	d.control(t, http.MethodPost, "/faults", body, &made)
	undo = sync.OnceFunc(func() { d.control(t, http.MethodDelete, fmt.Sprintf("/faults/%d", made.ID), nil, nil) })
	t.Cleanup(undo)
	return undo
}

// act changes something in the simulated Proxmox by other hands.
func (d *Demo) act(t *testing.T, cluster string, vmid int, what string) {
	t.Helper()
	d.control(t, http.MethodPost, "/act", map[string]any{"cluster": cluster, "vmid": vmid, "what": what}, nil)
}

func (d *Demo) control(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(d.Control, "/")+path, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("pvesim's control: %v", err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		t.Fatalf("pvesim's control: %s %s: %s: %s", method, path, resp.Status, text)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			t.Fatalf("pvesim's control: %s: %v", text, err)
		}
	}
}
