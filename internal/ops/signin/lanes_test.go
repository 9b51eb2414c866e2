package signin

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/problem"
)

func TestALaneLetsOneThroughAndTheKnownFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m lanes
		if !m.wait(t.Context(), "h", false) {
			t.Fatal("an empty lane made somebody wait")
		}
		if !m.wait(t.Context(), "other", false) {
			t.Fatal("one host held another up")
		}
		order := make(chan string, 3)
		for _, who := range []struct {
			name  string
			known bool
		}{{"first stranger", false}, {"second stranger", false}, {"known", true}} {
			go func() {
				if m.wait(t.Context(), "h", who.known) {
					order <- who.name
				}
			}()
			synctest.Wait() // in this order
		}
		if len(order) != 0 {
			t.Fatal("two are through at once")
		}
		for _, want := range []string{"known", "first stranger", "second stranger"} {
			m.leave("h")
			if got := <-order; got != want {
				t.Errorf("%s goes before %s", got, want)
			}
		}
		m.leave("h")
		if !m.wait(t.Context(), "h", false) {
			t.Error("an empty lane stayed closed")
		}
	})
}

func TestAQueueHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m lanes
		m.wait(t.Context(), "h", false)
		ctx, cancel := context.WithTimeout(t.Context(), laneWait)
		defer cancel()
		through := make(chan bool, laneQueue)
		for range laneQueue {
			go func() { through <- m.wait(ctx, "h", false) }()
		}
		synctest.Wait()
		if m.wait(ctx, "h", false) {
			t.Error("the queue has no end")
		}
		known := make(chan bool)
		go func() { known <- m.wait(t.Context(), "h", true) }()
		time.Sleep(laneWait) // of the bubble's clock: the strangers give up
		for range laneQueue {
			if <-through {
				t.Error("somebody came through a lane that is taken")
			}
		}
		m.leave("h")
		if !<-known {
			t.Error("a full queue of strangers kept the known one out")
		}
	})
}

// leaseBook is the leases of a store and nothing else of it.
type leaseBook struct {
	Store
	mu     sync.Mutex
	holder string
	until  time.Time
}

func (b *leaseBook) Claim(_ context.Context, _, holder string, until, now time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holder != "" && b.holder != holder && b.until.After(now) {
		return false, nil
	}
	b.holder, b.until = holder, until
	return true, nil
}

func (b *leaseBook) Release(_ context.Context, _, holder string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.holder == holder {
		b.holder = ""
	}
	return nil
}

// A turn lasts as long as Proxmox takes; a replica that died in its turn keeps nobody out who waits.
func TestAReplicasTurnLastsWhileItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &leaseBook{}
		one := New(Options{Store: book, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		other := New(Options{Store: book, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		leave, err := one.enter(t.Context(), "h", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.enter(t.Context(), "h", true); !problem.Is(err, problem.TooMany) {
			t.Errorf("two replicas are through at once: %v", err)
		}
		leave()
		leave, err = other.enter(t.Context(), "h", false)
		if err != nil {
			t.Fatalf("a turn that was given on: %v", err)
		}
		leave()

		dead := time.Now()
		if won, err := book.Claim(t.Context(), "sign-in:h", "who died", dead.Add(laneLease), dead); !won || err != nil {
			t.Fatal(won, err)
		}
		leave, err = one.enter(t.Context(), "h", false)
		if err != nil {
			t.Fatalf("a replica that died keeps others out: %v", err)
		}
		leave()
		if waited := time.Since(dead); waited < laneLease {
			t.Errorf("the lease of another was taken after %v", waited)
		}
	})
}
