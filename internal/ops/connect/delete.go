package connect

import (
	"context"
	"fmt"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
)

// Delete removes a cluster with its secret and its picture. It asks Proxmox
// nothing and is never held up by it; another node becomes the default one.
func (s *Service) Delete(ctx context.Context, by account.By, id fleet.ClusterID) (fleet.Deleted, error) {
	c, err := s.store.Cluster(ctx, by.Owner(), id)
	if err != nil {
		return fleet.Deleted{}, err
	}
	err = s.during(ctx, by, audit.ClusterDrop, c.Name, c.ID, func() error {
		if err := s.store.DeleteCluster(ctx, by.Owner(), id); err != nil {
			return err
		}
		s.rights.drop(id)
		defer s.watcher.Reload(id)
		return s.promote(ctx, by, id)
	})
	return fleet.Deleted{Name: c.Name, Command: fleet.RemoveTokenCommand(c.TokenID)}, err
}

// promote makes the first online node of the oldest cluster that is left the
// default one, when the default went with the deleted cluster.
func (s *Service) promote(ctx context.Context, by account.By, gone fleet.ClusterID) error {
	now, there, err := s.store.Default(ctx, by.Owner())
	if err != nil {
		return fmt.Errorf("reading the default node: %w", err)
	}
	if there && now.Cluster != gone {
		return nil
	}
	clusters, err := s.store.Clusters(ctx, by.Owner())
	if err != nil {
		return fmt.Errorf("reading clusters: %w", err)
	}
	next, ok := firstNode(clusters, s.watcher.Picture(by.Owner()))
	if !ok {
		return nil
	}
	return s.store.SetDefault(ctx, by.Owner(), next)
}

// firstNode is the first online node in the order of the clusters' age, or the first one at all when none is known to be online.
func firstNode(clusters []fleet.Cluster, p *fleet.Picture) (fleet.NodeID, bool) {
	var first fleet.NodeID
	oldest := -1
	for i, c := range clusters {
		node, online := leading(c, p)
		if node.Name == "" {
			continue
		}
		better := oldest < 0 || c.CreatedAt.Before(clusters[oldest].CreatedAt)
		if online && (better || !isOnline(first, p)) || !isOnline(first, p) && better {
			first, oldest = node, i
		}
	}
	return first, oldest >= 0
}

func leading(c fleet.Cluster, p *fleet.Picture) (node fleet.NodeID, online bool) {
	for _, m := range c.Members {
		id := fleet.NodeID{Cluster: c.ID, Name: m.Name}
		if isOnline(id, p) {
			return id, true
		}
		if node.Name == "" {
			node = id
		}
	}
	return node, false
}

func isOnline(id fleet.NodeID, p *fleet.Picture) bool {
	if p == nil {
		return false
	}
	for _, c := range p.Clusters {
		if c.Cluster != id.Cluster || c.Trouble != nil {
			continue
		}
		if n, ok := c.Node(id.Name); ok {
			return n.State == fleet.Online
		}
	}
	return false
}
