package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/store/query"
)

// SetMembers replaces the members as learned from the cluster itself. A member
// that stays keeps the label that its owner gave it. The cluster's version stays.
func (s *Store) SetMembers(ctx context.Context, id fleet.ClusterID, members []fleet.Member) error {
	return failed("keep the members", s.tx(ctx, func(q *query.Queries) error {
		if rows, err := q.LockCluster(ctx, string(id)); err != nil || rows == 0 {
			return changedOne("keep the members", rows, err)
		}
		before, err := q.MembersOfCluster(ctx, string(id))
		if err != nil {
			return err
		}
		labels := map[string]string{}
		for _, m := range before {
			labels[m.Name] = m.Label
		}
		merged := make([]fleet.Member, len(members))
		for i, m := range members {
			if label, ok := labels[plain(m.Name)]; ok {
				m.Label = label
			}
			merged[i] = m
		}
		return putMembers(ctx, q, id, merged)
	}))
}

func putMembers(ctx context.Context, q *query.Queries, id fleet.ClusterID, members []fleet.Member) error {
	if err := q.DeleteMembers(ctx, string(id)); err != nil {
		return err
	}
	for i, m := range members {
		err := q.AddMember(ctx, query.AddMemberParams{ClusterID: string(id), Name: plain(m.Name), Place: int64(i), Label: plain(m.Label), Address: plain(m.Address)})
		if err != nil {
			return err
		}
	}
	return nil
}

// SetLabel gives a node of one of the owner's clusters their own name for it; empty takes it away.
func (s *Store) SetLabel(ctx context.Context, owner string, id fleet.ClusterID, node, label string) error {
	rows, err := s.writes.SetLabel(ctx, query.SetLabelParams{Owner: owner, ClusterID: string(id), Node: node, Label: plain(label)})
	return changedOne("label the node", rows, err)
}

// Default is the owner's default node; ok is false when they have none.
func (s *Store) Default(ctx context.Context, owner string) (id fleet.NodeID, ok bool, err error) {
	r, err := s.reads.DefaultNode(ctx, owner)
	if errors.Is(err, sql.ErrNoRows) {
		return fleet.NodeID{}, false, nil
	}
	if err != nil {
		return fleet.NodeID{}, false, failed("read the default node", err)
	}
	return fleet.NodeID{Cluster: fleet.ClusterID(r.ClusterID), Name: r.Node}, true, nil
}

// SetDefault makes a member of one of the owner's clusters their default node.
func (s *Store) SetDefault(ctx context.Context, owner string, node fleet.NodeID) error {
	return failed("set the default node", s.tx(ctx, func(q *query.Queries) error {
		c, err := clusterOf(ctx, q, owner, node.Cluster)
		if err != nil {
			return err
		}
		for _, m := range c.Members {
			if m.Name == node.Name {
				return q.SetDefaultNode(ctx, query.SetDefaultNodeParams{Owner: owner, ClusterID: string(node.Cluster), Node: node.Name})
			}
		}
		return problem.Missing()
	}))
}

// SavePicture keeps a cluster's compressed picture, unless a later one is there. A deleted cluster is problem.Missing.
func (s *Store) SavePicture(ctx context.Context, id fleet.ClusterID, data []byte, seenAt time.Time) error {
	err := s.writes.SavePicture(ctx, query.SavePictureParams{ClusterID: string(id), Data: noNil(data), SeenAt: millis(seenAt)})
	if orphaned(err) {
		return problem.Missing()
	}
	return failed("keep the picture", err)
}

// LoadPictures gives all clusters' pictures as last kept.
func (s *Store) LoadPictures(ctx context.Context) (map[fleet.ClusterID][]byte, error) {
	rows, err := s.reads.Pictures(ctx)
	out := make(map[fleet.ClusterID][]byte, len(rows))
	for _, r := range rows {
		out[fleet.ClusterID(r.ClusterID)] = r.Data
	}
	return out, failed("read the pictures", err)
}

// LoadPicture gives one cluster's picture as last kept.
func (s *Store) LoadPicture(ctx context.Context, id fleet.ClusterID) ([]byte, error) {
	data, err := s.reads.Picture(ctx, string(id))
	return data, failed("read the picture", err)
}
