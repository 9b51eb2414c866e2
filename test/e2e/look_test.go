package e2e

import "testing"

// TestEveryPageInEveryLight opens every page as the owner and as the newcomer,
// in light and dark and on a phone: none breaks a rule of accessibility or of
// the content security policy, none is wider than the screen.
func TestEveryPageInEveryLight(t *testing.T) {
	d := startDemo(t)
	pages := []struct{ name, path, heading string }{
		{"dashboard", "/", "Containers"},
		{"table", "/?view=table&group=node", "Containers"},
		{"no-match", "/?q=no-such-container", "Containers"},
		{"nodes", "/settings/nodes", "Nodes"},
		{"add-node", "/settings/nodes/new", "Add node"},
		{"templates", "/templates", "Templates"},
		{"packages", "/templates/packages", "Packages"},
		{"activity", "/activity", "Activity"},
		{"sessions", "/settings/sessions", "Sessions"},
		{"appearance", "/settings/appearance", "Appearance"},
		{"not-found", "/nowhere", "There is nothing here."},
	}
	for _, light := range []struct {
		name   string
		screen Screen
	}{{"light", desktopLight}, {"dark", desktopDark}, {"phone", phone}} {
		t.Run(light.name, func(t *testing.T) {
			for _, who := range []struct {
				name   string
				person Person
			}{{"owner", d.owner()}, {"newcomer", d.newcomer()}} {
				p := open(t, light.screen)
				p.goTo(d.URL + "/login")
				p.see("heading", "Sign in")
				p.accessible()
				p.shot("sign-in-" + light.name)
				d.signIn(p, who.person)
				for _, page := range pages {
					p.goTo(d.URL + page.path)
					p.see("heading", page.heading)
					p.accessible()
					if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
						t.Errorf("%s is %d pixels wider than the screen", page.path, over)
					}
					p.shot(page.name + "-" + who.name + "-" + light.name)
				}
			}
		})
	}
}
