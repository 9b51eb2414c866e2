package e2e

import (
	"strings"
	"testing"
)

// TestFirstLook is the shortest story: sign in, and every container of every node is there.
func TestFirstLook(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	p.waitFor("cards of both clusters", func() bool {
		return eval[int](p, `document.querySelectorAll("[data-container]").length`) > 50
	})
	clusters := eval[[]string](p, `[...new Set([...document.querySelectorAll("[data-container]")].map(e => e.dataset.node))]`)
	if len(clusters) != 4 {
		t.Errorf("containers of %d nodes, want 4: %v", len(clusters), clusters)
	}
	for _, n := range clusters {
		if !strings.Contains(n, "/") {
			t.Errorf("data-node %q is no cluster/node", n)
		}
	}
	p.accessible()
}
