package connect_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"berth/cmd/berth/reach"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/ops/connect"
	"berth/internal/problem"
)

// teller is a Proxmox that names many members, and counts who is asked because of it.
type teller struct {
	connect.Proxmox
	fail problem.Kind
	mu   *sync.Mutex
	told *int
}

func (p teller) Allowed(context.Context, authority.Address) error { return nil }

func (p teller) Open(ctx context.Context, a authority.Authority, as connect.Login) (connect.Connection, error) {
	if len(a.Addresses) == 1 && a.Addresses[0].Host[:3] == "10." {
		p.mu.Lock()
		defer p.mu.Unlock()
		*p.told++
		return nil, problem.New(p.fail, "Something answers, or not: "+string(p.fail)+".", "")
	}
	conn, err := p.Proxmox.Open(ctx, a, as)
	return telling{conn}, err
}

type telling struct{ connect.Connection }

func (c telling) Status(ctx context.Context) (connect.Status, error) {
	status, err := c.Connection.Status(ctx)
	for i := range 40 {
		status.Members = append(status.Members, connect.StatusMember{Name: fmt.Sprintf("m%d", i), Address: fmt.Sprintf("10.0.0.%d", i+1)})
	}
	return status, err
}

// Else whoever has a Proxmox could map the network that Berth stands in.
func TestToldAddressesAreNoPortScanner(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	candidate := b.candidate("attic", "attic", "berth", "PVEAuditor")
	said := map[string]bool{}
	told := 0
	for i := range 30 {
		kinds := []problem.Kind{problem.Refused, problem.Timeout, problem.Unreachable, problem.Untrusted, problem.TLS, problem.NotProxmox}
		liar := connect.New(connect.Options{Store: b.store, Watcher: b.watcher, Now: b.clock.Now,
			Proxmox: teller{Proxmox: reach.Proxmox{Guard: b.guard}, fail: kinds[i%len(kinds)], mu: &sync.Mutex{}, told: &told}})
		f, err := liar.Check(t.Context(), by, candidate)
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(kinds) {
			continue
		}
		for _, m := range f.Members[:20] {
			if !m.Local {
				said[m.Why] = true
			}
		}
	}
	if told > 256 || told < 200 {
		t.Errorf("%d connections were made to addresses that nobody typed", told)
	}
	if len(said) != 1 {
		t.Errorf("what is said tells open from closed: %v", said)
	}
	other := b.person("anna@pve")
	liar := connect.New(connect.Options{Store: b.store, Watcher: b.watcher, Now: b.clock.Now,
		Proxmox: teller{Proxmox: reach.Proxmox{Guard: b.guard}, fail: problem.Refused, mu: &sync.Mutex{}, told: &told}})
	before := told
	if _, err := liar.Check(t.Context(), other, candidate); err != nil || told == before {
		t.Errorf("another person is held back too: %v", err)
	}
}

func TestProbesPastTheLimitAreInTheTrail(t *testing.T) {
	b := newBench(t)
	by := b.person("root@pam")
	var noted []audit.Entry
	service := connect.New(connect.Options{Store: b.store, Proxmox: reach.Proxmox{Guard: b.guard}, Watcher: b.watcher, Now: b.clock.Now,
		Refused: func(_ context.Context, e audit.Entry) { noted = append(noted, e) }})
	for range 91 {
		_, _ = service.Look(t.Context(), by, "127.0.0.1", "") // blocked, and counted
	}
	if len(noted) != 1 || noted[0].Kind != audit.Probe || noted[0].Owner != by.Owner() || noted[0].Address != by.Address || noted[0].Detail == "" {
		t.Errorf("noted %+v", noted)
	}
}
