// Package nodes has the pages of a person's nodes: the cards, the steps of
// adding one, changing, testing and deleting, and the token of one's own making.
package nodes

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// Verbs are what the pages call. Their types are nouns of package nodes' own
// making only where a page has to send several values at once.
type Verbs interface {
	Clusters(ctx context.Context, owner string) ([]fleet.Cluster, error)
	Cluster(ctx context.Context, owner string, id fleet.ClusterID) (fleet.Cluster, error)
	Default(ctx context.Context, owner string) (fleet.NodeID, bool, error)
	RightsOf(id fleet.ClusterID) (fleet.Permissions, time.Time, bool)
}
