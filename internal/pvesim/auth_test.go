package pvesim

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// people is a cluster with somebody of each kind, under a clock that is moved.
func people(t *testing.T) (*clock, *Sim, *Cluster, *caller) {
	ck := newClock()
	auditor := []ACLSpec{{Path: "/", Role: "PVEAuditor"}}
	s := quick(t, Config{Now: ck.now, Clusters: []ClusterSpec{{Name: "lab", Nodes: []NodeSpec{{Name: "pve1", Containers: 2}, {Name: "pve2"}},
		Users: []UserSpec{
			{ID: "anna@pve", Password: "pw-anna", ACL: auditor},
			{ID: "bert@pve", Password: "pw-bert", ACL: auditor, Expire: ck.now().Add(time.Hour).Unix(), Tokens: []TokenSpec{{ID: "t", Secret: "bert-secret"}}},
			{ID: "cara@pve", Password: "pw-cara", Disabled: true},
			{ID: "dora@pve", Password: "pw-dora", TOTPSecret: "JBSWY3DPEHPK3PXP", WebAuthn: true},
			{ID: "emil@pve", Password: "pw-emil", ACL: auditor, Tokens: []TokenSpec{{ID: "brief", Secret: "emil-secret", Expire: ck.now().Add(time.Minute).Unix()}}},
		}}}})
	c := s.Cluster("lab")
	return ck, s, c, ask(t, c.Node("pve1"))
}

func (c *caller) signIn(user, password string) got {
	return c.do("POST", "/access/ticket", url.Values{"username": {user}, "password": {password}})
}

func TestTicketLife(t *testing.T) {
	ck, _, c, who := people(t)
	anna, data := who.login("anna@pve", "pw-anna")
	ticket := data["ticket"].(string)
	ck.advance(110 * time.Minute)
	if res := anna.get("/version"); res.status != 200 {
		t.Errorf("after 110 minutes: %d", res.status)
	}
	renewed := who.signIn("anna@pve", ticket)
	if renewed.status != 200 {
		t.Fatalf("renewal: %d %s", renewed.status, renewed.reason)
	}
	ck.advance(11 * time.Minute)
	if res := anna.get("/version"); res.status != 401 {
		t.Errorf("after two hours: %d", res.status)
	}
	if res := who.signIn("anna@pve", ticket); res.status != 401 {
		t.Errorf("renewal with a ticket that lapsed: %d", res.status)
	}
	var again map[string]any
	renewed.data(t, &again)
	if res := who.ticket(again["ticket"].(string), "").get("/version"); res.status != 200 {
		t.Errorf("the renewed ticket: %d", res.status)
	}
	if res := ask(t, c.Node("pve2")).ticket(again["ticket"].(string), "").get("/version"); res.status != 200 {
		t.Errorf("on another member: %d", res.status)
	}
	if res := who.signIn("bert@pve", again["ticket"].(string)); res.status != 401 {
		t.Errorf("anna's ticket opens bert: %d", res.status)
	}
}

func TestWhoIsRefused(t *testing.T) {
	ck, _, c, who := people(t)
	if res := who.signIn("cara@pve", "pw-cara"); res.status != 401 || res.reason != "authentication failure" {
		t.Errorf("disabled: %d %q", res.status, res.reason)
	}
	bert, brief := who.token("bert@pve!t", "bert-secret"), who.token("emil@pve!brief", "emil-secret")
	if res := bert.get("/version"); res.status != 200 {
		t.Errorf("a token of somebody in time: %d", res.status)
	}
	if res := brief.get("/version"); res.status != 200 {
		t.Errorf("a token in time: %d", res.status)
	}
	ck.advance(2 * time.Minute)
	if res := brief.get("/version"); res.status != 401 {
		t.Errorf("a lapsed token: %d", res.status)
	}
	ck.advance(time.Hour)
	if res := bert.get("/version"); res.status != 401 {
		t.Errorf("a token of somebody whose time is over: %d", res.status)
	}
	if res := who.signIn("bert@pve", "pw-bert"); res.status != 401 {
		t.Errorf("somebody whose time is over: %d", res.status)
	}
	anna, _ := who.login("anna@pve", "pw-anna")
	c.AddUser(UserSpec{ID: "anna@pve", Disabled: true})
	if res := anna.get("/version"); res.status != 401 {
		t.Errorf("the ticket of somebody disabled since: %d", res.status)
	}
}

func TestSecondFactorLocks(t *testing.T) {
	ck, _, _, who := people(t)
	half := func() string {
		var data map[string]any
		who.signIn("dora@pve", "pw-dora").data(t, &data)
		return data["ticket"].(string)
	}
	challenge := half()
	if !strings.Contains(challenge, `"totp"%3Atrue`) || !strings.Contains(challenge, `"webauthn"`) || strings.Contains(challenge, "recovery") {
		t.Errorf("challenge %s", challenge)
	}
	answer := func(challenge, code string) int {
		return who.do("POST", "/access/ticket", url.Values{"username": {"dora@pve"}, "tfa-challenge": {challenge}, "password": {"totp:" + code}}).status
	}
	if answer("PVE:!tfa!{}:00000000::forged", TOTPCode("JBSWY3DPEHPK3PXP", ck.now())) != 401 {
		t.Error("a forged challenge is taken")
	}
	ck.advance(11 * time.Minute)
	if answer(challenge, TOTPCode("JBSWY3DPEHPK3PXP", ck.now())) != 401 {
		t.Error("a lapsed challenge is taken")
	}
	challenge = half()
	for range tfaTries {
		answer(challenge, "123")
	}
	if answer(challenge, TOTPCode("JBSWY3DPEHPK3PXP", ck.now())) != 401 {
		t.Error("eight wrong codes lock nothing")
	}
}

func TestRefusalsComeLate(t *testing.T) {
	s, err := Start(Config{AuthDelay: 80 * time.Millisecond, Clusters: []ClusterSpec{{Name: "lab", Nodes: []NodeSpec{{Name: "pve1"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	who := ask(t, s.Cluster("lab").Node("pve1"))
	for name, call := range map[string]func() got{
		"no login":       func() got { return who.get("/version") },
		"wrong password": func() got { return who.signIn("root@pam", "wrong") },
	} {
		began := time.Now()
		if res := call(); res.status != 401 {
			t.Errorf("%s: %d", name, res.status)
		}
		if took := time.Since(began); took < 80*time.Millisecond {
			t.Errorf("%s: refused after %v already", name, took)
		}
	}
}

func TestLostRights(t *testing.T) {
	_, s, _, who := people(t)
	anna, data := who.login("anna@pve", "pw-anna")
	undo := set(t, s, "ticket-expired", "")
	if res := anna.get("/version"); res.status != 401 {
		t.Errorf("an expired ticket: %d", res.status)
	}
	if res := who.signIn("anna@pve", data["ticket"].(string)); res.status != 401 {
		t.Errorf("renewal with it: %d", res.status)
	}
	if res := who.signIn("anna@pve", "pw-anna"); res.status != 200 {
		t.Errorf("signing in anew: %d", res.status)
	}
	undo()
	if res := anna.get("/version"); res.status != 200 {
		t.Errorf("after the fault: %d", res.status)
	}
}
