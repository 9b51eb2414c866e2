package crash

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"berth/internal/store/pgtest"
)

// patience is how long anything may take that a test waits for.
const patience = 30 * time.Second

// process is a running "berth serve".
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	said  *logbook
	url   string
	ended chan struct{} // closed when it has ended
}

// logbook keeps all that a process says, in JSON lines and plain ones.
type logbook struct {
	mu    sync.Mutex
	all   bytes.Buffer
	rest  []byte // of a line that is not whole yet
	ready chan string
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		var entry struct{ Msg, URL string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "Berth is ready" {
			l.ready <- entry.URL
		}
		l.rest = slices.Clone(rest)
	}
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// launch starts the program; it may still refuse to run.
func launch(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, said: &logbook{ready: make(chan string, 1)}, ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(bin, "berth"), args...)
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.Env = append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(p.stop)
	return p
}

// serve starts Berth and returns when browsers can come in.
func serve(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := launch(t, env, append([]string{"serve", "--listen", "127.0.0.1:0", "--log-format", "json"}, args...)...)
	select {
	case p.url = <-p.said.ready:
	case <-p.ended:
		t.Fatalf("Berth did not start:\n%s", p.said)
	case <-time.After(patience):
		t.Fatalf("Berth is not ready after %v:\n%s", patience, p.said)
	}
	return p
}

var linkSaid = regexp.MustCompile(`(?m)^ +http://\S+(/set-up\?link=\S+)$`)

// setUpLink is the path of the link that a new Berth prints.
func (p *process) setUpLink() string {
	p.t.Helper()
	m := linkSaid.FindStringSubmatch(p.said.String())
	if m == nil {
		p.t.Fatalf("no set-up link was printed:\n%s", p.said)
	}
	return m[1]
}

// kill ends it as a power cut does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop ends it as an operator does, unless it has ended.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
		p.t.Errorf("it did not stop within %v of SIGTERM:\n%s", patience, p.said)
	}
}

// wait looks again and again until done says so; what tells what was waited for.
func wait(t testing.TB, what string, within time.Duration, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// place is where a Berth remembers: a folder and, unless embedded, a database.
type place struct {
	dir, database, keyFile string
}

func (p place) args() []string {
	args := []string{"--data", p.dir}
	if p.database != "" {
		args = append(args, "--database", p.database, "--key-file", p.keyFile)
	}
	return args
}

func onSQLite(t *testing.T) place {
	dir := filepath.Join(t.TempDir(), "data")
	return place{dir: dir, keyFile: filepath.Join(dir, "berth.key")}
}

// onPostgreSQL makes a database and a key; without PostgreSQL the test is left out.
func onPostgreSQL(t *testing.T) place {
	p := place{dir: filepath.Join(t.TempDir(), "data"), database: pgtest.URL(t), keyFile: filepath.Join(t.TempDir(), "shared.key")}
	newKey(t, p.keyFile)
	return p
}

func newKey(t *testing.T, file string) {
	t.Helper()
	if out, err := exec.Command(filepath.Join(bin, "berth"), "key", "new", file).CombinedOutput(); err != nil {
		t.Fatalf("berth key new: %v: %s", err, strings.TrimSpace(string(out)))
	}
}

// onBoth runs f once with each kind of database.
func onBoth(t *testing.T, f func(t *testing.T, p place)) {
	t.Run("sqlite", func(t *testing.T) { f(t, onSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, onPostgreSQL(t)) })
}
