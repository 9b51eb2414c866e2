package audit

import "berth/internal/fleet"

// Filter chooses entries of the trail.
type Filter struct {
	// Owner chooses whose trail; empty: Berth's own, which only administrators may see.
	Owner string
	// WithBerth adds Berth's own to the owner's, for an administrator.
	WithBerth bool
	Cluster   fleet.ClusterID // empty: any
	Kind      Kind            // empty: any
	Before    int64           // only entries with a smaller Seq; 0: from the end
	Limit     int             // at most so many; 0: 100
}
