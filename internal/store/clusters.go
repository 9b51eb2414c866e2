package store

import (
	"context"
	"fmt"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/store/query"
)

// CreateCluster keeps a new cluster with its members and the sealed token
// secret, at version 1. A name that its owner uses already is a Conflict with
// the field "name"; names that differ in case only are the same.
func (s *Store) CreateCluster(ctx context.Context, c fleet.Cluster, token secret.Text) error {
	v, err := clusterValues(c)
	if err != nil {
		return err
	}
	sealed, err := s.vault.seal(token, clusterAD(string(c.ID), c.Owner, v.tokenID, c.Authority.Binding()))
	if err != nil {
		return err
	}
	now := s.now()
	return failed("keep the cluster", s.tx(ctx, func(q *query.Queries) error {
		err := q.CreateCluster(ctx, query.CreateClusterParams{ID: string(c.ID), Owner: c.Owner, Name: plain(c.Name), NameKey: nameKey(c.Name),
			Standalone: c.Standalone, Authority: v.authority, TokenID: v.tokenID, Secret: sealed, Halt: v.halt,
			CreatedAt: millis(orNow(c.CreatedAt, now)), UpdatedAt: millis(orNow(c.UpdatedAt, now)), Version: 1})
		if taken(err) {
			return nameTaken("You have a node or cluster of this name already.")
		}
		if err != nil {
			return err
		}
		return putMembers(ctx, q, c.ID, c.Members)
	}))
}

// Clusters lists one owner's clusters with their members, oldest first.
func (s *Store) Clusters(ctx context.Context, owner string) ([]fleet.Cluster, error) {
	rows, err := s.reads.ClustersOf(ctx, owner)
	if err != nil {
		return nil, failed("list the clusters", err)
	}
	members, err := s.reads.MembersOf(ctx, owner)
	if err != nil {
		return nil, failed("list the clusters' members", err)
	}
	return s.clusters(rows, members), nil
}

// AllClusters lists everybody's clusters, for the watcher alone. Those of disabled users are left out.
func (s *Store) AllClusters(ctx context.Context) ([]fleet.Cluster, error) {
	rows, err := s.reads.AllClusters(ctx)
	if err != nil {
		return nil, failed("list all clusters", err)
	}
	members, err := s.reads.AllMembers(ctx)
	if err != nil {
		return nil, failed("list all members", err)
	}
	return s.clusters(rows, members), nil
}

// clusters leaves out a row that cannot be read: one altered row must not hide all others.
func (s *Store) clusters(rows []query.Cluster, members []query.Member) []fleet.Cluster {
	of := map[string][]query.Member{}
	for _, m := range members {
		of[m.ClusterID] = append(of[m.ClusterID], m)
	}
	out := make([]fleet.Cluster, 0, len(rows))
	for _, r := range rows {
		c, err := cluster(r, of[r.ID])
		if err != nil {
			s.log.Error("a cluster's row cannot be read", "cluster", r.ID, "error", err)
			continue
		}
		out = append(out, c)
	}
	return out
}

// Cluster finds one of the owner's clusters.
func (s *Store) Cluster(ctx context.Context, owner string, id fleet.ClusterID) (fleet.Cluster, error) {
	return clusterOf(ctx, s.reads, owner, id)
}

func clusterOf(ctx context.Context, q *query.Queries, owner string, id fleet.ClusterID) (fleet.Cluster, error) {
	r, err := q.ClusterOf(ctx, query.ClusterOfParams{Owner: owner, ID: string(id)})
	if err != nil {
		return fleet.Cluster{}, failed("read the cluster", err)
	}
	members, err := q.MembersOfCluster(ctx, string(id))
	if err != nil {
		return fleet.Cluster{}, failed("read the cluster's members", err)
	}
	c, err := cluster(r, members)
	return c, failed("read the cluster", err)
}

// UpdateCluster changes all of a cluster but its id, owner and age, and raises
// its version. When c.Version is not the stored one, somebody else changed it:
// a Conflict. token nil keeps the stored secret, sealed anew for the
// authority and token id as they are then; whether it may go there is the
// caller's to decide.
func (s *Store) UpdateCluster(ctx context.Context, c fleet.Cluster, token *secret.Text) error {
	v, err := clusterValues(c)
	if err != nil {
		return err
	}
	return failed("change the cluster", s.tx(ctx, func(q *query.Queries) error {
		before, err := q.ClusterOf(ctx, query.ClusterOfParams{Owner: c.Owner, ID: string(c.ID)})
		if err != nil {
			return err
		}
		if before.Version != c.Version {
			return changedMeanwhile()
		}
		sealed, err := s.clusterSecret(before, c, v, token)
		if err != nil {
			return err
		}
		rows, err := q.UpdateCluster(ctx, query.UpdateClusterParams{Owner: c.Owner, ID: string(c.ID), Version: c.Version,
			Name: plain(c.Name), NameKey: nameKey(c.Name), Standalone: c.Standalone, Authority: v.authority, TokenID: v.tokenID,
			Secret: sealed, Halt: v.halt, UpdatedAt: millis(s.now())})
		switch {
		case taken(err):
			return nameTaken("You have a node or cluster of this name already.")
		case err != nil:
			return err
		case rows == 0:
			return changedMeanwhile()
		}
		return putMembers(ctx, q, c.ID, c.Members)
	}))
}

// RenameCluster gives a cluster another name and nothing else, so that what the
// watcher writes beside it stays. Another version than the stored one is a
// Conflict; what is absent is, too, since it was there when the version was read.
func (s *Store) RenameCluster(ctx context.Context, owner string, id fleet.ClusterID, version int64, name string) error {
	rows, err := s.writes.RenameCluster(ctx, query.RenameClusterParams{Owner: owner, ID: string(id), Version: version,
		Name: plain(name), NameKey: nameKey(name), UpdatedAt: millis(s.now())})
	switch {
	case taken(err):
		return nameTaken("You have a node or cluster of this name already.")
	case err == nil && rows == 0:
		return changedMeanwhile()
	}
	return failed("rename the cluster", err)
}

// clusterSecret is the sealed secret that the changed row is to have.
func (s *Store) clusterSecret(before query.Cluster, c fleet.Cluster, v clusterText, token *secret.Text) ([]byte, error) {
	ad := clusterAD(before.ID, before.Owner, v.tokenID, c.Authority.Binding())
	if token != nil {
		return s.vault.seal(*token, ad)
	}
	bound, err := binding(before.Authority)
	if err != nil {
		return nil, err
	}
	if bound == c.Authority.Binding() && before.TokenID == v.tokenID {
		return noNil(before.Secret), nil // a new name needs no key
	}
	kept, err := s.vault.open(before.Secret, clusterAD(before.ID, before.Owner, before.TokenID, bound))
	if err != nil {
		return nil, err
	}
	return s.vault.seal(kept, ad)
}

// DeleteCluster removes the cluster with its secret, pins, members, picture
// and default, and with SQLite overwrites them in the files.
func (s *Store) DeleteCluster(ctx context.Context, owner string, id fleet.ClusterID) error {
	rows, err := s.writes.DeleteCluster(ctx, query.DeleteClusterParams{Owner: owner, ID: string(id)})
	if rows > 0 {
		s.shredded(ctx)
	}
	return changedOne("delete the cluster", rows, err)
}

// ClusterSecret opens the token secret of one of the owner's clusters. It does
// not open when token id, addresses, pins or owner of the row are not those that it was sealed for.
func (s *Store) ClusterSecret(ctx context.Context, owner string, id fleet.ClusterID) (secret.Text, error) {
	r, err := s.reads.ClusterOf(ctx, query.ClusterOfParams{Owner: owner, ID: string(id)})
	if err != nil {
		return secret.Text{}, failed("read the cluster", err)
	}
	bound, err := binding(r.Authority)
	if err != nil {
		return secret.Text{}, failed("read the cluster", err)
	}
	return s.vault.open(r.Secret, clusterAD(r.ID, r.Owner, r.TokenID, bound))
}

// SetHalt notes why the cluster is not asked any more, or with nil that it is again. The version stays.
func (s *Store) SetHalt(ctx context.Context, id fleet.ClusterID, halt *fleet.Halt) error {
	text, err := encodeHalt(halt)
	if err != nil {
		return err
	}
	rows, err := s.writes.SetHalt(ctx, query.SetHaltParams{ID: string(id), Halt: text})
	return changedOne("note the halt", rows, err)
}

func changedMeanwhile() *problem.Problem {
	return problem.New(problem.Conflict, "This node was changed meanwhile, in another tab or by somebody else.", "Look at it as it is now, and change it again.")
}

type clusterText struct{ authority, tokenID, halt string }

func clusterValues(c fleet.Cluster) (v clusterText, err error) {
	v.tokenID = plain(c.TokenID)
	if v.authority, err = encode(c.Authority); err != nil {
		return v, err
	}
	v.halt, err = encodeHalt(c.Halt)
	return v, err
}

func encodeHalt(halt *fleet.Halt) (string, error) {
	if halt == nil {
		return "", nil
	}
	return encode(halt)
}

func cluster(r query.Cluster, members []query.Member) (fleet.Cluster, error) {
	c := fleet.Cluster{ID: fleet.ClusterID(r.ID), Owner: r.Owner, Name: r.Name, Standalone: r.Standalone, TokenID: r.TokenID,
		Members: make([]fleet.Member, len(members)), CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt), Version: r.Version}
	if err := decode(r.Authority, &c.Authority); err != nil {
		return c, fmt.Errorf("its authority: %w", err)
	}
	if r.Halt != "" {
		c.Halt = &fleet.Halt{}
		if err := decode(r.Halt, c.Halt); err != nil {
			return c, fmt.Errorf("its halt: %w", err)
		}
	}
	for i, m := range members {
		c.Members[i] = fleet.Member{Name: m.Name, Label: m.Label, Address: m.Address}
	}
	return c, nil
}
