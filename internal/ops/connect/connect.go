// Package connect has the verbs of a person's nodes: look at an address before
// anything is trusted, check it with a token, add, edit, test, delete, make one
// the default, and make a token with the person's own ticket.
//
// Three things hold throughout. A secret goes only over a connection that shows
// the certificate which the person confirmed for this cluster. Nothing is stored
// before all checks passed. And every call that a person sets off stands in the
// audit trail before it is made.
package connect

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/secret"
)

// Proxmox is the hand that these verbs ask. Its errors are problems.
type Proxmox interface {
	// Look asks an address for nothing that needs a login, before anything is trusted.
	Look(ctx context.Context, address authority.Address) (authority.Seen, error)
	// Allowed reports why Berth must not dial an address; it resolves names and connects to nobody.
	Allowed(ctx context.Context, address authority.Address) error
	// Open prepares calls to one authority. With a ticket it has that renewed first, which the first write needs.
	Open(ctx context.Context, a authority.Authority, as Login) (Connection, error)
}

// Login is whom Berth is for a connection: a token, a person's ticket, or nobody when empty.
type Login struct {
	TokenID string
	User    string
	Secret  secret.Text // the token's secret or the ticket
}

// Connection is a way to one authority with one login.
type Connection interface {
	// Greet asks for what needs no login, and so proves that the authority's trust holds there.
	Greet(ctx context.Context) error
	// Answering is the address that answered last, with the fingerprint of the leaf that it showed.
	Answering() authority.Address
	// Version is Proxmox VE's, such as "9.2.11".
	Version(ctx context.Context) (string, error)
	Permissions(ctx context.Context) (fleet.Permissions, error)
	// Status needs Sys.Audit on /.
	Status(ctx context.Context) (Status, error)
	// Nodes lists the members with the fingerprints of the leaves that they serve.
	Nodes(ctx context.Context) ([]Node, error)
	// OwnCA reads the cluster's own CA from a node; ok is false where the CA may
	// not be pinned: it is not self-signed, is one of the system's, or did not
	// sign the leaf that this connection shows.
	OwnCA(ctx context.Context, node string) (trust authority.Trust, ok bool, err error)
	// Roles lists the roles with their privileges.
	Roles(ctx context.Context) (map[string][]string, error)
	CreateRole(ctx context.Context, role string, privileges []string) error
	DeleteRole(ctx context.Context, role string) error
	HasToken(ctx context.Context, user, name string) (bool, error)
	// CreateToken makes a token of the user with separated privileges, and gives the secret that Proxmox shows once.
	CreateToken(ctx context.Context, user, name, comment string, expires time.Time) (secret.Text, error)
	DeleteToken(ctx context.Context, user, name string) error
	// Grant gives the token a role on a path and all below it.
	Grant(ctx context.Context, tokenID string, g fleet.Grant) error
	Close()
}

// Status is what GET /cluster/status tells.
type Status struct {
	Cluster string // the cluster's own name; empty on a standalone host
	Quorate bool
	Members []StatusMember
}

// StatusMember is one member in Status.
type StatusMember struct {
	Name    string
	Address string // where the cluster says that it is
	Local   bool   // it gave the answer
	Online  bool
}

// Node is one line of GET /nodes.
type Node struct {
	Name        string
	Fingerprint string // of the served leaf; may be empty
	Online      bool
}

// Store is what these verbs keep. What is absent or another's is problem.Missing.
type Store interface {
	Clusters(ctx context.Context, owner string) ([]fleet.Cluster, error)
	Cluster(ctx context.Context, owner string, id fleet.ClusterID) (fleet.Cluster, error)
	CreateCluster(ctx context.Context, c fleet.Cluster, token secret.Text) error
	UpdateCluster(ctx context.Context, c fleet.Cluster, token *secret.Text) error
	RenameCluster(ctx context.Context, owner string, id fleet.ClusterID, version int64, name string) error
	DeleteCluster(ctx context.Context, owner string, id fleet.ClusterID) error
	ClusterSecret(ctx context.Context, owner string, id fleet.ClusterID) (secret.Text, error)
	SetLabel(ctx context.Context, owner string, cluster fleet.ClusterID, node, label string) error
	Default(ctx context.Context, owner string) (fleet.NodeID, bool, error)
	SetDefault(ctx context.Context, owner string, node fleet.NodeID) error

	SignInHost(ctx context.Context, id account.HostID) (account.SignInHost, error)
	Ticket(ctx context.Context, sessionID string) (account.Ticket, error)

	CountAttempts(ctx context.Context, key string, since time.Time) (int, error)
	AddAttempt(ctx context.Context, key string, at time.Time) error
	Audit(ctx context.Context, e audit.Entry) (audit.Entry, error)
}

// Watcher is told what changed.
type Watcher interface {
	Reload(cluster fleet.ClusterID)
	TryNow(ctx context.Context, owner string, cluster fleet.ClusterID) error
	Picture(owner string) *fleet.Picture
}

// Options are what New needs.
type Options struct {
	Store   Store
	Proxmox Proxmox
	Watcher Watcher
	Now     func() time.Time
	Log     *slog.Logger
	// Refused hears of what was refused before any intent, to put it into the trail. May be nil.
	Refused func(ctx context.Context, e audit.Entry)
}

// Service has the verbs. It is safe for concurrent use.
type Service struct {
	store   Store
	pve     Proxmox
	watcher Watcher
	now     func() time.Time
	log     *slog.Logger
	// noteRefusal puts into the trail what was refused before any intent.
	noteRefusal func(ctx context.Context, e audit.Entry)
	telling     sync.Mutex // held while a dial of toldDial is counted
	rights      rights
}

// New makes the verbs.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Refused == nil {
		o.Refused = func(context.Context, audit.Entry) {}
	}
	return &Service{store: o.Store, pve: o.Proxmox, watcher: o.Watcher, now: o.Now, log: o.Log, noteRefusal: o.Refused}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
