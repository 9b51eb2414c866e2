package connect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// Offered is the sign-in host through which the person is here, when a token
// can be made on it: it is not one of their clusters yet.
func (s *Service) Offered(ctx context.Context, by account.By) (account.SignInHost, bool, error) {
	host, err := s.store.SignInHost(ctx, by.Viewer.User.Host)
	if problem.Is(err, problem.NotFound) || err == nil && len(host.Authority.Addresses) == 0 {
		return host, false, nil
	}
	if err != nil {
		return host, false, fmt.Errorf("reading the sign-in host: %w", err)
	}
	clusters, err := s.store.Clusters(ctx, by.Owner())
	if err != nil {
		return host, false, fmt.Errorf("reading clusters: %w", err)
	}
	known := slices.ContainsFunc(clusters, func(c fleet.Cluster) bool {
		return c.Authority.Trust.Fingerprint == host.Authority.Trust.Fingerprint ||
			slices.ContainsFunc(host.Authority.Addresses, func(a authority.Address) bool {
				_, there := sameAddress(c.Authority.Addresses, a)
				return there
			})
	})
	return host, !known, nil
}

// Prepare reads, with the person's ticket, all that has to be shown before the
// token is made: members, the calls, and whether the person may make them.
// Fields: name, pools, days, tier.
func (s *Service) Prepare(ctx context.Context, by account.By, w fleet.TokenWish) (fleet.TokenPlan, error) {
	if err := validWish(w, by); err != nil {
		return fleet.TokenPlan{}, err
	}
	host, offered, err := s.Offered(ctx, by)
	if err != nil {
		return fleet.TokenPlan{}, err
	}
	if !offered {
		return fleet.TokenPlan{}, alreadyMine()
	}
	if err := s.probing(ctx, by, audit.ClusterTest, host.Name); err != nil {
		return fleet.TokenPlan{}, err
	}
	var p fleet.TokenPlan
	err = s.during(ctx, by, audit.ClusterTest, host.Name, "", func() error {
		conn, err := s.asPerson(ctx, by, host.Authority)
		if err != nil {
			return err
		}
		defer conn.Close()
		p, err = s.prepare(ctx, by, host, w, conn)
		return err
	})
	return p, err
}

func validWish(w fleet.TokenWish, by account.By) error {
	if w.Tier != fleet.TierLook && w.Tier != fleet.TierManage {
		return problem.Field("tier", "Choose what the token is for.")
	}
	id := by.Viewer.User.PVEUser + "!" + w.Name
	if _, _, ok := fleet.ParseTokenID(id); !ok {
		return problem.Field("name", "The name of a token begins with a letter and has letters, digits, dots, dashes and underscores, at least two.")
	}
	if len(id) > fleet.MaxMadeTokenID {
		return problem.Field("name", fmt.Sprintf("User and name together have at most %d characters.", fleet.MaxMadeTokenID))
	}
	if !slices.Contains(fleet.ExpiryDays, w.Days) {
		return problem.Field("days", "Choose one of the expiries.")
	}
	if len(w.Pools) > 20 {
		return problem.Field("pools", "Name at most 20 pools.")
	}
	for _, pool := range w.Pools {
		if !validPool(pool) {
			return problem.Field("pools", "A pool's name has letters, digits, dots, dashes, underscores and slashes.")
		}
	}
	return nil
}

func validPool(name string) bool {
	return name != "" && len(name) <= 100 && !strings.Contains(name, "..") && !strings.HasPrefix(name, "/") && !strings.HasSuffix(name, "/") &&
		strings.IndexFunc(name, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r)
		}) < 0
}

// asPerson opens the sign-in host's own pinned addresses, and no other, with the person's ticket.
func (s *Service) asPerson(ctx context.Context, by account.By, host authority.Authority) (Connection, error) {
	ticket, err := s.store.Ticket(ctx, by.Viewer.Session.ID)
	if err == nil {
		if ticket.Authority.Binding() != host.Binding() {
			return nil, problem.New(problem.Conflict, "The sign-in host was changed meanwhile.", "Look at it again, then go on.")
		}
		conn, openErr := s.pve.Open(ctx, ticket.Authority, Login{User: by.Viewer.User.PVEUser, Secret: ticket.Secret})
		if !problem.Is(openErr, problem.Unauthorized) {
			return conn, openErr
		}
	} else if !problem.Is(err, problem.NotFound) {
		return nil, fmt.Errorf("reading the ticket: %w", err)
	}
	return nil, problem.New(problem.NeedProof, "Your Proxmox ticket has ended.", "Give your password again.")
}

func (s *Service) prepare(ctx context.Context, by account.By, host account.SignInHost, w fleet.TokenWish, conn Connection) (fleet.TokenPlan, error) {
	f, err := s.askHost(ctx, by, conn)
	if err != nil {
		return fleet.TokenPlan{}, err
	}
	// Asked before, since an answer that is lost is undone: that would remove the token that was there.
	taken, err := conn.HasToken(ctx, by.Viewer.User.PVEUser, w.Name)
	if err != nil {
		return fleet.TokenPlan{}, err
	}
	if taken {
		return fleet.TokenPlan{}, conflict("name", "You have a token of this name already.", "Choose another name; Berth does not change a token that is there.")
	}
	roles, err := conn.Roles(ctx)
	if err != nil {
		return fleet.TokenPlan{}, err
	}
	if err := s.recognise(ctx, by, &f); err != nil {
		return fleet.TokenPlan{}, err
	}
	if f.Known != nil {
		return fleet.TokenPlan{}, alreadyMine()
	}
	p := fleet.TokenPlan{Host: host.Name, Authority: host.Authority, Ways: s.hostWays(ctx, host, f), TokenID: by.Viewer.User.PVEUser + "!" + w.Name, Finding: f,
		Expires: s.now().AddDate(0, 0, w.Days).Truncate(time.Second), Grants: w.Tier.Grants(w.Pools)}
	for _, tier := range []fleet.Tier{fleet.TierLook, fleet.TierManage} {
		if !slices.ContainsFunc(p.Grants, func(g fleet.Grant) bool { return g.Role == tier.Role() }) {
			continue
		}
		has, there := roles[tier.Role()]
		if !there {
			p.Roles = append(p.Roles, tier)
		} else if err := fitting(tier, has); err != nil {
			return p, err
		}
	}
	p.Calls = callsOf(p, by.Viewer.User.PVEUser, w.Name)
	p.Lacks = lacksOf(p, f.Rights)
	p.Commands = fleet.MakeTokenCommands(p.TokenID, w.Days, p.Grants)
	return p, nil
}

// askHost learns of the sign-in host's cluster what Check learns of another's.
func (s *Service) askHost(ctx context.Context, by account.By, conn Connection) (fleet.Finding, error) {
	f, err := s.ask(ctx, conn, conn.Answering())
	if err != nil {
		return f, err
	}
	if f.Trust, err = s.trust(ctx, conn, f); err != nil {
		return f, err
	}
	s.otherWays(ctx, by.Owner(), &f)
	return f, nil
}

// hostWays are the sign-in host's own addresses, as far as the cluster's trust holds there.
func (s *Service) hostWays(ctx context.Context, host account.SignInHost, f fleet.Finding) []authority.Address {
	ways := []authority.Address{f.Address}
	for _, a := range host.Authority.Addresses {
		if _, there := sameAddress(ways, a); there {
			continue
		}
		if s.greet(ctx, authority.Authority{Addresses: []authority.Address{a}, Trust: f.Trust}) == nil {
			ways = append(ways, a)
		}
	}
	return ways
}

func alreadyMine() error {
	return problem.New(problem.Conflict, "This Proxmox is one of your nodes already.", "Edit that entry to give it another token.")
}

// fitting refuses a role of Berth's name that somebody made differently: it is never overwritten, nor taken when it holds too much.
func fitting(tier fleet.Tier, has []string) error {
	wanted := tier.Privileges()
	for _, privilege := range wanted {
		if !slices.Contains(has, privilege) {
			return problem.New(problem.Conflict, fmt.Sprintf("Proxmox has a role %s already, without %s.", tier.Role(), privilege),
				"Add the privilege to it, or rename it; Berth does not change a role that is there.")
		}
	}
	for _, privilege := range has {
		if !slices.Contains(wanted, privilege) {
			return problem.New(problem.Conflict, fmt.Sprintf("Proxmox has a role %s already, with %s, which Berth does not need.", tier.Role(), clean(privilege, 60)),
				"Take the privilege out of it, or rename it; Berth does not change a role that is there.")
		}
	}
	return nil
}

func callsOf(p fleet.TokenPlan, user, name string) []fleet.PlannedCall {
	call := func(method, path string, fields ...string) fleet.PlannedCall {
		return fleet.PlannedCall{Method: method, Path: path, Fields: fields}
	}
	var calls []fleet.PlannedCall
	for _, tier := range p.Roles {
		calls = append(calls, call("POST", "/access/roles", "roleid="+tier.Role(), "privs="+strings.Join(tier.Privileges(), ",")))
	}
	calls = append(calls, call("POST", "/access/users/"+user+"/token/"+name, "privsep=1", fmt.Sprintf("expire=%d", p.Expires.Unix()), "comment="+tokenComment))
	for _, g := range p.Grants {
		calls = append(calls, call("PUT", "/access/acl", "path="+g.Path, "roles="+g.Role, "tokens="+p.TokenID, "propagate=1"))
	}
	return append(calls, call("GET", "/access/permissions", "as the new token"))
}

const tokenComment = "Made by Berth"

// lacksOf says what of the calls Proxmox would refuse to this person. It follows
// the permission checks of POST /access/roles and PUT /access/acl.
func lacksOf(p fleet.TokenPlan, may fleet.Permissions) []string {
	var lacks []string
	if len(p.Roles) > 0 && !may.Has("/access", "Sys.Modify") {
		lacks = append(lacks, "Sys.Modify on /access, to make the role")
	}
	for _, g := range p.Grants {
		if may.Has(g.Path, "Permissions.Modify") || strings.HasPrefix(g.Path, "/pool/") && may.Has(g.Path, "Pool.Allocate") {
			continue
		}
		lacks = append(lacks, "Permissions.Modify on "+g.Path+", to give the token its rights")
	}
	return lacks
}
