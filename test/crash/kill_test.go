package crash

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/secret"
	"berth/internal/store"
)

// promises are the writes that Berth acknowledged.
type promises struct {
	mu       sync.Mutex
	label    map[string]string // node: the label that was acknowledged last
	trying   map[string]string // node: the label that was under way when Berth died
	signedIn map[string]bool   // session cookies
	out      map[string]bool   // those that were signed out
	labels   int
}

func (p *promises) note(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// A Berth that is killed at any instant has, when it is back, all that it had
// acknowledged, an unbroken audit trail, and the fleet as last seen at once:
// with the names of a node that died before and that Proxmox no longer knows.
func TestKilledAtAnyInstant(t *testing.T) {
	rounds := 40
	if os.Getenv("BERTH_LONG") != "" {
		rounds = 200
	}
	onBoth(t, func(t *testing.T, at place) {
		const seed = 20261123
		random := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, nil)
		args := append(at.args(), "--allow-node", w.allow)
		berth := serve(t, nil, args...)
		b := newBrowser(t, berth.url)
		w.setUp(b, berth.setUpLink())
		id := w.addNode(b)
		w.seeAll(b)
		form := w.credentials(newBrowser(t, berth.url))
		berth.stop()
		w.fault("node-unknown", "pve3", nil)
		made := &promises{label: map[string]string{}, trying: map[string]string{}, signedIn: map[string]bool{b.cookie("berth-session"): true}, out: map[string]bool{}}
		for round := range rounds {
			berth = serve(t, nil, args...)
			b.moved(berth.url)
			if lost := w.missing(b.get("/fleet.json").body); len(lost) > 0 {
				t.Fatalf("round %d (seed %d): the first page lacks %q", round, seed, lost)
			}
			made.check(t, b, id)
			if t.Failed() {
				t.Fatalf("in round %d (seed %d)", round, seed)
			}
			made.writeUntilKilled(t, form, b, berth, id, fmt.Sprint(round), 1+random.IntN(40), time.Duration(random.IntN(4000))*time.Microsecond)
		}
		berth = serve(t, nil, args...)
		b.moved(berth.url)
		made.check(t, b, id)
		// A turn that died with its Berth keeps the next sign-in waiting for some seconds, and refuses it never.
		late := newBrowser(t, berth.url)
		if got, err := late.ask(t.Context(), http.MethodPost, "/login", form); err != nil || got.status != http.StatusSeeOther || late.cookie("berth-session") == "" {
			t.Errorf("who signs in after a kill is not let in: %v %v", got, err)
		}
		berth.stop()
		made.checkTrail(t, at)
		t.Logf("%d kills: %d labels, %d sign-ins and %d sign-outs were acknowledged and kept", rounds, made.labels, len(made.signedIn), len(made.out))
		if made.labels < rounds || len(made.signedIn) < 2 {
			t.Error("too little was acknowledged: the test proves little")
		}
	})
}

// writeUntilKilled writes from several hands at once, and kills Berth a moment after so many acknowledgements.
func (p *promises) writeUntilKilled(t *testing.T, form url.Values, b *browser, berth *process, id, round string, after int, moment time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var hands sync.WaitGroup
	var acknowledged atomic.Int64
	enough := make(chan struct{})
	ack := func() {
		if acknowledged.Add(1) == int64(after) {
			close(enough)
		}
	}
	for _, node := range []string{"pve1", "pve2", "pve3"} {
		hands.Go(func() { p.writeLabels(ctx, t, b, id, node, round, ack) })
	}
	hands.Go(func() { p.signInAndOut(ctx, t, berth.url, form, ack) })
	select {
	case <-enough:
	case <-ctx.Done():
		t.Fatalf("only %d writes were acknowledged within %v:\n%s", acknowledged.Load(), patience, berth.said)
	}
	for until := time.Now().Add(moment); time.Now().Before(until); { // an instant, not a pause
	}
	berth.kill()
	hands.Wait()
}

// writeLabels writes one label after another until Berth is gone.
func (p *promises) writeLabels(ctx context.Context, t *testing.T, b *browser, id, node, round string, ack func()) {
	for n := 0; ctx.Err() == nil; n++ {
		label := fmt.Sprintf("%s of %s-%d", node, round, n)
		p.note(func() { p.trying[node] = label })
		got, err := b.ask(ctx, http.MethodPost, "/settings/nodes/"+id+"/labels", url.Values{"label-" + node: {label}})
		if err != nil {
			return
		}
		if got.location != "/settings/nodes/"+id+"/edit" {
			t.Errorf("a label was refused: %v", got)
			return
		}
		p.note(func() { p.label[node], p.labels = label, p.labels+1; delete(p.trying, node) })
		ack()
	}
}

// signInAndOut signs in, each second time out again, until Berth is gone.
func (p *promises) signInAndOut(ctx context.Context, t *testing.T, base string, form url.Values, ack func()) {
	for n := 0; ctx.Err() == nil; n++ {
		b := newBrowser(t, base)
		got, err := b.ask(ctx, http.MethodPost, "/login", form)
		if err != nil {
			return
		}
		token := b.cookie("berth-session")
		if got.status != http.StatusSeeOther || token == "" {
			t.Errorf("a sign-in was refused: %v", got)
			return
		}
		p.note(func() { p.signedIn[token] = true })
		ack()
		if n%2 == 0 {
			continue
		}
		// Once it is asked for, the session may stand or not; once it is acknowledged, it must not.
		p.note(func() { delete(p.signedIn, token) })
		if got, err = b.ask(ctx, http.MethodPost, "/sign-out", url.Values{}); err != nil {
			return
		}
		if got.status != http.StatusSeeOther {
			t.Errorf("a sign-out was refused: %v", got)
			return
		}
		p.note(func() { p.out[token] = true })
		ack()
	}
}

// check compares what was promised with what Berth shows.
func (p *promises) check(t *testing.T, b *browser, id string) {
	t.Helper()
	labels := b.form(b.get("/settings/nodes/"+id+"/edit"), "/settings/nodes/"+id+"/labels")
	for node, want := range p.label {
		got := labels.Get("label-" + node)
		if got != want && (p.trying[node] == "" || got != p.trying[node]) {
			t.Errorf("%s is labelled %q; acknowledged was %q, under way %q", node, got, want, p.trying[node])
		}
		p.label[node] = got // what was under way may have come through
	}
	clear(p.trying)
	for token := range p.signedIn {
		if got := ofSession(b, token); got.status != http.StatusOK {
			t.Errorf("a session that was acknowledged is lost: %d to %q", got.status, got.location)
		}
	}
	for token := range p.out {
		if got := ofSession(b, token); got.status != http.StatusUnauthorized {
			t.Errorf("a session that was signed out is back: %d", got.status)
		}
	}
}

// ofSession asks as a session without a page.
func ofSession(b *browser, token string) page {
	b.t.Helper()
	other := &browser{t: b.t, base: b.base, http: &http.Client{Timeout: patience, Transport: b.http.Transport, CheckRedirect: b.http.CheckRedirect}}
	return other.must(http.MethodGet, "/palette.json", nil, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "berth-session", Value: token}) })
}

// openStore opens what a Berth that is stopped has left.
func openStore(t *testing.T, at place) *store.Store {
	t.Helper()
	ring, _, err := secret.LoadKey(secret.File(at.keyFile))
	if err != nil {
		t.Fatal(err)
	}
	o := store.Options{Keyring: ring, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if o.Database = at.database; at.database == "" {
		o.Dir = at.dir
	}
	st, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// checkTrail walks the audit trail: whole, and with an entry for each thing that was acknowledged.
func (p *promises) checkTrail(t *testing.T, at place) {
	t.Helper()
	st := openStore(t, at)
	_, broken, err := st.VerifyAudit(t.Context())
	if err != nil || broken != 0 {
		t.Errorf("the audit trail is broken at %d: %v", broken, err)
	}
	clusters, err := st.AllClusters(t.Context())
	if err != nil || len(clusters) != 1 {
		t.Fatalf("%d clusters, %v", len(clusters), err)
	}
	entries, err := st.AuditEntries(t.Context(), audit.Filter{Owner: clusters[0].Owner, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	count := func(kind audit.Kind) (n int) {
		for _, e := range entries {
			if e.Kind == kind && e.Result == audit.OK {
				n++
			}
		}
		return n
	}
	if got := count(audit.ClusterEdit); got < p.labels {
		t.Errorf("%d labels were acknowledged, the trail has %d", p.labels, got)
	}
	if got := count(audit.SignIn); got < len(p.signedIn)+len(p.out) {
		t.Errorf("%d sign-ins were acknowledged, the trail has %d", len(p.signedIn)+len(p.out), got)
	}
	if got := count(audit.SignOut); got < len(p.out) {
		t.Errorf("%d sign-outs were acknowledged, the trail has %d", len(p.out), got)
	}
}
