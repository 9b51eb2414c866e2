package storetest

import (
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
)

func tryHosts(b *bench) {
	home := Host(b, b.Store, "home")
	equal(b, "authority", home.Authority, Authority("home.example.org"))
	equal(b, "made", home.CreatedAt, Start)
	b.clock.Move(time.Minute)
	work := Host(b, b.Store, "work")
	hosts, err := b.SignInHosts(b.ctx)
	b.must(err)
	equal(b, "hosts in order of age", hosts, []account.SignInHost{home, work})

	err = b.CreateSignInHost(b.ctx, account.SignInHost{ID: account.HostID(ID()), Name: " HOME "})
	b.kind("a second host of a name", err, problem.Conflict)
	if problem.Of(err).Fields["name"] == "" {
		b.Error("the conflict does not name the field")
	}
	work.Name = "Home"
	b.kind("a host renamed to another's name", b.UpdateSignInHost(b.ctx, work), problem.Conflict)

	realms := []account.Realm{{Name: "pam", Type: "pam", Default: true}, {Name: "sso", Type: "openid"}}
	b.must(b.SetRealms(b.ctx, home.ID, realms, b.clock.Now()))
	home, err = b.SignInHost(b.ctx, home.ID)
	b.must(err)
	equal(b, "realms", home.Realms, realms)
	equal(b, "realms read", home.RealmsAt, b.clock.Now())
	home.Name, home.Policy = "Attic", account.Policy{Admission: account.OnlyListed, Listed: []string{"@pve"}}
	b.must(b.UpdateSignInHost(b.ctx, home))
	again, err := b.SignInHost(b.ctx, home.ID)
	b.must(err)
	b.kind("a change of the host as it was before", b.UpdateSignInHost(b.ctx, home), problem.Conflict)
	if !again.UpdatedAt.After(home.UpdatedAt) {
		b.Errorf("changed at %s, read at %s", again.UpdatedAt, home.UpdatedAt)
	}
	home.UpdatedAt = again.UpdatedAt
	equal(b, "changed host", again, home)

	_, err = b.SignInHost(b.ctx, "none")
	b.missing("no such host", err)
	b.missing("change of none", b.UpdateSignInHost(b.ctx, account.SignInHost{ID: "none"}))
	b.missing("realms of none", b.SetRealms(b.ctx, "none", nil, Start))
	b.missing("deletion of none", b.DeleteSignInHost(b.ctx, "none"))
}

// A ticket was given for the authority as it was: another address or pin never gets it.
func tryHostChange(b *bench) {
	host := Host(b, b.Store, "home")
	u := User(b, b.Store, host.ID, "root@pam")
	v := Session(b, b.Store, u.ID, Start)
	half := account.HalfLogin{Hash: Hash("half"), Host: host.ID, PVEUser: "root@pam", Challenge: secret.New("x"), ExpiresAt: Start.Add(time.Minute)}
	b.must(b.PutHalfLogin(b.ctx, half))

	host.Name = "attic"
	b.must(b.UpdateSignInHost(b.ctx, host))
	ticket, err := b.Ticket(b.ctx, v.ID)
	revealed(b, "the ticket after a new name", ticket.Secret, err, "PVE:ticket of "+v.ID)

	host, err = b.SignInHost(b.ctx, host.ID)
	b.must(err)
	host.Authority = Authority("elsewhere.example.org")
	b.must(b.UpdateSignInHost(b.ctx, host))
	_, err = b.Ticket(b.ctx, v.ID)
	b.missing("the ticket after a new address", err)
	_, err = b.TakeTry(b.ctx, half.Hash, Start)
	b.missing("the half sign-in after a new address", err)
	if _, _, err = b.SessionByToken(b.ctx, Hash(v.ID)); err != nil {
		b.Errorf("the session went as well: %v", err)
	}
}

// Whoever came through a host goes with it; the same user of another host stays.
func tryHostDeletion(b *bench) {
	host, other := Host(b, b.Store, "home"), Host(b, b.Store, "work")
	u, stays := User(b, b.Store, host.ID, "root@pam"), User(b, b.Store, other.ID, "root@pam")
	v, keeps := Session(b, b.Store, u.ID, Start), Session(b, b.Store, stays.ID, Start)
	c := Cluster(b, b.Store, u.ID, "lab")
	b.must(b.SavePicture(b.ctx, c.ID, []byte("seen"), Start))
	b.must(b.DeleteSignInHost(b.ctx, host.ID))

	_, err := b.User(b.ctx, u.ID)
	b.missing("the user", err)
	_, _, err = b.SessionByToken(b.ctx, Hash(v.ID))
	b.missing("the session", err)
	_, err = b.ClusterSecret(b.ctx, string(u.ID), c.ID)
	b.missing("the secret", err)
	_, err = b.LoadPicture(b.ctx, c.ID)
	b.missing("the picture", err)
	_, err = b.SignedIn(b.ctx, host.ID, "root@pam", true)
	b.missing("signing in through it", err)
	if _, _, err = b.SessionByToken(b.ctx, Hash(keeps.ID)); err != nil {
		b.Errorf("another host's session went as well: %v", err)
	}
}

func tryUsers(b *bench) {
	home, work := Host(b, b.Store, "home"), Host(b, b.Store, "work")
	root := User(b, b.Store, home.ID, "root@pam")
	equal(b, "new user", root, account.User{ID: root.ID, Host: home.ID, PVEUser: "root@pam", CreatedAt: Start, SignedInAt: Start})
	b.clock.Move(time.Hour)
	again, err := b.SignedIn(b.ctx, home.ID, "root@pam", true)
	b.must(err)
	root.SignedInAt, root.Admin = b.clock.Now(), true
	equal(b, "who signs in again", again, root)
	if again, err = b.SignedIn(b.ctx, home.ID, "root@pam", false); err != nil || !again.Admin {
		b.Errorf("signing in takes administration away: %+v, %v", again, err)
	}
	if other := User(b, b.Store, work.ID, "root@pam"); other.ID == root.ID {
		b.Error("root@pam of two hosts is one person")
	}
	found, err := b.UserFor(b.ctx, home.ID, "root@pam")
	b.must(err)
	equal(b, "found", found, root)
	_, err = b.UserFor(b.ctx, home.ID, "ROOT@pam")
	b.missing("another spelling", err)

	wantAdministrators(b, 1)
	b.must(b.SetDisabled(b.ctx, root.ID, b.clock.Now()))
	wantAdministrators(b, 0)
	b.must(b.SetDisabled(b.ctx, root.ID, time.Time{}))
	wantAdministrators(b, 1)
	b.must(b.SetAdmin(b.ctx, root.ID, false))
	wantAdministrators(b, 0)
	users, err := b.Users(b.ctx)
	b.must(err)
	if len(users) != 2 || users[0].ID != root.ID {
		b.Errorf("users %+v", users)
	}
	b.missing("administration of nobody", b.SetAdmin(b.ctx, "none", true))
	b.missing("disabling nobody", b.SetDisabled(b.ctx, "none", Start))
}

func wantAdministrators(b *bench, want int) {
	b.Helper()
	n, err := b.Administrators(b.ctx)
	b.must(err)
	equal(b, "administrators", n, want)
}

// twoUsers is what most cases begin with.
func twoUsers(b *bench) (alice, bob account.User) {
	b.Helper()
	host := Host(b, b.Store, "home")
	return User(b, b.Store, host.ID, "alice@pve"), User(b, b.Store, host.ID, "bob@pve")
}

func trySetUpLink(b *bench) {
	link, browser, other := Hash("link"), Hash("browser"), Hash("other browser")
	open := func(what string, hash, by []byte, want bool) {
		b.Helper()
		ok, err := b.OpenSetUpLink(b.ctx, hash, by, b.clock.Now())
		b.must(err)
		equal(b, what, ok, want)
	}
	b.must(b.PutSetUpLink(b.ctx, Hash("older"), b.clock.Now().Add(time.Hour)))
	b.must(b.PutSetUpLink(b.ctx, link, b.clock.Now().Add(time.Hour)))
	open("an older link", Hash("older"), browser, false)
	open("the first opening", link, browser, true)
	open("the same browser again", link, browser, true)
	open("another browser", link, other, false)
	for _, by := range [][]byte{browser, other} {
		ok, err := b.SetUpBrowser(b.ctx, by, b.clock.Now())
		b.must(err)
		equal(b, "who opened it", ok, string(by) == string(browser))
	}
	ok, err := b.UseSetUp(b.ctx, other, b.clock.Now())
	b.must(err)
	equal(b, "use by another browser", ok, false)
	b.clock.Move(time.Hour)
	open("after an hour", link, browser, false)
	ok, err = b.UseSetUp(b.ctx, browser, b.clock.Now())
	b.must(err)
	equal(b, "use after an hour", ok, false)
}

func trySetUpAtOnce(b *bench) {
	b.must(b.PutSetUpLink(b.ctx, Hash("link"), Start.Add(time.Hour)))
	n := atOnce(b, 8, func(i int) (bool, error) {
		return b.OpenSetUpLink(b.ctx, Hash("link"), Hash(string(rune('a'+i))), Start)
	})
	equal(b, "browsers that got the link", n, 1)
	b.must(b.PutSetUpLink(b.ctx, Hash("link"), Start.Add(time.Hour)))
	_, err := b.OpenSetUpLink(b.ctx, Hash("link"), Hash("browser"), Start)
	b.must(err)
	n = atOnce(b, 8, func(int) (bool, error) { return b.UseSetUp(b.ctx, Hash("browser"), Start) })
	equal(b, "uses of the link", n, 1)
}

func tryHalfLogins(b *bench) {
	host := Host(b, b.Store, "home")
	h := account.HalfLogin{Hash: Hash("half"), Host: host.ID, PVEUser: "root@pam", Challenge: secret.New("PVE:!tfa!"), ReturnTo: "/settings",
		ExpiresAt: Start.Add(5 * time.Minute)}
	b.must(b.PutHalfLogin(b.ctx, h))
	_, err := b.TakeTry(b.ctx, Hash("guessed"), Start)
	b.missing("a guessed one", err)
	got, err := b.TakeTry(b.ctx, h.Hash, Start)
	b.must(err)
	revealed(b, "the challenge", got.Challenge, nil, "PVE:!tfa!")
	got.Challenge, h.Challenge, h.Tries, h.Authority = secret.Text{}, secret.Text{}, 1, host.Authority
	equal(b, "the half sign-in", got, h)
	_, err = b.TakeTry(b.ctx, h.Hash, h.ExpiresAt)
	b.missing("an expired one", err)
	b.must(b.DropHalfLogin(b.ctx, h.Hash))
	b.must(b.DropHalfLogin(b.ctx, h.Hash))
	_, err = b.TakeTry(b.ctx, h.Hash, Start)
	b.missing("a dropped one", err)
	h.Host = "none"
	b.missing("one of no host", b.PutHalfLogin(b.ctx, h))
}

func tryTriesAtOnce(b *bench) {
	host := Host(b, b.Store, "home")
	b.must(b.PutHalfLogin(b.ctx, account.HalfLogin{Hash: Hash("half"), Host: host.ID, PVEUser: "root@pam", Challenge: secret.New("x"), ExpiresAt: Start.Add(time.Minute)}))
	n := atOnce(b, 4*account.HalfLoginTries, func(int) (bool, error) {
		_, err := b.TakeTry(b.ctx, Hash("half"), Start)
		if problem.Is(err, problem.NotFound) {
			return false, nil
		}
		return err == nil, err
	})
	equal(b, "tries", n, account.HalfLoginTries)
}

func tryAttempts(b *bench) {
	count := func(key string, since time.Time, want int) {
		b.Helper()
		n, err := b.CountAttempts(b.ctx, key, since)
		b.must(err)
		equal(b, "attempts of "+key, n, want)
	}
	for i := range 3 {
		b.must(b.AddAttempt(b.ctx, "alice", Start.Add(time.Duration(i)*time.Minute)))
	}
	b.must(b.AddAttempt(b.ctx, "bob", Start))
	count("alice", Start, 3)
	count("alice", Start.Add(time.Minute), 2)
	count("bob", Start, 1)
	count("carol", Start, 0)
	b.must(b.ClearAttempts(b.ctx, "bob"))
	count("bob", Start, 0)
	b.must(b.PruneAttempts(b.ctx, Start.Add(2*time.Minute)))
	count("alice", Start, 1)
}

func tryLeases(b *bench) {
	claim := func(what, holder string, at time.Duration, want bool) {
		b.Helper()
		now := Start.Add(at)
		ok, err := b.Claim(b.ctx, "watch/c1", holder, now.Add(10*time.Second), now)
		b.must(err)
		equal(b, what, ok, want)
	}
	claim("a free lease", "one", 0, true)
	claim("another's lease", "two", 5*time.Second, false)
	claim("one's own", "one", 5*time.Second, true)
	claim("another's, prolonged", "two", 12*time.Second, false)
	claim("one that ended", "two", 15*time.Second, true)
	b.must(b.Release(b.ctx, "watch/c1", "one"))
	claim("one that another released", "one", 16*time.Second, false)
	b.must(b.Release(b.ctx, "watch/c1", "two"))
	claim("a released one", "one", 16*time.Second, true)
	if ok, err := b.Claim(b.ctx, "watch/c2", "two", Start.Add(time.Hour), Start); !ok || err != nil {
		b.Errorf("a lease of another name: %v, %v", ok, err)
	}
}

func tryLeaseAtOnce(b *bench) {
	for round := range 5 {
		now := Start.Add(time.Duration(round) * time.Minute)
		n := atOnce(b, 8, func(i int) (bool, error) {
			return b.Claim(b.ctx, "watch/c1", string(rune('a'+i)), now.Add(10*time.Second), now)
		})
		equal(b, "holders of one lease", n, 1)
	}
}
