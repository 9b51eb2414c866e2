// Package crash tries the real binary by rough means: it is killed at any
// instant, run twice on one database, lied to by strangers, and searched for
// what must not be found. No browser is needed.
package crash

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var bin string // folder of the built programs

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "berth-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "berth"), "berth/cmd/berth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building Berth: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
