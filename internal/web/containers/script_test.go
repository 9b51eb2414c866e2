package containers

import (
	"os/exec"
	"testing"
)

// The browser's modules have their own tests.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the tests of js/ are left out")
	}
	if out, err := exec.Command(node, "--test", "js/").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
