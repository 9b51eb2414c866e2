package e2e

import (
	"os"
	"testing"
)

// TestFailingStatesInEveryLight opens the dashboard and the nodes while things
// fail, to be looked at and for axe-core; every state has its words.
func TestFailingStatesInEveryLight(t *testing.T) {
	if os.Getenv("BERTH_LONG") == "" && os.Getenv("BERTH_SCREENSHOTS") == "" {
		t.Skip("left out: BERTH_LONG=1 looks at every failing state, BERTH_SCREENSHOTS=folder keeps pictures of them")
	}
	type fault struct {
		name, cluster, node string
		params              map[string]string
	}
	for _, state := range []struct {
		name   string
		faults []fault
		says   string // on the dashboard
	}{
		{"node-dead", []fault{{"node-dead", "lab", "pve2", map[string]string{"after": "1s"}}}, "pve2"},
		{"all-unreachable", []fault{{"node-daemon-down", "lab", "", nil}, {"node-daemon-down", "attic", "", nil}}, "None of your nodes can be seen"},
		{"token-refused", []fault{{"token-revoked", "lab", "", nil}}, "token"},
		{"certificate-changed", []fault{{"ca-changed", "lab", "", nil}}, "certificate"},
		{"no-privileges", []fault{{"permission-lost", "lab", "", nil}, {"permission-lost", "attic", "", nil}}, "VM.Audit"},
		{"no-quorum", []fault{{"no-quorum", "lab", "", nil}}, "quorum"},
	} {
		t.Run(state.name, func(t *testing.T) {
			d := startDemo(t)
			lights := everyLight(t, func(p *Page) { d.signIn(p, d.owner()) }) // before it fails: who signs in may need what does
			first := lights[0]
			first.waitFor("cards", func() bool { return len(first.shown()) > 50 })
			for _, f := range state.faults {
				d.fault(t, f.name, map[string]any{"cluster": f.cluster, "node": f.node, "params": f.params})
			}
			first.waitFor("the state to be told", func() bool {
				return eval[int](first, `document.querySelectorAll("#banners .banner").length`) > 0
			})
			first.says(state.says)
			lookAt(lights, state.name, d.URL)
		})
	}
	t.Run("empty", func(t *testing.T) {
		d := startDemo(t)
		lookAt(everyLight(t, func(p *Page) { d.signIn(p, d.newcomer()) }), "empty", d.URL)
	})
}

// everyLight signs a person in on a light and a dark desktop and on a phone.
func everyLight(t *testing.T, signIn func(*Page)) (lights []*Page) {
	t.Helper()
	for _, screen := range []Screen{desktopLight, desktopDark, phone} {
		p := open(t, screen)
		signIn(p)
		lights = append(lights, p)
	}
	return lights
}

func lookAt(lights []*Page, state, url string) {
	for i, p := range lights {
		p.t.Helper()
		for _, page := range []struct{ name, path string }{{"dashboard", "/"}, {"nodes", "/settings/nodes"}} {
			p.goTo(url + page.path)
			p.accessible()
			p.shot("failing-" + state + "-" + page.name + "-" + []string{"light", "dark", "phone"}[i])
		}
	}
}
