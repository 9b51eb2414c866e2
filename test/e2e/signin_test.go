package e2e

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/pvesim"
)

const totpSecret = "JBSWY3DPEHPK3PXP"

// lab is a simulated Proxmox with people of every kind.
func lab(t *testing.T) *pvesim.Sim {
	t.Helper()
	sim, err := pvesim.Start(pvesim.Config{Seed: 1, AuthDelay: -1, Clusters: []pvesim.ClusterSpec{
		{Name: "lab", Nodes: []pvesim.NodeSpec{{Name: "pve1"}, {Name: "pve2"}}, Users: []pvesim.UserSpec{
			{ID: "root@pam", Password: "canary-root"},
			{ID: "anna@pve", Password: "canary-anna"},
			{ID: "tom@pve", Password: "canary-tom", TOTPSecret: totpSecret, Recovery: []string{"aaaa-bbbb-cccc-dddd"}},
		}, Realms: []pvesim.RealmSpec{
			{Realm: "pam", Type: "pam", Comment: "Linux PAM", Default: true}, {Realm: "pve", Type: "pve"}, {Realm: "company", Type: "openid"},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

// Serve is a running "berth serve" with an empty data folder.
type Serve struct {
	URL, Link string
	log       *syncBuffer
}

var linkText = regexp.MustCompile(`(http://\S+)(/set-up\?link=\S+)`)

// startServe runs the real thing until the test ends, allowed to reach the simulator.
func startServe(t *testing.T, args ...string) *Serve {
	t.Helper()
	s := &Serve{log: &syncBuffer{}}
	cmd := exec.Command(filepath.Join(bin, "berth"), append([]string{"serve", "--data", filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0",
		"--allow-node", "127.0.0.0/8", "--log-level", "debug"}, args...)...)
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cmd, s.log) })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := linkText.FindStringSubmatch(lines.Text()); m != nil {
			s.URL, s.Link = m[1], m[1]+m[2]
			return s
		}
	}
	t.Fatalf("no set-up link was printed\n%s", s.log)
	return nil
}

// codeNow is what an authenticator app shows.
func codeNow(t *testing.T) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(totpSecret)
	if err != nil {
		t.Fatal(err)
	}
	var step [8]byte
	binary.BigEndian.PutUint64(step[:], uint64(time.Now().Unix()/30))
	mac := hmac.New(sha1.New, key)
	mac.Write(step[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1000000)
}

// TestSetUp walks from an empty Berth to two people who are in: the one-time
// link, the fingerprint, the administrator, who else may come, the second factor.
func TestSetUp(t *testing.T) {
	for name, screen := range map[string]Screen{"light": desktopLight, "dark on a phone": {Width: 390, Height: 844, Phone: true, Dark: true}} {
		t.Run(name, func(t *testing.T) { setUpStory(t, screen) })
	}
}

func setUpStory(t *testing.T, screen Screen) {
	sim := lab(t)
	node := sim.Cluster("lab").Node("pve1")
	s := startServe(t)
	admin := open(t, screen)

	admin.goTo(s.URL + "/")
	admin.says("Berth is not set up yet")
	admin.accessible()
	admin.goTo(s.Link)
	admin.see("heading", "Set up Berth")
	if admin.path() != "/set-up" {
		t.Errorf("the link is still in the address: %s", admin.path())
	}
	admin.accessible()

	stranger := open(t, screen)
	stranger.goTo(s.Link)
	stranger.says("does not work any more")
	stranger.accessible()

	admin.fill("Address", "169.254.169.254")
	admin.click("button", "Look at it")
	admin.waitFor("a refusal beside the field", func() bool {
		return eval[bool](admin, `document.querySelector("[name=address]")?.getAttribute("aria-invalid") === "true" && document.querySelector("[name=address]").value === "169.254.169.254"`)
	})
	admin.fill("Address", node.Addr())
	admin.click("button", "Look at it")
	admin.says(node.Fingerprint())
	admin.accessible()
	admin.fill("Name", "Home lab")
	admin.click("button", "The fingerprint is right")
	admin.says("You become the administrator")
	admin.accessible()

	admin.fill("User name", "root")
	admin.fill("Password", "canary-wrong")
	admin.click("button", "Sign in")
	admin.says("The user name, realm or password is wrong.")
	if got := eval[string](admin, `document.querySelector("[name=user]").value + "|" + document.querySelector("[name=password]").value`); got != "root|" {
		t.Errorf("after a wrong password the form has %q", got)
	}
	admin.accessible()
	admin.fill("Password", "canary-root")
	admin.click("button", "Sign in")
	admin.says("No Proxmox nodes configured")

	admin.goTo(s.URL + "/settings/sign-in-hosts")
	admin.click("link", "Edit Home lab")
	admin.see("heading", "Home lab")
	admin.accessible()
	admin.click("radio", "Everyone with an account there Each person sees only the nodes that they add themselves.")
	admin.click("button", "Save")
	admin.says("Saved.")
	for _, page := range []struct{ path, heading string }{
		{"/settings/sign-in-hosts", "Sign-in hosts"}, {"/settings/sign-in-hosts/new", "Add sign-in host"}, {"/login/proof?return=/settings/people", "Your password again"},
	} {
		admin.goTo(s.URL + page.path)
		admin.see("heading", page.heading)
		admin.accessible()
	}
	admin.fill("Password", "canary-root")
	admin.click("button", "Continue")
	admin.see("heading", "People")

	// Somebody else asks for a page, signs in with a second factor, and is on that page.
	tom := open(t, screen)
	tom.goTo(s.URL + "/settings/sessions")
	tom.see("heading", "Sign in")
	if disabled := eval[bool](tom, `[...document.querySelector("[name=realm]").options].find(o => o.value === "company").disabled`); !disabled {
		t.Error("a realm that Berth cannot do can be chosen")
	}
	tom.fill("User name", "tom@pve")
	tom.fill("Password", "canary-tom")
	tom.click("button", "Sign in")
	tom.see("heading", "Second factor")
	tom.accessible()
	tom.fill("Code", "000000")
	tom.click("button", "Continue")
	tom.says("This code is wrong.")
	tom.fill("Code", codeNow(t))
	tom.click("button", "Continue")
	tom.see("heading", "Sessions")
	tom.accessible()

	// The administrator shuts him out: his next click leads to the sign-in.
	admin.goTo(s.URL + "/settings/people")
	admin.accessible()
	eval[bool](admin, `document.querySelector("summary[aria-label='Actions for tom@pve']").click(), true`)
	admin.click("button", "Disable")
	admin.says("is disabled and signed out everywhere")
	tom.goTo(s.URL + "/templates")
	tom.see("heading", "Sign in")

	for _, secret := range []string{strings.TrimPrefix(s.Link, s.URL+"/set-up?link="), "canary-", node.Fingerprint() + "PVE:"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// TestSignOut: what is signed out stays out, also by the back button, and an open page learns it.
func TestSignOut(t *testing.T) {
	d := startDemo(t)
	p := open(t, desktopLight)
	d.signIn(p, d.owner())
	second := p.tab()
	second.goTo(d.URL + "/settings/sessions")
	second.see("button", "Sign out of this browser")
	second.accessible()
	eval[bool](second, `document.querySelector("form[action='/sign-out']").requestSubmit(), true`)
	second.says("You are signed out.")
	p.goTo(d.URL + "/")
	p.see("heading", "Sign in")
	if resp, err := http.Get(d.URL + "/live"); err != nil || resp.StatusCode == http.StatusOK {
		t.Errorf("a stream without a session: %v, %v", resp, err)
	}
	p.fill("User name", d.owner().User)
	p.fill("Password", "wrong")
	p.choose("Realm", "("+d.owner().Realm+")")
	p.click("button", "Sign in")
	p.says("The user name, realm or password is wrong.")
}
