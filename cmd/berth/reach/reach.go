// Package reach lets the verbs of nodes ask Proxmox through its client.
package reach

import (
	"context"
	"strings"
	"time"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/ops/connect"
	"berth/internal/pve"
	"berth/internal/secret"
)

// Proxmox is the hand of the verbs of nodes.
type Proxmox struct {
	Guard *pve.Guard
	Now   func() time.Time // nil: time.Now
}

var _ connect.Proxmox = Proxmox{}

// Look implements connect.Proxmox.
func (p Proxmox) Look(ctx context.Context, address authority.Address) (authority.Seen, error) {
	seen, err := pve.Look(ctx, p.Guard, address)
	return seen.Seen, err
}

// Allowed implements connect.Proxmox.
func (p Proxmox) Allowed(ctx context.Context, address authority.Address) error {
	_, err := p.Guard.Resolve(ctx, address.Host, address.Port)
	return err
}

// Open implements connect.Proxmox.
func (p Proxmox) Open(ctx context.Context, a authority.Authority, as connect.Login) (connect.Connection, error) {
	o := pve.Options{Authority: a, Guard: p.Guard, Now: p.Now}
	switch {
	case as.TokenID != "":
		o.Auth = pve.Token{ID: as.TokenID, Secret: as.Secret}
	case as.User != "":
		ticket, err := p.renewed(ctx, o, as)
		if err != nil {
			return nil, err
		}
		o.Auth = ticket
	}
	client, err := pve.New(o)
	if err != nil {
		return nil, err
	}
	return connection{client}, nil
}

// renewed exchanges the ticket for one with the token against forged requests,
// which writes need and which is not stored.
func (p Proxmox) renewed(ctx context.Context, o pve.Options, as connect.Login) (pve.Ticket, error) {
	client, err := pve.New(o)
	if err != nil {
		return pve.Ticket{}, err
	}
	defer client.Close()
	login, err := client.Renew(ctx, as.User, as.Secret)
	return pve.Ticket{Ticket: login.Ticket, CSRF: login.CSRF}, err
}

type connection struct{ client *pve.Client }

func (c connection) Close() { c.client.Close() }

func (c connection) Greet(ctx context.Context) error {
	_, err := c.client.Domains(ctx)
	return err
}

func (c connection) Answering() authority.Address {
	a := c.client.Answering()
	if leaf := c.client.Leaf(); leaf != nil {
		a.Leaf = authority.Fingerprint(leaf.Raw)
	}
	return a
}

func (c connection) Version(ctx context.Context) (string, error) {
	v, err := c.client.Version(ctx)
	return v.Version, err
}

func (c connection) Permissions(ctx context.Context) (fleet.Permissions, error) {
	p, err := c.client.Permissions(ctx)
	return fleet.Permissions(p), err
}

func (c connection) Status(ctx context.Context) (connect.Status, error) {
	told, err := c.client.ClusterStatus(ctx)
	s := connect.Status{Cluster: told.Name, Quorate: told.Quorate}
	for _, m := range told.Members {
		s.Members = append(s.Members, connect.StatusMember{Name: m.Name, Address: m.IP, Local: m.Local, Online: m.Online})
	}
	return s, err
}

func (c connection) Nodes(ctx context.Context) ([]connect.Node, error) {
	told, err := c.client.Nodes(ctx)
	nodes := make([]connect.Node, len(told.Rows))
	for i, n := range told.Rows {
		nodes[i] = connect.Node{Name: n.Name, Fingerprint: n.Fingerprint, Online: n.Status == "online"}
	}
	return nodes, err
}

func (c connection) OwnCA(ctx context.Context, node string) (authority.Trust, bool, error) {
	certificates, err := c.client.CertificatesInfo(ctx, node)
	for _, cert := range certificates {
		if !strings.Contains(cert.File, "root-ca") {
			continue
		}
		if trust, ok := pve.PinCA(c.client.Leaf(), cert.PEM); ok {
			return trust, true, nil
		}
	}
	return authority.Trust{}, false, err
}

func (c connection) Roles(ctx context.Context) (map[string][]string, error) {
	told, err := c.client.Roles(ctx)
	roles := make(map[string][]string, len(told))
	for _, r := range told {
		roles[r.ID] = r.Privileges
	}
	return roles, err
}

func (c connection) CreateRole(ctx context.Context, role string, privileges []string) error {
	return c.client.CreateRole(ctx, role, privileges)
}

func (c connection) DeleteRole(ctx context.Context, role string) error {
	return c.client.DeleteRole(ctx, role)
}

func (c connection) HasToken(ctx context.Context, user, name string) (bool, error) {
	return c.client.HasToken(ctx, user, name)
}

func (c connection) CreateToken(ctx context.Context, user, name, comment string, expires time.Time) (secret.Text, error) {
	return c.client.CreateToken(ctx, user, name, comment, expires)
}

func (c connection) DeleteToken(ctx context.Context, user, name string) error {
	return c.client.DeleteToken(ctx, user, name)
}

func (c connection) Grant(ctx context.Context, tokenID string, g fleet.Grant) error {
	return c.client.PutACL(ctx, pve.ACL{Path: g.Path, Role: g.Role, Token: tokenID, Propagate: true})
}
