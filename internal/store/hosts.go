package store

import (
	"context"
	"time"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/store/query"
)

// SignInHosts lists all sign-in hosts, oldest first.
func (s *Store) SignInHosts(ctx context.Context) ([]account.SignInHost, error) {
	rows, err := s.reads.SignInHosts(ctx)
	if err != nil {
		return nil, failed("list the sign-in hosts", err)
	}
	hosts := make([]account.SignInHost, 0, len(rows))
	for _, r := range rows {
		h, err := signInHost(r)
		if err != nil {
			return nil, failed("read sign-in host "+r.ID, err)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// SignInHost finds one by its id.
func (s *Store) SignInHost(ctx context.Context, id account.HostID) (account.SignInHost, error) {
	r, err := s.reads.SignInHost(ctx, string(id))
	if err != nil {
		return account.SignInHost{}, failed("read the sign-in host", err)
	}
	h, err := signInHost(r)
	return h, failed("read the sign-in host", err)
}

// CreateSignInHost keeps a new host. A name that is taken is a Conflict with the field "name".
func (s *Store) CreateSignInHost(ctx context.Context, h account.SignInHost) error {
	auth, policy, realms, err := hostValues(h)
	if err != nil {
		return err
	}
	now := s.now()
	err = s.writes.CreateSignInHost(ctx, query.CreateSignInHostParams{
		ID: string(h.ID), Name: plain(h.Name), NameKey: nameKey(h.Name), Authority: auth, Policy: policy,
		Realms: realms, RealmsAt: millis(h.RealmsAt),
		CreatedAt: millis(orNow(h.CreatedAt, now)), UpdatedAt: millis(orNow(h.UpdatedAt, now)),
	})
	if taken(err) {
		return nameTaken("A sign-in host of this name is there already.")
	}
	return failed("keep the sign-in host", err)
}

// UpdateSignInHost changes name, authority and policy, of the host as it was
// read: when its UpdatedAt is not the stored one somebody else changed it
// meanwhile, a Conflict. Else who saves a new pin could bring back a policy
// that was narrowed while the node was being asked. When pins or addresses
// change, the tickets and half sign-ins of the host are forgotten: they were
// given for the authority as it was. Sessions stay.
func (s *Store) UpdateSignInHost(ctx context.Context, h account.SignInHost) error {
	auth, policy, _, err := hostValues(h)
	if err != nil {
		return err
	}
	return failed("change the sign-in host", s.tx(ctx, func(q *query.Queries) error {
		before, err := q.HostAuthority(ctx, string(h.ID))
		if err != nil {
			return err
		}
		read := millis(h.UpdatedAt)
		rows, err := q.UpdateSignInHost(ctx, query.UpdateSignInHostParams{
			ID: string(h.ID), Name: plain(h.Name), NameKey: nameKey(h.Name), Authority: auth, Policy: policy, ReadAt: read,
			UpdatedAt: max(millis(s.now()), read+1), // never the same twice, however fast
		})
		switch {
		case taken(err):
			return nameTaken("A sign-in host of this name is there already.")
		case err != nil:
			return err
		case rows == 0:
			return problem.New(problem.Conflict, "This sign-in host was changed meanwhile, in another tab or by somebody else.", "Look at it as it is now, and change it again.")
		}
		if bound, err := binding(before); err == nil && bound == h.Authority.Binding() {
			return nil
		}
		if err := q.ForgetTicketsOfHost(ctx, string(h.ID)); err != nil {
			return err
		}
		return q.DropHalfLoginsOfHost(ctx, string(h.ID))
	}))
}

// DeleteSignInHost removes the host with its identities and all that is
// theirs: users, sessions, clusters, secrets, pictures. Nobody could reach any
// of it again, since adding the same Proxmox makes a new host. The audit trail stays.
func (s *Store) DeleteSignInHost(ctx context.Context, id account.HostID) error {
	rows, err := s.writes.DeleteSignInHost(ctx, string(id))
	if rows > 0 {
		s.shredded(ctx)
	}
	return changedOne("delete the sign-in host", rows, err)
}

// SetRealms keeps the host's realms as read at that time.
func (s *Store) SetRealms(ctx context.Context, id account.HostID, realms []account.Realm, at time.Time) error {
	text, err := encode(realms)
	if err != nil {
		return err
	}
	rows, err := s.writes.SetRealms(ctx, query.SetRealmsParams{ID: string(id), Realms: text, RealmsAt: millis(at)})
	return changedOne("keep the realms", rows, err)
}

func hostValues(h account.SignInHost) (auth, policy, realms string, err error) {
	if auth, err = encode(h.Authority); err != nil {
		return "", "", "", err
	}
	if policy, err = encode(h.Policy); err != nil {
		return "", "", "", err
	}
	realms, err = encode(h.Realms)
	return auth, policy, realms, err
}

func signInHost(r query.SignInHost) (account.SignInHost, error) {
	h := account.SignInHost{ID: account.HostID(r.ID), Name: r.Name, RealmsAt: moment(r.RealmsAt),
		CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt)}
	for text, into := range map[string]any{r.Authority: &h.Authority, r.Policy: &h.Policy, r.Realms: &h.Realms} {
		if err := decode(text, into); err != nil {
			return h, err
		}
	}
	return h, nil
}

func nameTaken(what string) *problem.Problem {
	return &problem.Problem{Kind: problem.Conflict, What: what, Fields: map[string]string{"name": what}}
}
