package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// memory is what the program holds now, in bytes; the demo has the simulator inside.
func (d *Demo) memory(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		t.Skipf("left out: this system does not tell a program's memory (%v)", err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Skip("left out: this system does not tell a program's memory")
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// TestHostileNodesDelayNoPage: whatever the clusters answer, the page is made at
// once, what was seen stays, nothing of it becomes markup, and no memory fills.
func TestHostileNodesDelayNoPage(t *testing.T) {
	for _, faults := range []struct{ attic, lab string }{
		{"huge-answer", "markup-names"}, {"gzip-bomb", "dotdot-names"}, {"hang-after-accept", "odd-rows"}, {"half-answer", "garbage-json"},
	} {
		t.Run(faults.attic+" and "+faults.lab, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t)
			v := d.visitor(t)
			v.signIn(d.owner())
			before := strings.Count(v.until("/", "containers", says("data-container=")), "data-container=")
			d.fault(t, faults.attic, map[string]any{"cluster": "attic"})
			d.fault(t, faults.lab, map[string]any{"cluster": "lab"})
			// A list is asked every ten seconds while somebody looks.
			for end := time.Now().Add(12 * time.Second); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
				checkCalm(t, v, before)
			}
			if faults.lab == "markup-names" {
				v.until("/", "a hostile name, escaped", says("&lt;script&gt;alert(1)"))
				checkCalm(t, v, before)
			}
			if m := d.memory(t); m > 300<<20 {
				t.Errorf("%d MiB at most were held", m>>20)
			}
		})
	}
}

// checkCalm makes the page once and looks for what hostile answers could do to it.
func checkCalm(t *testing.T, v *visitor, before int) {
	t.Helper()
	began := time.Now()
	page := v.page("/")
	// A page takes milliseconds; the rest is for a machine that does other things too.
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the page took %s", took)
	}
	if now := strings.Count(page, "data-container="); now < before/2 {
		t.Fatalf("%d containers of %d are left", now, before)
	}
	for _, bad := range []string{"<script>alert", "<img src=x", `data-node="../`, "\x1b", "\u202e"} {
		if strings.Contains(page, bad) {
			t.Fatalf("the page has %q in it", bad)
		}
	}
}
