package connect

import (
	"context"
	"errors"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
)

// MakeToken makes the token that Prepare showed, seals its secret into a new
// cluster at once, gives it its rights, and compares what it then may do. When
// anything fails, what was made is undone. missing lists the rights that do not
// count, since the person's own account lacks them. Fields: those of Prepare, and name of the cluster ("label").
func (s *Service) MakeToken(ctx context.Context, by account.By, w fleet.TokenWish, choice fleet.Confirmation) (c fleet.Cluster, missing []fleet.Lack, err error) {
	p, err := s.Prepare(ctx, by, w)
	if err != nil {
		return c, nil, err
	}
	if choice.Seen != p.Digest() {
		return c, nil, problem.New(problem.Conflict, "The cluster has changed since it was shown to you.", "Look at it again, then go on.")
	}
	if len(p.Lacks) > 0 {
		return c, nil, problem.New(problem.Denied, "Your Proxmox account may not do all of it.", "Have the commands below run by somebody who may.")
	}
	c, err = s.newEntry(by, p, choice)
	if err != nil {
		return c, nil, err
	}
	err = s.during(ctx, by, audit.TokenCreate, p.TokenID, c.ID, func() error {
		ctx, cancel := lasting(ctx) // half a token would be worse than a browser that does not wait
		defer cancel()
		conn, err := s.asPerson(ctx, by, p.Authority)
		if err != nil {
			return err
		}
		defer conn.Close()
		missing, err = s.make(ctx, by, conn, p, w, c)
		return err
	})
	if err != nil {
		return c, nil, err
	}
	s.watcher.Reload(c.ID)
	return c, missing, nil
}

func (s *Service) newEntry(by account.By, p fleet.TokenPlan, choice fleet.Confirmation) (fleet.Cluster, error) {
	name, wrong := fleet.CleanName(choice.Name)
	if wrong != "" {
		return fleet.Cluster{}, problem.Field("label", wrong)
	}
	addresses, err := addressesOf(p.Finding, choice.Also)
	if err != nil {
		return fleet.Cluster{}, err
	}
	for _, a := range p.Ways {
		if _, there := sameAddress(addresses, a); !there {
			addresses = append(addresses, a)
		}
	}
	if p.Finding.Trust.Mode != authority.LeafPin {
		for i := range addresses {
			addresses[i].Leaf = ""
		}
	}
	now := s.now()
	return fleet.Cluster{ID: fleet.ClusterID(newID()), Owner: by.Owner(), Name: name, Standalone: p.Finding.Standalone,
		Authority: authority.Authority{Addresses: addresses, Trust: p.Finding.Trust}, TokenID: p.TokenID,
		Members: membersOf(p.Finding, nil), CreatedAt: now, UpdatedAt: now, Version: 1}, nil
}

// make does the calls in their order and undoes them, last first, when one fails.
func (s *Service) make(ctx context.Context, by account.By, conn Connection, p fleet.TokenPlan, w fleet.TokenWish, c fleet.Cluster) (missing []fleet.Lack, err error) {
	var undo []undoStep
	defer func() {
		if err != nil {
			err = s.undo(ctx, by, p.TokenID, c.ID, undo, err)
		}
	}()
	for _, tier := range p.Roles {
		err = conn.CreateRole(ctx, tier.Role(), tier.Privileges())
		switch {
		case err == nil:
			undo = append(undo, func(ctx context.Context) error { return conn.DeleteRole(ctx, tier.Role()) })
		case lost(err):
			undo = append(undo, func(ctx context.Context) error { return dropRole(ctx, conn, tier) })
		}
		if err != nil {
			return nil, err
		}
	}
	user := by.Viewer.User.PVEUser
	token, err := conn.CreateToken(ctx, user, w.Name, tokenComment, p.Expires)
	switch {
	case err == nil:
		undo = append(undo, func(ctx context.Context) error { return conn.DeleteToken(ctx, user, w.Name) })
	case lost(err):
		undo = append(undo, func(ctx context.Context) error { return dropToken(ctx, conn, user, w.Name) })
	}
	if err != nil {
		return nil, toField("name", err)
	}
	if err = s.create(ctx, by, p.Finding, c, token); err != nil {
		return nil, renamed(err)
	}
	undo = append(undo, func(ctx context.Context) error { return s.store.DeleteCluster(ctx, by.Owner(), c.ID) })
	for _, g := range p.Grants {
		if err = conn.Grant(ctx, p.TokenID, g); err != nil {
			return nil, err
		}
	}
	return s.compare(ctx, p, c, token)
}

// undoStep takes back one thing that was made. Its context is not the one that making it may have used up.
type undoStep func(ctx context.Context) error

// lost reports whether a call may have been carried out although it failed.
func lost(err error) bool {
	return problem.Is(err, problem.OutcomeUnknown) || problem.Is(err, problem.Garbled)
}

// dropRole removes a role whose making was not answered, if it was made. It was
// not there when the person looked; one that differs from what was asked for is somebody else's.
func dropRole(ctx context.Context, conn Connection, tier fleet.Tier) error {
	roles, err := conn.Roles(ctx)
	if err != nil {
		return err
	}
	if has, there := roles[tier.Role()]; !there || fitting(tier, has) != nil {
		return nil
	}
	return conn.DeleteRole(ctx, tier.Role())
}

// dropToken is the same for a token.
func dropToken(ctx context.Context, conn Connection, user, name string) error {
	if has, err := conn.HasToken(ctx, user, name); err != nil || !has {
		return err
	}
	return conn.DeleteToken(ctx, user, name)
}

// renamed moves a problem of the cluster's name to the field that has it here.
func renamed(err error) error {
	if p := problem.Of(err); p != nil && p.Fields["name"] != "" {
		told := *p
		told.Fields = map[string]string{"label": p.Fields["name"]}
		return &told
	}
	return err
}

func (s *Service) compare(ctx context.Context, p fleet.TokenPlan, c fleet.Cluster, token secret.Text) ([]fleet.Lack, error) {
	conn, err := s.pve.Open(ctx, c.Authority, Login{TokenID: p.TokenID, Secret: token})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	rights, err := conn.Permissions(ctx)
	if err != nil {
		return nil, err
	}
	s.rights.keep(c.ID, rights, s.now())
	return fleet.Compare(rights, p.Grants), nil
}

// undo takes back what was made, last first, and says in the problem what could not be.
func (s *Service) undo(ctx context.Context, by account.By, tokenID string, id fleet.ClusterID, steps []undoStep, cause error) error {
	if len(steps) == 0 {
		return cause
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	err := s.during(ctx, by, audit.TokenUndo, tokenID, id, func() error {
		var failed []error
		for i := len(steps) - 1; i >= 0; i-- {
			failed = append(failed, steps[i](ctx))
		}
		return errors.Join(failed...)
	})
	if err == nil {
		return cause
	}
	s.log.Error("a made token could not be undone", "token", tokenID, "err", err)
	if p := problem.Of(cause); p != nil {
		told := *p
		told.Remedy = "Not all of it could be undone. Remove the token by hand, if it is there: " + fleet.RemoveTokenCommand(tokenID)
		return &told
	}
	return cause
}
