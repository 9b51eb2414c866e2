package connect

import (
	"context"
	"slices"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// SetDefault makes a node the one that new containers are proposed for.
func (s *Service) SetDefault(ctx context.Context, by account.By, node fleet.NodeID) error {
	c, m, err := s.member(ctx, by, node)
	if err != nil {
		return err
	}
	return s.during(ctx, by, audit.DefaultSet, m.Title(), c.ID, func() error {
		if err := s.store.SetDefault(ctx, by.Owner(), node); err != nil {
			return err
		}
		s.watcher.Reload(node.Cluster)
		return nil
	})
}

// Default is the person's default node: the one that was chosen, or, when that
// has left its cluster, the first online member in its place. ok is false when there is no node at all.
func (s *Service) Default(ctx context.Context, owner string) (node fleet.NodeID, ok bool, err error) {
	node, ok, err = s.store.Default(ctx, owner)
	if err != nil {
		return node, false, err
	}
	clusters, err := s.store.Clusters(ctx, owner)
	if err != nil {
		return node, false, err
	}
	if i := slices.IndexFunc(clusters, func(c fleet.Cluster) bool { return ok && c.ID == node.Cluster }); i >= 0 {
		if slices.ContainsFunc(clusters[i].Members, func(m fleet.Member) bool { return m.Name == node.Name }) {
			return node, true, nil
		}
		if instead, _ := leading(clusters[i], s.watcher.Picture(owner)); instead.Name != "" {
			return instead, true, nil
		}
	}
	node, ok = firstNode(clusters, s.watcher.Picture(owner))
	return node, ok, nil
}

// Rename gives a cluster another name. version is the one that the person saw. Field: name.
func (s *Service) Rename(ctx context.Context, by account.By, id fleet.ClusterID, version int64, typed string) error {
	c, err := s.store.Cluster(ctx, by.Owner(), id)
	if err != nil {
		return err
	}
	name, wrong := fleet.CleanName(typed)
	if wrong != "" {
		return problem.Field("name", wrong)
	}
	if name == c.Name {
		return nil
	}
	if version != c.Version {
		return changedMeanwhile()
	}
	return s.during(ctx, by, audit.ClusterEdit, c.Name, c.ID, func() error {
		if err := s.store.RenameCluster(ctx, by.Owner(), id, version, name); err != nil {
			return err
		}
		s.watcher.Reload(id)
		return nil
	})
}

// Label gives a node a label of the person's own; an empty one takes it away. Field: label.
func (s *Service) Label(ctx context.Context, by account.By, node fleet.NodeID, typed string) error {
	c, m, err := s.member(ctx, by, node)
	if err != nil {
		return err
	}
	label, wrong := fleet.CleanName(typed)
	if label != "" && wrong != "" {
		return problem.Field("label", wrong)
	}
	if label == m.Label {
		return nil
	}
	return s.during(ctx, by, audit.ClusterEdit, m.Name, c.ID, func() error {
		if err := s.store.SetLabel(ctx, by.Owner(), c.ID, m.Name, label); err != nil {
			return err
		}
		s.watcher.Reload(c.ID)
		return nil
	})
}

func (s *Service) member(ctx context.Context, by account.By, node fleet.NodeID) (fleet.Cluster, fleet.Member, error) {
	c, err := s.store.Cluster(ctx, by.Owner(), node.Cluster)
	if err != nil {
		return c, fleet.Member{}, err
	}
	i := slices.IndexFunc(c.Members, func(m fleet.Member) bool { return m.Name == node.Name })
	if i < 0 {
		return c, fleet.Member{}, problem.Missing()
	}
	return c, c.Members[i], nil
}

func changedMeanwhile() error {
	return problem.New(problem.Conflict, "This entry was changed meanwhile, in another tab or by another replica.", "Look at it as it is now, then change it again.")
}

// Clusters lists the person's clusters, the oldest first.
func (s *Service) Clusters(ctx context.Context, by account.By) ([]fleet.Cluster, error) {
	return s.store.Clusters(ctx, by.Owner())
}

// Cluster is one of the person's clusters; another's is problem.Missing.
func (s *Service) Cluster(ctx context.Context, by account.By, id fleet.ClusterID) (fleet.Cluster, error) {
	return s.store.Cluster(ctx, by.Owner(), id)
}
