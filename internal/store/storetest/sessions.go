package storetest

import (
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
)

func trySessions(b *bench) {
	alice, _ := twoUsers(b)
	v := Session(b, b.Store, alice.ID, Start)
	got, who, err := b.SessionByToken(b.ctx, Hash(v.ID))
	b.must(err)
	equal(b, "whose session", who, alice)
	v.TicketAt, v.TicketVersion = Start, 1
	equal(b, "the session", got, v)
	_, _, err = b.SessionByToken(b.ctx, Hash("guessed"))
	b.missing("a guessed token", err)
	_, _, err = b.SessionByToken(b.ctx, []byte(v.ID))
	b.missing("the id as a token", err)
	_, _, err = b.SessionByToken(b.ctx, nil)
	b.missing("no token", err)

	b.clock.Move(10 * time.Minute)
	b.must(b.TouchSession(b.ctx, v.ID, b.clock.Now()))
	b.must(b.TouchSession(b.ctx, v.ID, Start)) // a late one of another replica
	got, _, err = b.SessionByToken(b.ctx, Hash(v.ID))
	b.must(err)
	equal(b, "last seen", got.SeenAt, b.clock.Now())
	err = b.CreateSession(b.ctx, account.Session{ID: ID(), User: "none"}, Hash("x"), secret.New("ticket"))
	b.missing("a session of nobody", err)
	err = b.CreateSession(b.ctx, account.Session{ID: ID(), User: "none"}, Hash("x"), secret.Text{})
	b.missing("a session of nobody without ticket", err)
}

func trySessionExpiry(b *bench) {
	alice, _ := twoUsers(b)
	idle, long := Session(b, b.Store, alice.ID, Start), Session(b, b.Store, alice.ID, Start)
	alive := func(what, id string, want bool) {
		b.Helper()
		_, _, err := b.SessionByToken(b.ctx, Hash(id))
		if err != nil {
			b.missing(what, err)
		}
		equal(b, what, err == nil, want)
		listed, err := b.Sessions(b.ctx, alice.ID)
		b.must(err)
		found := false
		for _, v := range listed {
			found = found || v.ID == id
		}
		equal(b, what+", in the list", found, want)
	}
	b.clock.Move(time.Hour - time.Millisecond)
	b.must(b.TouchSession(b.ctx, long.ID, b.clock.Now()))
	alive("just before it is idle", idle.ID, true)
	b.clock.Move(time.Millisecond)
	alive("an idle one", idle.ID, false)
	alive("a used one", long.ID, true)
	n, err := b.DeleteExpiredSessions(b.ctx, b.clock.Now())
	b.must(err)
	equal(b, "removed as idle", n, 1)
	b.clock.Move(7 * 24 * time.Hour)
	b.must(b.TouchSession(b.ctx, long.ID, b.clock.Now()))
	alive("after its absolute end, though used", long.ID, false)
	n, err = b.DeleteExpiredSessions(b.ctx, b.clock.Now())
	b.must(err)
	equal(b, "removed as expired", n, 1)
}

func trySessionsOfOthers(b *bench) {
	alice, bob := twoUsers(b)
	one, two, three := Session(b, b.Store, alice.ID, Start), Session(b, b.Store, alice.ID, Start), Session(b, b.Store, alice.ID, Start)
	his := Session(b, b.Store, bob.ID, Start)
	b.missing("ending another's session", b.DeleteSession(b.ctx, bob.ID, one.ID))
	b.missing("ending no session", b.DeleteSession(b.ctx, bob.ID, "none"))
	b.must(b.DeleteSession(b.ctx, alice.ID, one.ID))
	_, _, err := b.SessionByToken(b.ctx, Hash(one.ID))
	b.missing("an ended session", err)
	n, err := b.DeleteSessions(b.ctx, alice.ID, two.ID)
	b.must(err)
	equal(b, "ended", n, 1)
	_, _, err = b.SessionByToken(b.ctx, Hash(three.ID))
	b.missing("the third", err)
	left, err := b.Sessions(b.ctx, alice.ID)
	b.must(err)
	if len(left) != 1 || left[0].ID != two.ID {
		b.Errorf("left: %+v", left)
	}
	if _, _, err = b.SessionByToken(b.ctx, Hash(his.ID)); err != nil {
		b.Errorf("another's session ended: %v", err)
	}
	b.must(b.SetDisabled(b.ctx, bob.ID, Start))
	_, _, err = b.SessionByToken(b.ctx, Hash(his.ID))
	b.missing("a disabled user's session", err)
	late := his
	late.ID = ID()
	b.missing("a session of a disabled user", b.CreateSession(b.ctx, late, Hash(late.ID), secret.Text{}))

	// Who signs in at that very moment has no session when they are enabled again.
	for range 10 {
		b.must(b.SetDisabled(b.ctx, bob.ID, time.Time{}))
		atOnce(b, 5, func(i int) (bool, error) {
			if i == 2 {
				return true, b.SetDisabled(b.ctx, bob.ID, Start)
			}
			v := his
			v.ID = ID()
			if err := b.CreateSession(b.ctx, v, Hash(v.ID), secret.New("PVE:x")); !problem.Is(err, problem.NotFound) {
				return true, err
			}
			return false, nil
		})
		b.must(b.SetDisabled(b.ctx, bob.ID, time.Time{}))
		if left, err = b.Sessions(b.ctx, bob.ID); err != nil || len(left) != 0 {
			b.Fatalf("sessions %v, %v", left, err)
		}
	}
}

func tryProof(b *bench) {
	alice, _ := twoUsers(b)
	v := Session(b, b.Store, alice.ID, Start)
	b.clock.Move(20 * time.Minute)
	b.must(b.ProveSession(b.ctx, v.ID, b.clock.Now(), nil))
	got, _, err := b.SessionByToken(b.ctx, Hash(v.ID))
	b.must(err)
	equal(b, "proof", got.ProofAt, b.clock.Now())
	b.must(b.ProveSession(b.ctx, v.ID, b.clock.Now(), Hash("new token")))
	_, _, err = b.SessionByToken(b.ctx, Hash(v.ID))
	b.missing("the token before", err)
	if got, _, err = b.SessionByToken(b.ctx, Hash("new token")); err != nil || got.ID != v.ID {
		b.Errorf("the new token: %+v, %v", got, err)
	}
	b.missing("proof of none", b.ProveSession(b.ctx, "none", Start, nil))
}

func tryTickets(b *bench) {
	alice, _ := twoUsers(b)
	v := Session(b, b.Store, alice.ID, Start)
	first, err := b.Ticket(b.ctx, v.ID)
	revealed(b, "the ticket", first.Secret, err, "PVE:ticket of "+v.ID)
	host, err := b.SignInHost(b.ctx, alice.Host)
	b.must(err)
	equal(b, "where it may go", first.Authority.Binding(), host.Authority.Binding())
	swap := func(what string, from int64, text string, want bool) {
		b.Helper()
		ok, err := b.SwapTicket(b.ctx, v.ID, from, secret.New(text), b.clock.Now())
		b.must(err)
		equal(b, what, ok, want)
	}
	b.clock.Move(time.Hour / 2)
	swap("the version that it is", first.Version, "second", true)
	swap("the version that it was", first.Version, "third", false)
	second, err := b.Ticket(b.ctx, v.ID)
	next := second.Version
	revealed(b, "the swapped ticket", second.Secret, err, "second")
	got, _, err := b.SessionByToken(b.ctx, Hash(v.ID))
	b.must(err)
	equal(b, "when it was got", got.TicketAt, b.clock.Now())
	equal(b, "its version", got.TicketVersion, next)

	b.must(b.ForgetTicket(b.ctx, v.ID))
	_, err = b.Ticket(b.ctx, v.ID)
	b.missing("a forgotten ticket", err)
	swap("a forgotten one", next, "back again", false)
	swap("a forgotten one by its last version", next+1, "back again", false)
	b.must(b.PutTicket(b.ctx, v.ID, secret.New("by password"), b.clock.Now()))
	third, err := b.Ticket(b.ctx, v.ID)
	revealed(b, "a ticket by a new password", third.Secret, err, "by password")

	b.must(b.DeleteSession(b.ctx, alice.ID, v.ID))
	_, err = b.Ticket(b.ctx, v.ID)
	b.missing("the ticket of no session", err)
	swap("the ticket of no session", 1, "x", false)
	b.missing("a ticket for no session", b.PutTicket(b.ctx, v.ID, secret.New("x"), Start))
}

func tryTicketRenewal(b *bench) {
	alice, bob := twoUsers(b)
	v := Session(b, b.Store, alice.ID, Start)
	b.clock.Move(30 * time.Minute)
	Session(b, b.Store, bob.ID, b.clock.Now()) // too young
	due := func(what string, want int) {
		b.Helper()
		list, err := b.SessionsToRenew(b.ctx, Start.Add(time.Minute))
		b.must(err)
		equal(b, what, len(list), want)
		if want > 0 && (list[0].Session.ID != v.ID || list[0].User.ID != alice.ID) {
			b.Errorf("%s: %+v", what, list[0])
		}
	}
	due("at half-life", 1)
	n := atOnce(b, 8, func(int) (bool, error) {
		return b.ClaimTicketRenewal(b.ctx, v.ID, 1, b.clock.Now().Add(30*time.Second))
	})
	equal(b, "who renews", n, 1)
	due("while somebody renews it", 0)
	b.clock.Move(30 * time.Second)
	due("when that one did not come back", 1)
	n = atOnce(b, 8, func(i int) (bool, error) {
		return b.SwapTicket(b.ctx, v.ID, 1, secret.New("renewed by "+string(rune('a'+i))), b.clock.Now())
	})
	equal(b, "swaps of one version", n, 1)
	due("after the swap", 0)
	if ok, err := b.ClaimTicketRenewal(b.ctx, v.ID, 1, b.clock.Now().Add(time.Hour)); ok || err != nil {
		b.Errorf("a claim on an old version: %v, %v", ok, err)
	}
	b.must(b.SetDisabled(b.ctx, alice.ID, Start))
	if ok, err := b.ClaimTicketRenewal(b.ctx, v.ID, 2, b.clock.Now().Add(time.Hour)); ok || err != nil {
		b.Errorf("a claim on an ended session: %v, %v", ok, err)
	}
	if problem.Of(b.ForgetTicket(b.ctx, v.ID)) != nil {
		b.Error("forgetting what is gone is an error")
	}
}
