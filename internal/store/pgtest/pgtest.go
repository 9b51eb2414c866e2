// Package pgtest gives tests a PostgreSQL of their own: one server per test
// binary, made when the first test asks, one empty database per call. Where
// PostgreSQL is not installed the test is skipped with the reason.
//
// The server listens on a unix socket in a temporary folder only. It and the
// folder are gone soon after the test binary ended, however it ended.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// errAbsent: no PostgreSQL programs on this machine.
var errAbsent = errors.New("PostgreSQL is not installed (initdb and postgres were found neither in PATH nor in /usr/lib/postgresql/*/bin)")

var shared = sync.OnceValues(start)

var databases atomic.Int64

// URL makes an empty database and returns its postgres:// address. The
// database is dropped at the end of the test.
func URL(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if errors.Is(err, errAbsent) {
		t.Skip("left out: " + err.Error())
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	name := fmt.Sprintf("berth_test_%d", databases.Add(1))
	if err := s.exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("make a database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Logf("drop the test's database: %v", err)
		}
	})
	return s.url(name)
}

// Available reports whether URL would give a database rather than skip.
func Available() bool {
	_, _, err := programs()
	return err == nil
}

type server struct {
	socket string
	// keeper is held so that the pipe to it is not collected, which would close it.
	keeper io.WriteCloser
}

// start makes a cluster of databases and runs a server on it. A shell keeps
// the server: it ends it and removes the folder when its standard input is
// closed, which happens when this process ends in any way.
func start() (*server, error) {
	initdb, postgres, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(shortTemp(), "berth-pg-")
	if err != nil {
		return nil, err
	}
	as, err := runAs(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := makeCluster(initdb, dir, as); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	const keep = `"$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=32MB >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
cd / && rm -rf "$2"`
	cmd := exec.Command("/bin/sh", "-c", keep, "sh", postgres, dir)
	// A group of its own: Ctrl-C in the terminal must not end it before the tests.
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Setpgid: true, Credential: as}
	keeper, err := cmd.StdinPipe() // never closed by us: the kernel does it
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &server{socket: dir, keeper: keeper}
	return s, s.ready(filepath.Join(dir, "log"))
}

func makeCluster(initdb, dir string, as *syscall.Credential) error {
	cmd := exec.Command(initdb, "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// runAs gives the folder to a user without rights when we are root, since
// PostgreSQL refuses to run as root. nil means: as we are.
func runAs(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2, os.Chown(dir, int(uid), int(gid))); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("no user postgres or nobody to run the server as")
}

func (s *server) ready(log string) error {
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := s.exec("SELECT 1")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			out, _ := os.ReadFile(log)
			return fmt.Errorf("it does not answer: %w\n%s", err, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func (s *server) url(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {s.socket}, "user": {"postgres"}, "sslmode": {"disable"}}.Encode()
}

// shortTemp is a folder whose path leaves room for a socket's name, which may have 107 bytes.
func shortTemp() string {
	// A folder of root's own would be closed to the user that the server runs as.
	if dir := os.TempDir(); len(dir) < 60 && os.Geteuid() != 0 {
		return dir
	}
	return "/tmp"
}

// programs finds initdb and postgres of one installation.
func programs() (initdb, postgres string, err error) {
	var folders []string
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for i := len(installed) - 1; i >= 0; i-- { // the newest first
		folders = append(folders, installed[i])
	}
	for _, dir := range folders {
		initdb, postgres = filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")
		if executable(initdb) && executable(postgres) {
			return initdb, postgres, nil
		}
	}
	return "", "", errAbsent
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && !strings.HasSuffix(path, "/")
}
