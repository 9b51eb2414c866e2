package signin_test

import (
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/pvesim"
	"berth/internal/secret"
)

func TestFirstPersonBecomesAdministrator(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	if !admin.User.Admin || admin.User.PVEUser != "root@pam" || admin.Host != "Lab" {
		t.Errorf("the first person is %+v on %q", admin.User, admin.Host)
	}
	if len(host.Realms) != 3 || host.Policy.Admission != account.OnlyAdministrators {
		t.Errorf("realms %v, policy %v", host.Realms, host.Policy)
	}
	if host.Authority.Trust.Mode != authority.CAPin {
		t.Errorf("the cluster's CA was not carried over: %+v", host.Authority.Trust)
	}
	if _, _, err := w.SetUpLink(t.Context()); err == nil {
		t.Error("a set-up link was made although there is an administrator")
	}
}

func TestASetUpLinkIsOneBrowsersForOneHour(t *testing.T) {
	w := newWorld(t)
	link, _, err := w.SetUpLink(t.Context())
	w.must(err)
	browser, err := w.OpenSetUp(t.Context(), link.Reveal(), home)
	w.must(err)
	mine := home
	mine.SetUp = browser.Reveal()

	_, err = w.OpenSetUp(t.Context(), link.Reveal(), other)
	w.wants(err, problem.NotFound)
	stranger := other
	stranger.SetUp = strings.Repeat("A", 43)
	_, err = w.SetUp(t.Context(), stranger)
	w.wants(err, problem.NotFound)
	_, err = w.LookSetUp(t.Context(), w.lab.Node("pve1").Addr(), stranger)
	w.wants(err, problem.NotFound)
	node := w.lab.Node("pve1")
	_, err = w.RegisterFirst(t.Context(), "x", node.Addr(), node.Fingerprint(), stranger)
	w.wants(err, problem.NotFound)

	again, err := w.OpenSetUp(t.Context(), link.Reveal(), mine)
	w.must(err)
	if again.Reveal() != mine.SetUp {
		t.Error("the same browser became another by opening the link again")
	}
	w.clock.pass(time.Hour + time.Second)
	_, err = w.SetUp(t.Context(), mine)
	w.wants(err, problem.NotFound)
	_, err = w.OpenSetUp(t.Context(), link.Reveal(), mine)
	w.wants(err, problem.NotFound)

	// A newer link ends the older one.
	first := w.opened(home)
	w.opened(other)
	_, err = w.SetUp(t.Context(), first)
	w.wants(err, problem.NotFound)
}

func TestASetUpLinkIsDeadOnceUsed(t *testing.T) {
	w := newWorld(t)
	from := w.opened(home)
	node := w.lab.Node("pve1")
	host, err := w.RegisterFirst(t.Context(), "", node.Addr(), node.Fingerprint(), from)
	w.must(err)
	// Somebody else's sign-in does not become administrator, and does not get in.
	_, err = w.signIn(host, "root@pam", "root-password", other)
	w.wants(err, problem.Denied)
	_, err = w.signIn(host, "root@pam", "root-password", from)
	w.must(err)
	_, err = w.SetUp(t.Context(), from)
	w.wants(err, problem.NotFound)
	_, err = w.signIn(host, "anna@pve", "anna-password", from)
	w.wants(err, problem.Denied)
}

func TestGuessedSetUpLinksAreLimited(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.SetUpLink(t.Context())
	w.must(err)
	guess := strings.Repeat("A", 22)
	for range 20 {
		_, err = w.OpenSetUp(t.Context(), guess, other)
		w.wants(err, problem.NotFound)
	}
	_, err = w.OpenSetUp(t.Context(), guess, other)
	w.wants(err, problem.TooMany)
}

func TestTheFingerprintThatWasConfirmedCounts(t *testing.T) {
	w := newWorld(t)
	from := w.opened(home)
	pve1, pve2 := w.lab.Node("pve1"), w.lab.Node("pve2")
	_, err := w.RegisterFirst(t.Context(), "", pve1.Addr(), pve2.Fingerprint(), from)
	w.wants(err, problem.Untrusted)
	if hosts, err := w.Hosts(t.Context()); err != nil || len(hosts) != 0 {
		t.Errorf("%d hosts are stored, %v", len(hosts), err)
	}
	seen, err := w.LookSetUp(t.Context(), pve1.Addr(), from)
	w.must(err)
	if !seen.Proxmox || seen.Fingerprint != pve1.Fingerprint() {
		t.Errorf("the look saw %+v", seen)
	}
	if asked(w.lab) != 0 {
		t.Error("a look asked for a ticket")
	}
}

func TestWrongPasswordsAllHearTheSame(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	w.lab.AddUser(pvesim.UserSpec{ID: "gone@pve", Password: "x-password", Disabled: true})
	var first string
	for i, c := range []struct{ user, password string }{
		{"anna@pve", "wrong"}, {"nobody@pve", "wrong"}, {"anna@nowhere", "wrong"}, {"gone@pve", "x-password"}, {"root@pam", "anna-password"},
	} {
		from := home
		from.Address = "203.0.113." + string(rune('1'+i))
		_, err := w.signIn(host, c.user, c.password, from)
		p := w.wants(err, problem.Unauthorized)
		if first == "" {
			first = p.Sentence()
		}
		if p.Sentence() != first || p.Fields["password"] == "" {
			t.Errorf("%s: %q, others hear %q", c.user, p.Sentence(), first)
		}
	}
	before := asked(w.lab)
	if _, err := w.signIn(host, "anna@pve", "wrong", home); err == nil || asked(w.lab) != before+1 {
		t.Errorf("a refused password was sent %d times", asked(w.lab)-before)
	}
}

func TestWhatIsTypedIsCheckedBeforeProxmoxIsAsked(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	before := asked(w.lab)
	for _, c := range []struct {
		name  string
		give  account.Credentials
		field string
	}{
		{"no user", account.Credentials{Host: host.ID, Realm: "pam", Password: secret.New("x")}, "user"},
		{"no password", account.Credentials{Host: host.ID, User: "root", Realm: "pam"}, "password"},
		{"no realm", account.Credentials{Host: host.ID, User: "root", Password: secret.New("x")}, "realm"},
		{"token as user", account.Credentials{Host: host.ID, User: "root@pam!berth", Password: secret.New("x")}, "realm"},
		{"token in the name", account.Credentials{Host: host.ID, User: "root!berth", Realm: "pam", Password: secret.New("x")}, "user"},
		{"path", account.Credentials{Host: host.ID, User: "../root", Realm: "pam", Password: secret.New("x")}, "user"},
		{"colon", account.Credentials{Host: host.ID, User: "root:x", Realm: "pam", Password: secret.New("x")}, "user"},
		{"invisible", account.Credentials{Host: host.ID, User: "ro\u202eot", Realm: "pam", Password: secret.New("x")}, "user"},
		{"markup in the realm", account.Credentials{Host: host.ID, User: "root", Realm: "<b>", Password: secret.New("x")}, "realm"},
		{"too long", account.Credentials{Host: host.ID, User: strings.Repeat("a", 61), Realm: "pam", Password: secret.New("x")}, "user"},
		{"openid", account.Credentials{Host: host.ID, User: "anna", Realm: "company", Password: secret.New("x")}, "realm"},
		{"no such host", account.Credentials{Host: "127.0.0.1:8006", User: "root", Realm: "pam", Password: secret.New("x")}, "host"},
		{"ticket", account.Credentials{Host: host.ID, User: "root", Realm: "pam", Password: secret.New("PVE:root@pam:6720::sig")}, "password"},
		{"ticket, disguised", account.Credentials{Host: host.ID, User: "root", Realm: "pam", Password: secret.New(" pve:root@pam:6720::sig")}, "password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.Password(t.Context(), c.give, home)
			p := problem.Of(err)
			if p == nil || p.Fields[c.field] == "" {
				t.Errorf("got %v, want a sentence for the field %s", err, c.field)
			}
		})
	}
	if n := asked(w.lab) - before; n != 0 {
		t.Errorf("Proxmox was asked %d times", n)
	}
}

// The simulator takes tickets as passwords, as Proxmox does; Berth does not.
func TestATicketIsNoPassword(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	ticket, err := w.ticket(admin)
	w.must(err)
	before := asked(w.lab)
	_, err = w.signIn(host, "root@pam", ticket.Reveal(), other)
	w.wants(err, problem.Invalid)
	_, err = w.signIn(host, "tom@pve", ticket.Reveal(), other) // root's opens anybody, without a second factor
	w.wants(err, problem.Invalid)
	if asked(w.lab) != before {
		t.Error("the ticket was sent to Proxmox as a password")
	}
}

func TestRealmMayBeTyped(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	for _, c := range []struct{ user, realm string }{{"anna", "pve"}, {"anna@pve", "pam"}, {"anna@pve", ""}, {" anna ", "pve"}} {
		p, err := w.Password(t.Context(), account.Credentials{Host: host.ID, User: c.user, Realm: c.realm, Password: secret.New("anna-password")}, home)
		w.must(err)
		if p.Viewer.User.PVEUser != "anna@pve" {
			t.Errorf("%q in %q signed in as %s", c.user, c.realm, p.Viewer.User.PVEUser)
		}
	}
}

func TestWhoMaySignIn(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.lab.AddUser(pvesim.UserSpec{ID: "berta@pam", Password: "berta-password"})
	tries := 0
	admitted := func(user, password string) bool {
		tries++
		_, err := w.signIn(host, user, password, account.Client{Address: "203.0.113." + string(rune('0'+tries%10))})
		if err != nil {
			w.wants(err, problem.Denied)
		}
		return err == nil
	}
	for _, c := range []struct {
		policy      account.Policy
		anna, berta bool
	}{
		{account.Policy{Admission: account.OnlyAdministrators}, false, false},
		{account.Policy{Admission: account.OnlyListed, Listed: []string{"anna@pve"}}, true, false},
		{account.Policy{Admission: account.OnlyListed, Listed: []string{"@pam"}}, false, true},
		{account.Policy{Admission: account.Everyone}, true, true},
	} {
		w.must(w.EditHost(t.Context(), admin, host.ID, "Lab", c.policy, home))
		if anna, berta := admitted("anna@pve", "anna-password"), admitted("berta@pam", "berta-password"); anna != c.anna || berta != c.berta {
			t.Errorf("%+v: anna %v, berta %v", c.policy, anna, berta)
		}
		if !admitted("root@pam", "root-password") {
			t.Errorf("%+v: the administrator was not let in", c.policy)
		}
	}
	for _, bad := range []account.Policy{{Admission: "friends"}, {Admission: account.OnlyListed}, {Admission: account.OnlyListed, Listed: []string{"anna"}}, {Admission: account.OnlyListed, Listed: []string{"a b@pve"}}} {
		w.wants(w.EditHost(t.Context(), admin, host.ID, "Lab", bad, home), problem.Invalid)
	}
}

func TestEverySignInLeavesIntentAndResult(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	_, err := w.signIn(host, "anna@pve", "wrong-canary", home)
	w.wants(err, problem.Unauthorized)
	_, err = w.signIn(host, "anna@pve", "anna-password", home)
	w.must(err)
	intents, results := map[string]bool{}, map[audit.Result]int{}
	for _, e := range w.trail(audit.SignIn) {
		if e.Result == audit.Intent {
			intents[e.ID] = true
		}
	}
	for _, e := range w.trail(audit.SignIn) {
		if e.Result != audit.Intent {
			if !intents[e.Of] {
				t.Errorf("%+v ends no intent", e)
			}
			results[e.Result]++
		}
		if strings.Contains(e.Actor+e.Subject+e.Detail, "canary") || e.Address == "" {
			t.Errorf("the entry says too much or too little: %+v", e)
		}
	}
	if results[audit.Refused] != 1 || results[audit.OK] != 2 {
		t.Errorf("results: %v", results)
	}
	if strings.Contains(w.log.String(), "canary") {
		t.Error("the password is in the log")
	}
}

func TestAnUnreachableHostIsSaidCalmly(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	undo, err := w.sim.Fault("node-daemon-down", pvesim.FaultTarget{Cluster: "lab", Node: "pve1"})
	w.must(err)
	_, err = w.signIn(host, "anna@pve", "anna-password", home)
	p := problem.Of(err)
	if p == nil || p.Kind == problem.Unauthorized || strings.Contains(p.Sentence(), "127.0.0.1") {
		t.Errorf("got %v", err)
	}
	undo()
	undo, err = w.sim.Fault("ca-changed", pvesim.FaultTarget{Cluster: "lab"})
	w.must(err)
	defer undo()
	before := asked(w.lab)
	_, err = w.signIn(host, "anna@pve", "anna-password", home)
	w.wants(err, problem.Untrusted)
	if asked(w.lab) != before {
		t.Error("a password was sent to a host with another certificate")
	}
}
