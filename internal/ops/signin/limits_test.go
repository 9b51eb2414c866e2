package signin_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
)

func from(address string) account.Client { return account.Client{Address: address} }

func TestTheSixthTryWaits(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	for range 5 {
		_, err := w.signIn(host, "anna@pve", "wrong", other)
		w.wants(err, problem.Unauthorized)
	}
	before := asked(w.lab)
	_, err := w.signIn(host, "Anna@pve", "anna-password", other) // nor by another spelling
	w.wants(err, problem.TooMany)
	_, err = w.signIn(host, "anna@pve", "anna-password", other)
	w.wants(err, problem.TooMany)
	_, err = w.replica().Password(t.Context(), account.Credentials{Host: host.ID, User: "anna@pve"}, other)
	w.wants(err, problem.TooMany) // nor at another replica
	if asked(w.lab) != before {
		t.Error("Proxmox was asked past the limit")
	}
	_, err = w.signIn(host, "anna@pve", "anna-password", home) // from elsewhere, at once
	w.must(err)
	w.clock.pass(5*time.Minute + time.Second)
	_, err = w.signIn(host, "anna@pve", "anna-password", other) // and here after a while: nothing is locked
	w.must(err)
}

func TestAnAddressHasALimitOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		name    string
		address func(i int) string
		limited bool
	}{
		{"one address, many names", func(int) string { return "203.0.113.5" }, true},
		{"IPv6 addresses of one network", func(i int) string { return fmt.Sprintf("2001:db8:1:2:%x::1", i+1) }, true},
		{"IPv4 written as IPv6", func(i int) string { return []string{"203.0.113.5", "::ffff:203.0.113.5"}[i%2] }, true},
		{"what is no address", func(i int) string { return fmt.Sprintf("unknown%d", i) }, true},
		{"different networks", func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i+1) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			host, admin := w.setUp()
			w.open(host, admin)
			for i := range 30 {
				_, err := w.signIn(host, fmt.Sprintf("user%d@pve", i), "wrong", from(c.address(i)))
				w.wants(err, problem.Unauthorized)
			}
			_, err := w.signIn(host, "anna@pve", "wrong", from(c.address(30)))
			if got := problem.Is(err, problem.TooMany); got != c.limited {
				t.Errorf("after 30 failures: %v", err)
			}
		})
	}
}

func TestStrangersDoNotLockSomebodyOut(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	_, mine := w.viewer(host, "anna@pve", "anna-password", home)
	refused := 0
	for i := range 60 { // by as many addresses as it takes
		_, err := w.signIn(host, "anna@pve", "wrong", from(fmt.Sprintf("203.0.%d.9", i)))
		if problem.Is(err, problem.TooMany) {
			refused++
		}
	}
	if refused != 40 {
		t.Errorf("%d of 60 failures were sent to Proxmox, want 20 an hour", 60-refused)
	}
	mine.Session = ""
	_, err := w.signIn(host, "anna@pve", "anna-password", mine)
	w.must(err)
	// That browser's own failures are limited too, and its token is worth nothing for others.
	for range 10 {
		_, err := w.signIn(host, "anna@pve", "wrong", mine)
		w.wants(err, problem.Unauthorized)
	}
	_, err = w.signIn(host, "anna@pve", "anna-password", mine)
	w.wants(err, problem.TooMany)
	_, err = w.signIn(host, "root@pam", "wrong", mine)
	w.wants(err, problem.Unauthorized)
}

func TestOneLoginAtATimeAndHost(t *testing.T) {
	w := newWorld(t)
	host, admin := w.setUp()
	w.open(host, admin)
	others := w.replica()
	var wg sync.WaitGroup
	errs := make(chan error, 12)
	for i := range 12 {
		service := w.Service
		if i%2 == 1 {
			service = others
		}
		wg.Go(func() {
			_, err := service.Password(t.Context(), account.Credentials{Host: host.ID, User: "anna@pve", Password: secretText("anna-password")}, from(fmt.Sprintf("203.0.113.%d", i)))
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	// Five at once from one place with a wrong password: no more than the limit get through, however they race.
	before := asked(w.lab)
	for range 15 {
		wg.Go(func() {
			_, _ = w.signIn(host, "anna@pve", "wrong", other) // how many were sent is what counts
		})
	}
	wg.Wait()
	if n := asked(w.lab) - before; n != 5 {
		t.Errorf("%d wrong passwords were sent at once, want 5", n)
	}
}
