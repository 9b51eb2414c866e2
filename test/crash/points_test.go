package crash

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/pvesim"
)

// point is an instant at which Berth is killed. Nothing in Berth knows of it:
// Proxmox keeps the answer back, or the database keeps a table back, and tells
// when somebody waits for it.
type point struct {
	name string
	// before brings about what the request needs, and returns it; nil is Berth's
	// own start. again is tried when Berth is back: it fails the test unless the
	// person gets what they wanted.
	before func(s *scene) (dies request, again func())

	call  string // Proxmox keeps this call …
	after bool   // … when it has done it, else before
	pass  int    // … not these first ones
	table string // or PostgreSQL keeps this table from writers; with neither, Berth dies right after it acknowledged

	lease  bool       // what comes after waits out a replica's lease; else that has passed
	begun  audit.Kind // the intent that is left without a result
	stored outcome
}

// outcome is what a killed Berth has kept of what was asked.
type outcome int

const (
	nothing outcome = iota // all is as before
	whole                  // it is stored, all of it
	either                 // one of the two: whether the database had been told is not known
)

const ticketCall, tokenCall = "POST /access/ticket", "POST /access/users/{userid}/token/{tokenid}"

var points = []point{
	{name: "sign-in, the password is not looked at", before: signingIn, call: ticketCall, begun: audit.SignIn},
	{name: "sign-in, the password was right", before: signingIn, call: ticketCall, after: true, lease: true, begun: audit.SignIn},
	{name: "sign-in, the session is not stored", before: signingIn, table: "sessions", begun: audit.SignIn, stored: either},
	{name: "second factor, the code is not looked at", before: givingCode, call: ticketCall, begun: audit.SignIn},
	{name: "second factor, the recovery key was right", before: givingRecoveryKey, call: ticketCall, after: true, begun: audit.SignIn},
	{name: "password again, it is not looked at", before: proving, call: ticketCall, begun: audit.Proof},

	{name: "create a token, its plan: the roles are read", before: planningToken, call: "GET /access/roles", begun: audit.ClusterTest},
	{name: "create a token: the role is not made", before: makingToken("look"), call: "POST /access/roles", begun: audit.TokenCreate},
	{name: "create a token: the role is made", before: makingToken("manage"), call: "POST /access/roles", after: true, begun: audit.TokenCreate},
	{name: "create a token: the ticket is renewed", before: makingToken("look"), call: ticketCall, pass: 1, begun: audit.TokenCreate},
	{name: "create a token: the token is not made", before: makingToken("look"), call: tokenCall, begun: audit.TokenCreate},
	{name: "create a token: the token is made, its secret not told", before: makingLostToken, call: tokenCall, after: true, begun: audit.TokenCreate},
	{name: "create a token: the secret is told, and not stored", before: makingLostToken, table: "clusters", begun: audit.TokenCreate, stored: either},
	{name: "create a token: it has no rights yet", before: makingLostToken, call: "PUT /access/acl", begun: audit.TokenCreate, stored: whole},
	{name: "create a token: it has its rights", before: makingLostToken, call: "PUT /access/acl", after: true, begun: audit.TokenCreate, stored: whole},
	{name: "create a token: its rights are compared", before: makingLostToken, call: "GET /access/permissions", pass: 1, begun: audit.TokenCreate, stored: whole},

	{name: "add a node: who answers there", before: lookingAtNode, call: "GET /access/domains", begun: audit.Probe},
	{name: "add a node, its check: the version", before: checkingNode, call: "GET /version", begun: audit.ClusterTest},
	{name: "add a node, its check: the privileges", before: checkingNode, call: "GET /access/permissions", begun: audit.ClusterTest},
	{name: "add a node, its check: the members", before: checkingNode, call: "GET /cluster/status", begun: audit.ClusterTest},
	{name: "add a node, its check: the authority", before: checkingNode, call: "GET /nodes/{node}/certificates/info", begun: audit.ClusterTest},
	{name: "save of a node: it is checked once more", before: savingNode, call: "GET /access/permissions", begun: audit.ClusterTest},
	{name: "save of a node: it is not stored", before: savingNode, table: "clusters", begun: audit.ClusterAdd, stored: either},
	{name: "save of a node: its default is not stored", before: savingNode, table: "default_nodes", begun: audit.ClusterAdd, stored: either},
	{name: "save of a node: the watcher asks for the first time", before: savingNode, call: "GET /cluster/resources", stored: whole},
	{name: "save of a node, acknowledged", before: savingNode, stored: whole},

	{name: "ticket renewal, not done", before: renewing, call: ticketCall},
	{name: "ticket renewal, done and not told", before: renewing, call: ticketCall, after: true},

	{name: "new secret: the address is tried", before: editingSecret, call: "GET /access/domains", begun: audit.ClusterEdit},
	{name: "new secret: it is tried", before: editingSecret, call: "GET /version", begun: audit.ClusterEdit},
	{name: "new secret: it is not stored", before: editingSecret, table: "clusters", begun: audit.ClusterEdit, stored: either},
	{name: "new secret, acknowledged", before: editingSecret, stored: whole},

	{name: "delete of a node: it is not deleted", before: deletingNode, table: "clusters", begun: audit.ClusterDrop, stored: either},
	{name: "delete of a node, acknowledged", before: deletingNode, stored: whole},
}

// At each of these points Berth is killed and started again: nothing is half
// stored, what was acknowledged is there, the trail is whole and has what was
// begun, and the next try goes through.
func TestKilledAtNamedPoints(t *testing.T) {
	onBoth(t, func(t *testing.T, at place) {
		s := newScene(t, at)
		s.letEverybodyIn()
		for _, p := range points {
			if p.table != "" && at.database == "" {
				continue // SQLite has one lock for all: there is no waiting for a table
			}
			if !t.Run(p.name, func(t *testing.T) { s.during(t, func() { s.dieAt(p) }) }) {
				break // what comes after begins with what this one left
			}
		}
	})
}

func (s *scene) dieAt(p point) {
	dies, again := p.before(s)
	was, begun := s.kept(), s.begun()
	acknowledged := s.killAt(p, dies)
	now := s.kept()
	if got := s.begun()[p.begun] - begun[p.begun]; p.begun != "" && got != 1 {
		s.Errorf("%d intents of %s without a result are new, want 1", got, p.begun)
	}
	switch {
	case p.stored == nothing && !now.equal(was):
		s.Errorf("something is stored that was never acknowledged:\n%v\n%v", was, now)
	case p.stored == whole && now.equal(was):
		s.Errorf("nothing of it is stored:\n%v", now)
	}
	if acknowledged.location != "" && p.stored != whole {
		s.Errorf("it was acknowledged, so this was not the point: %v", acknowledged)
	}
	s.exec("DELETE FROM attempts WHERE attempt_key LIKE 'probe:%'") // as when ten minutes have passed
	if s.at.database != "" && !p.lease {
		s.exec("UPDATE leases SET held_until = 0")
	}
	s.start()
	if got := s.b.get("/palette.json"); got.status != http.StatusOK {
		s.Errorf("who was signed in is not any more: %v", got)
	}
	again()
	s.hasDefault()
}

// killAt lets the request come to the point, and kills Berth there. What it answered before that is returned.
func (s *scene) killAt(p point, dies request) (answered page) {
	s.Helper()
	reached, free := func() bool { return true }, func() {}
	switch {
	case p.call != "":
		stage := "before"
		if p.after {
			stage = "after"
		}
		free = s.fault("held", "", map[string]string{"call": p.call, "stage": stage, "pass": fmt.Sprint(p.pass)})
		reached = func() bool { return s.lab.Requests().Held > 0 }
	case p.table != "":
		reached, free = s.locked(p.table)
	}
	over := make(chan struct{})
	if dies == nil {
		s.launch()
		close(over)
	} else {
		go func() {
			defer close(over)
			answered, _ = dies(s.Context())
		}()
	}
	if p.call+p.table == "" {
		<-over
	}
	wait(s, "the point is reached", patience, reached)
	s.berth.kill()
	free()
	<-over
	return answered
}

// hasDefault waits for the default node, which comes with the watcher's next look where it was not stored.
func (s *scene) hasDefault() {
	s.Helper()
	there := func() bool {
		k := s.kept()
		return (len(k.clusters) > 0) == (k.node != "")
	}
	if !there() {
		s.seeAll(s.b)
		wait(s, "there is a default node", patience, there)
	}
}

// letEverybodyIn opens the sign-in host to others, and makes one with a second factor.
func (s *scene) letEverybodyIn() {
	s.Helper()
	s.lab.AddUser(pvesim.UserSpec{ID: "tess@" + realm, Password: password, TOTPSecret: totpSecret, Recovery: []string{recoveryKey(1), recoveryKey(2)}})
	_, rest, _ := strings.Cut(s.b.get("/settings/sign-in-hosts").body, `href="/settings/sign-in-hosts/0`)
	path, _, _ := strings.Cut("/settings/sign-in-hosts/0"+rest, `"`)
	form := s.b.form(s.b.get(path), path)
	form.Set("admission", "everyone")
	s.b.leads(path, form)
}

const totpSecret = "JBSWY3DPEHPK3PXP"

func recoveryKey(n int) string { return fmt.Sprintf("aaaa-bbbb-cccc-%04d", n) }

// codeNow is what an authenticator app shows.
func codeNow() string {
	key, _ := base32.StdEncoding.DecodeString(totpSecret)
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, uint64(time.Now().Unix()/30))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1000000)
}

func signingIn(s *scene) (request, func()) {
	b := newBrowser(s, s.berth.url)
	return posting(b, "/login", s.credentials(b)), func() {
		b.moved(s.berth.url)
		s.signIn(b) // with replicas the lane's lease has to end first, which takes no longer than anybody waits
		b.leads("/sign-out", url.Values{})
	}
}

// second gives the password of somebody with a second factor.
func (s *scene) second(b *browser) (to string) {
	form := s.credentials(b)
	form.Set("user", "tess")
	return b.leads("/login", form)
}

func givingCode(s *scene) (request, func()) {
	b := newBrowser(s, s.berth.url)
	to := s.second(b)
	dies := func(ctx context.Context) (page, error) {
		return b.ask(ctx, http.MethodPost, to, url.Values{"code": {codeNow()}})
	}
	return dies, func() { // the half sign-in outlives Berth
		b.moved(s.berth.url)
		b.leads(to, url.Values{"code": {codeNow()}})
	}
}

func givingRecoveryKey(s *scene) (request, func()) {
	b := newBrowser(s, s.berth.url)
	at, err := url.Parse(s.second(b))
	if err != nil {
		s.Fatal(err)
	}
	q := at.Query()
	q.Set("use", "recovery")
	at.RawQuery = q.Encode()
	return posting(b, at.String(), url.Values{"code": {recoveryKey(1)}}), func() { // this key is used up in Proxmox
		b.moved(s.berth.url)
		b.leads(at.String(), url.Values{"code": {recoveryKey(2)}})
	}
}

func proving(s *scene) (request, func()) {
	form := url.Values{"password": {password}, "return": {"/settings/nodes"}}
	return posting(s.b, "/login/proof", form), func() { s.b.leads("/login/proof", form) }
}

const ownPath = "/settings/nodes/new/own"

func (s *scene) wish(tier string) url.Values {
	return url.Values{"tier": {tier}, "scope": {"all"}, "name": {s.name("berth")}, "days": {"30"}}
}

func planningToken(s *scene) (request, func()) {
	s.withoutNode()
	form := s.wish("look")
	return posting(s.b, ownPath, form), func() { s.b.form(s.b.post(ownPath, form), ownPath+"/make") }
}

// makingToken is for the tiers in turn: a role that was made stays in Proxmox.
func makingToken(tier string) func(s *scene) (request, func()) {
	return func(s *scene) (request, func()) {
		s.withoutNode()
		form := s.wish(tier)
		plan := s.b.form(s.b.post(ownPath, form), ownPath+"/make")
		return posting(s.b, ownPath+"/make", plan), func() {
			s.b.leads(ownPath+"/make", s.b.form(s.b.post(ownPath, form), ownPath+"/make"))
			s.seeAll(s.b)
		}
	}
}

// makingLostToken is makingToken where the token may be in Proxmox already, and
// is left alone then: the next one has another name.
func makingLostToken(s *scene) (request, func()) {
	s.withoutNode()
	form := s.wish("look")
	plan := s.b.form(s.b.post(ownPath, form), ownPath+"/make")
	return posting(s.b, ownPath+"/make", plan), func() {
		if s.node() == "" {
			s.says(s.b.post(ownPath, form), "You have a token of this name already")
		}
		s.withoutNode() // what is there can be deleted, whatever its token may do
		form = s.wish("look")
		s.b.leads(ownPath+"/make", s.b.form(s.b.post(ownPath, form), ownPath+"/make"))
		s.seeAll(s.b)
	}
}

func (s *scene) firstAddress() url.Values {
	host, port, err := net.SplitHostPort(s.lab.Nodes()[0].Addr())
	if err != nil {
		s.Fatal(err)
	}
	return url.Values{"address": {host}, "port": {port}}
}

const newPath = "/settings/nodes/new"

func lookingAtNode(s *scene) (request, func()) {
	s.withoutNode()
	return posting(s.b, newPath, s.firstAddress()), func() { s.withNode() }
}

// typed is the form of the token as filled in.
func (s *scene) typed() url.Values {
	p := s.b.post(newPath, s.firstAddress())
	form := s.b.form(s.b.post(newPath+"/token", s.b.form(p, newPath+"/token")), newPath+"/check")
	form.Set("token", s.tokenID)
	form.Set("secret", s.token)
	return form
}

func checkingNode(s *scene) (request, func()) {
	s.withoutNode()
	form := s.typed()
	return posting(s.b, newPath+"/check", form), func() {
		p := s.b.post(newPath+"/check", form)
		s.b.leads(newPath+"/save", s.b.form(p, newPath+"/save"))
		s.seeAll(s.b)
	}
}

func savingNode(s *scene) (request, func()) {
	s.withoutNode()
	form := s.b.form(s.b.post(newPath+"/check", s.typed()), newPath+"/save")
	return posting(s.b, newPath+"/save", form), func() {
		if s.node() == "" { // the draft died with Berth: all but the secret is still there
			s.says(s.b.post(newPath+"/save", form), "Enter the secret again")
		}
		s.withNode()
		s.seeAll(s.b)
	}
}

// renewing has a ticket that is due when Berth starts; that start is what is under way.
func renewing(s *scene) (request, func()) {
	s.withNode()
	s.berth.stop()
	var id string
	if err := s.sql().QueryRowContext(s.Context(), "SELECT id FROM sessions WHERE ticket IS NOT NULL ORDER BY seen_at DESC LIMIT 1").Scan(&id); err != nil {
		s.Fatal(err)
	}
	s.exec("UPDATE sessions SET ticket_at = ticket_at - 3660000, renewing_until = 0 WHERE id = $1", id)
	version := func() int64 {
		st := s.open()
		defer s.closed(st)
		held, err := st.Ticket(s.Context(), id)
		if err != nil {
			s.Fatal(err)
		}
		return held.Version
	}
	old := version()
	return nil, func() {
		if version() != old {
			s.Error("a renewal that was cut off is stored")
		}
		s.berth.stop()
		s.exec("UPDATE sessions SET renewing_until = 0") // as when two minutes have passed
		s.start()
		wait(s, "the ticket is renewed", patience, func() bool { return version() > old })
	}
}

func editingSecret(s *scene) (request, func()) {
	id := s.withNode()
	path := "/settings/nodes/" + id + "/connection"
	name := s.name("other")
	other := s.lab.AddToken(user+"@"+realm, name, pvesim.TokenSpec{PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
	page := s.b.get(path)
	form := s.b.form(page, path)
	form.Set("addresses", s.lab.Nodes()[0].Addr()+"\n"+s.lab.Nodes()[1].Addr()+"\n"+s.lab.Nodes()[2].Addr())
	form.Set("token", user+"@"+realm+"!"+name)
	form.Set("secret", other)
	return posting(s.b, path, form), func() {
		if now := s.b.form(s.b.get(path), path); now.Get("version") == form.Get("version") {
			s.b.leads(path, form)
		}
		s.says(s.b.get("/settings/nodes/"+id), "!"+name)
		s.lab.ResetRequests()
		s.b.leads("/settings/nodes/"+id+"/test", url.Values{}) // with the secret that is stored
		if s.lab.Requests().Calls["GET /access/permissions"] == 0 {
			s.Error("the stored secret does not open Proxmox")
		}
	}
}

func deletingNode(s *scene) (request, func()) {
	id := s.withNode()
	return posting(s.b, "/settings/nodes/"+id+"/delete", url.Values{}), func() {
		if s.node() == "" {
			for _, table := range []string{"members", "pictures", "default_nodes"} {
				n := 0
				if err := s.sql().QueryRowContext(s.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n > 0 {
					s.Errorf("%d rows of a deleted node are left in %s, %v", n, table, err)
				}
			}
		}
		s.withoutNode()
		s.withNode()
	}
}
