package connect

import (
	"context"
	"fmt"
	"sync"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// Test asks each address of a cluster for what needs no login, and then, over
// one where the trust holds, version and privileges with the stored token. It
// changes nothing; what is wrong is in the report, and the error is Berth's own.
func (s *Service) Test(ctx context.Context, by account.By, id fleet.ClusterID) (fleet.TestReport, error) {
	c, err := s.store.Cluster(ctx, by.Owner(), id)
	if err != nil {
		return fleet.TestReport{}, err
	}
	if err := s.probing(ctx, by, audit.ClusterTest, c.Name); err != nil {
		return fleet.TestReport{}, err
	}
	r := fleet.TestReport{Cluster: id, At: s.now()}
	var own error
	err = s.during(ctx, by, audit.ClusterTest, c.Name, id, func() error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		r.Ways = s.ways(ctx, c.Authority)
		err := s.testToken(ctx, by, c, &r)
		if r.Trouble = problem.Of(err); r.Trouble == nil {
			own = err
		}
		return err
	})
	if own != nil || problem.Of(err) == nil && err != nil {
		return r, err
	}
	s.rights.tested(r)
	return r, nil
}

func (s *Service) ways(ctx context.Context, a authority.Authority) []fleet.WayReport {
	ways := make([]fleet.WayReport, len(a.Addresses))
	var wait sync.WaitGroup
	for i, address := range a.Addresses {
		wait.Go(func() {
			began := s.now()
			err := s.greet(ctx, authority.Authority{Addresses: []authority.Address{address}, Trust: a.Trust})
			ways[i] = fleet.WayReport{Address: address, Took: s.now().Sub(began), Trouble: asProblem(err)}
		})
	}
	wait.Wait()
	return ways
}

func asProblem(err error) *problem.Problem {
	if err == nil {
		return nil
	}
	if p := problem.Of(err); p != nil {
		return p
	}
	p := problem.New(problem.Failed, "Something went wrong in Berth.", "Try again; if it stays, look into Berth's log.")
	p.Err = err
	return p
}

// testToken uses only the addresses that answered as they should.
func (s *Service) testToken(ctx context.Context, by account.By, c fleet.Cluster, r *fleet.TestReport) error {
	good := authority.Authority{Trust: c.Authority.Trust}
	for _, w := range r.Ways {
		if w.Trouble == nil {
			good.Addresses = append(good.Addresses, w.Address)
		}
	}
	if len(good.Addresses) == 0 {
		return r.Ways[0].Trouble
	}
	token, err := s.store.ClusterSecret(ctx, by.Owner(), c.ID)
	if err != nil {
		return fmt.Errorf("opening the token's secret: %w", err)
	}
	conn, err := s.pve.Open(ctx, good, Login{TokenID: c.TokenID, Secret: token})
	if err != nil {
		return err
	}
	defer conn.Close()
	if r.Release, err = conn.Version(ctx); err != nil {
		return refused(err)
	}
	permissions, err := conn.Permissions(ctx)
	if err != nil {
		return refused(err)
	}
	s.rights.keep(c.ID, permissions, s.now())
	return nil
}

// Retry lets the watcher try a cluster once that it had given up, or that it waits for.
func (s *Service) Retry(ctx context.Context, by account.By, id fleet.ClusterID) error {
	c, err := s.store.Cluster(ctx, by.Owner(), id)
	if err != nil {
		return err
	}
	if err := s.probing(ctx, by, audit.ClusterRetry, c.Name); err != nil {
		return err
	}
	return s.during(ctx, by, audit.ClusterRetry, c.Name, id, func() error {
		return s.watcher.TryNow(ctx, by.Owner(), id)
	})
}
