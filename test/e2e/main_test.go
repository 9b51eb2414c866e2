// Package e2e tells the stories of Berth's users: the real binary, a simulated
// Proxmox, a real browser, by role and label.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var (
	bin    string // folder of the built programs
	endsMu sync.Mutex
	ends   []func()
)

// atEnd runs f when all stories are told, last first.
func atEnd(f func()) {
	endsMu.Lock()
	defer endsMu.Unlock()
	ends = append(ends, f)
}

func TestMain(m *testing.M) { os.Exit(tell(m)) }

func tell(m *testing.M) int {
	dir, err := os.MkdirTemp("", "berth-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	defer func() {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
		_ = os.RemoveAll(dir)
	}()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "berth/cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building Berth: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
