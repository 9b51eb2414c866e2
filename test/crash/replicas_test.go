package crash

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the guide promises of replicas.
const (
	leaseTime  = 15 * time.Second // of the one that asks; it renews each 5 s
	signOutBy  = 15 * time.Second
	perMinute  = 36 // requests to one cluster in any minute
	leaseSlack = 10 * time.Second
)

// asked is how many requests to Proxmox this replica's watcher has made.
func (p *process) asked(b *browser) float64 {
	p.t.Helper()
	got := b.must(http.MethodGet, "/metrics", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+metricsToken) })
	sum := 0.0
	for lines := bufio.NewScanner(strings.NewReader(got.body)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(name, "berth_proxmox_request_seconds_count") {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			sum += n
		}
	}
	if got.status != http.StatusOK {
		p.t.Fatalf("/metrics: %v", got)
	}
	return sum
}

// running is a container that runs.
func (w *world) running() (vmid int) {
	w.t.Helper()
	for _, g := range w.lab.Guests() {
		if g.Kind == "lxc" && g.Running {
			vmid = g.VMID
		}
	}
	if vmid == 0 {
		w.t.Fatal("no container runs")
	}
	return vmid
}

const metricsToken = "token-of-the-metrics"

func TestTwoReplicas(t *testing.T) {
	t.Parallel() // most of it is waiting for leases
	at := onPostgreSQL(t)
	w := newWorld(t, nil)
	tokenFile := filepath.Join(t.TempDir(), "metrics-token")
	if err := os.WriteFile(tokenFile, []byte(metricsToken), 0o600); err != nil {
		t.Fatal(err)
	}
	replica := func(name string) *process {
		mine := at
		mine.dir = filepath.Join(t.TempDir(), name)
		return serve(t, nil, append(mine.args(), "--allow-node", w.allow, "--metrics-token-file", tokenFile)...)
	}
	one := replica("one")
	b := newBrowser(t, one.url)
	w.setUp(b, one.setUpLink())
	w.lab.SetACL("/", w.tokenID, "Administrator", true)
	id := w.addNode(b)
	w.seeAll(b)
	two := replica("two")
	beside := &browser{t: t, base: two.url, jar: b.jar, http: b.http} // the same browser and session, led to the other replica
	w.seeAll(beside)

	t.Run("another key", func(t *testing.T) {
		other := at
		other.dir, other.keyFile = filepath.Join(t.TempDir(), "three"), filepath.Join(t.TempDir(), "other.key")
		newKey(t, other.keyFile)
		p := launch(t, nil, append([]string{"serve", "--listen", "127.0.0.1:0", "--log-format", "json"}, other.args()...)...)
		select {
		case <-p.ended:
		case <-p.said.ready:
			t.Fatal("a replica with another key serves")
		case <-time.After(patience):
			t.Fatal("a replica with another key neither serves nor ends")
		}
		if p.cmd.ProcessState.Success() || !strings.Contains(p.said.String(), "key") {
			t.Errorf("it ends with %v and does not say why:\n%s", p.cmd.ProcessState, p.said)
		}
	})

	t.Run("one of them asks", func(t *testing.T) {
		w.lab.ResetRequests()
		began, before := time.Now(), one.asked(b)
		wait(t, "the first replica goes on asking", patience, func() bool { w.seeAll(beside); return one.asked(b) >= before+4 })
		if n := two.asked(beside); n != 0 {
			t.Errorf("the other replica asked %v times", n)
		}
		if n, most := w.lab.Requests().Total, perMinute*(1+int(time.Since(began).Minutes())); n > most {
			t.Errorf("%d requests in %v, at most %d are allowed", n, time.Since(began), most)
		}
	})

	t.Run("an action at one is shown at the other", func(t *testing.T) {
		vmid := w.running()
		card := func(at *browser, says string) func() bool {
			pattern := regexp.MustCompile(fmt.Sprintf(`data-container="%s/%d"[^>]*%s`, id, vmid, says))
			return func() bool { return pattern.MatchString(at.get("/").body) }
		}
		undo := w.fault("slow-tasks", "", map[string]string{"factor": "200"})
		defer undo()
		path := fmt.Sprintf("/containers/%s/%d/stop", id, vmid)
		beside.leads(path, beside.form(beside.get(path), path))
		wait(t, "it is under way at the first", patience, card(b, "data-busy"))
		undo()
		wait(t, "its end is shown where it was pressed", patience, card(beside, `data-status="stopped"[^>]*>`))
		wait(t, "and at the first", patience, card(b, `data-status="stopped"[^>]*>`))
		if n := w.lab.Requests().Calls["POST /nodes/{node}/lxc/{vmid}/status/stop"]; n != 1 {
			t.Errorf("Proxmox was asked %d times", n)
		}
	})

	t.Run("signing out on one", func(t *testing.T) {
		said, ended := beside.stream()
		b.leads("/sign-out", url.Values{})
		asked := time.Now()
		select {
		case <-ended:
			t.Logf("the other replica's stream ended after %v", time.Since(asked).Round(time.Millisecond))
		case <-time.After(signOutBy):
			t.Fatalf("the other replica's stream goes on %v after the sign-out", signOutBy)
		}
		if !strings.Contains(said(), "event: end") {
			t.Errorf("the stream broke off without its last event")
		}
		w.signIn(b)
	})

	t.Run("the one that asks is killed", func(t *testing.T) {
		before := two.asked(beside) // for the action; it does not watch
		one.kill()
		died := time.Now()
		if lost := w.missing(beside.get("/fleet.json").body); len(lost) > 0 {
			t.Errorf("the other replica lacks %q", lost)
		}
		wait(t, "the other replica asks", leaseTime+leaseSlack, func() bool { return two.asked(beside) > before })
		t.Logf("taken over after %v", time.Since(died).Round(time.Millisecond))
		stopped := w.running()
		was := beside.get("/fleet.json").body
		if err := w.lab.Act(stopped, "stop"); err != nil {
			t.Fatal(err)
		}
		wait(t, "the other replica sees a change", patience, func() bool { return beside.get("/fleet.json").body != was })
		if got := beside.get("/settings/nodes/" + id); got.status != http.StatusOK {
			t.Errorf("the node's page: %v", got)
		}
	})
}
