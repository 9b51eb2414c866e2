package signin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
)

// refused are the trail's refusals of that kind, the newest first within each owner's.
func (w *world) refused(kind audit.Kind) []audit.Entry {
	var found []audit.Entry
	for _, e := range w.trail(kind) {
		if e.Result == audit.Refused && e.Of == "" {
			found = append(found, e)
		}
	}
	return found
}

func TestATryPastTheLimitIsInTheTrailOnceAMinute(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, _ := w.viewer(host, "anna@pve", "anna-password", home)
	for range 5 {
		_, err := w.signIn(host, "anna@pve", "wrong", other)
		w.wants(err, problem.Unauthorized)
	}
	for range 4 {
		_, err := w.signIn(host, "anna@pve", "wrong", other)
		w.wants(err, problem.TooMany)
	}
	told := w.refused(audit.SignIn)
	if len(told) != 1 || told[0].Owner != string(anna.User.ID) || told[0].Address != other.Address || told[0].Subject != host.Name {
		t.Fatalf("four tries past the limit are told as %+v", told)
	}
	w.clock.pass(61 * time.Second)
	_, err := w.signIn(host, "anna@pve", "wrong", other)
	w.wants(err, problem.TooMany)
	told = w.refused(audit.SignIn)
	if len(told) != 2 || !strings.Contains(told[0].Detail, "3 more times") {
		t.Errorf("the next one does not say how many there were: %+v", told)
	}
}

func TestWhatNoLaterRefusalTellsIsToldByItself(t *testing.T) {
	w := newWorld(t)
	_, admin := w.setUp()
	refuse := func() { w.TurnedAway(t.Context(), admin, "192.0.2.10", "GET /x", problem.Missing()) }
	refuse()
	refuse()
	refuse()
	w.TellRefusals(t.Context())
	if n := len(w.refused(audit.PageRefused)); n != 1 {
		t.Fatalf("%d entries within the minute", n)
	}
	w.clock.pass(61 * time.Second)
	w.TellRefusals(t.Context())
	told := w.refused(audit.PageRefused)
	if len(told) != 2 || !strings.Contains(told[0].Detail, "1 more times") {
		t.Fatalf("after the minute: %+v", told)
	}
	w.clock.pass(61 * time.Second)
	w.TellRefusals(t.Context())
	w.clock.pass(61 * time.Second)
	w.TellRefusals(t.Context())
	if n := len(w.refused(audit.PageRefused)); n != 2 {
		t.Errorf("%d entries when nothing more came", n)
	}
}

func TestACrowdOfStrangersDoesNotFloodTheTrail(t *testing.T) {
	w := newWorld(t)
	for i := range 2000 {
		w.NoteRefusal(t.Context(), audit.Entry{Kind: audit.SignIn, Actor: "somebody", Address: fmt.Sprintf("2001:db8:%x::1", i)})
		w.NoteRefusal(t.Context(), audit.Entry{Kind: audit.SignIn, Actor: "somebody", Address: fmt.Sprintf("2001:db8:1:1::%x", i)}) // one network
	}
	if n := len(w.refused(audit.SignIn)); n > 65 {
		t.Errorf("%d entries within a minute", n)
	}
	w.clock.pass(61 * time.Second)
	w.TellRefusals(t.Context())
	var sum int
	for _, e := range w.refused(audit.SignIn) {
		var more int
		if _, after, ok := strings.Cut(e.Detail, "(And "); ok {
			_, _ = fmt.Sscan(after, &more)
		}
		sum += 1 + more
	}
	if sum != 4000 {
		t.Errorf("%d of 4000 refusals are counted in the trail", sum)
	}
}

// What one person is refused crowds out nobody else's.
func TestOnePersonsRefusalsHaveTheirOwnLimit(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	viewer, _ := w.viewer(host, "anna@pve", "anna-password", home)
	anna, alex := string(viewer.User.ID), string(admin.User.ID)
	for i := range 500 {
		w.NoteRefusal(t.Context(), audit.Entry{Kind: "container.start", Owner: anna, Actor: "anna@pve", Subject: fmt.Sprintf("CT %d", i), Address: "192.0.2.10"})
	}
	w.NoteRefusal(t.Context(), audit.Entry{Kind: "container.start", Owner: alex, Actor: admin.User.PVEUser, Subject: "CT 7", Address: "192.0.2.11"})
	of := map[string]int{}
	for _, e := range w.refused("container.start") {
		of[e.Owner]++
		if e.Owner == alex && e.Subject != "CT 7" {
			t.Errorf("another person's entry: %+v", e)
		}
	}
	if of[anna] != 17 || of[alex] != 1 {
		t.Errorf("entries: %v", of)
	}
}

func TestAnAddressThatProvesAnotherProxmoxIsInTheTrail(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	attic := w.sim.Cluster("attic").Node("attic")
	err := w.AddAddress(t.Context(), admin, host.ID, attic.Addr(), home)
	w.wants(err, problem.Untrusted)
	told := w.refused(audit.SignInHostEdit)
	if len(told) != 1 || !strings.Contains(told[0].Subject, attic.Addr()) || !strings.Contains(told[0].Detail, attic.Fingerprint()) || told[0].Owner != string(admin.User.ID) {
		t.Errorf("the trail has %+v", told)
	}
}

func TestAPageForAdministratorsIsRefusedInTheirTrailOnly(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	anna, _ := w.viewer(host, "anna@pve", "anna-password", home)
	w.TurnedAway(t.Context(), anna, "192.0.2.10", "GET /settings/people", problem.Missing())
	w.TurnedAway(t.Context(), anna, "192.0.2.10", "POST /settings/nodes", problem.New(problem.NeedProof, "Your password is needed again for this.", ""))
	owners := map[string]string{}
	for _, e := range w.refused(audit.PageRefused) {
		owners[e.Subject] = e.Owner
		if e.Actor != "anna@pve" || e.Address != "192.0.2.10" {
			t.Errorf("entry %+v", e)
		}
	}
	if len(owners) != 2 || owners["GET /settings/people"] != "" || owners["POST /settings/nodes"] != string(anna.User.ID) {
		t.Errorf("whose trail shows it: %v", owners)
	}
}

func TestTooManySetUpLinksAndCodesAreInTheTrail(t *testing.T) {
	w := newWorld(t)
	for range 21 {
		_, _ = w.OpenSetUp(t.Context(), "AAAAAAAAAAAAAAAAAAAAAA", from("203.0.113.9")) // each is refused; the last by the limit
	}
	if told := w.refused(audit.SetUpLink); len(told) != 1 || told[0].Address != "203.0.113.9" {
		t.Errorf("set-up links: %+v", told)
	}
	_, admin := w.setUp()
	for range 22 {
		_, _ = w.Look(t.Context(), admin, "192.0.2.1:9", account.Client{Address: "192.0.2.10"}) // a blocked port: nobody is asked
	}
	if told := w.refused(audit.Probe); len(told) != 1 {
		t.Errorf("looks past the limit: %+v", told)
	}
}
