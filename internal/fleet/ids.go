// Package fleet has the nouns that Berth is about: clusters, their nodes and
// containers, and the picture of them as last seen. Nothing here talks to
// anybody.
package fleet

import (
	"strconv"
	"strings"
)

// ClusterID names a cluster entry of one owner (UUIDv7). Adding the same
// Proxmox again makes a new one.
type ClusterID string

// VMID is a guest's number within its cluster, 100 to 999999999.
type VMID int

const (
	MinVMID VMID = 100
	MaxVMID VMID = 999999999
)

func (v VMID) String() string { return strconv.Itoa(int(v)) }

// ParseVMID reads a VMID as Proxmox writes it; ok is false for anything else.
func ParseVMID(s string) (id VMID, ok bool) {
	n, err := strconv.Atoi(s)
	if err != nil || n < int(MinVMID) || n > int(MaxVMID) || strconv.Itoa(n) != s {
		return 0, false
	}
	return VMID(n), true
}

// ContainerID is a container's identity: it stays when the container moves
// between nodes and is never confused with the same VMID elsewhere.
type ContainerID struct {
	Cluster ClusterID
	VMID    VMID
}

// String is "cluster/vmid", as pages carry it in data-container.
func (id ContainerID) String() string { return string(id.Cluster) + "/" + id.VMID.String() }

// ParseContainerID reads what ContainerID.String writes; ok is false for anything else.
func ParseContainerID(s string) (id ContainerID, ok bool) {
	cluster, number, ok := strings.Cut(s, "/")
	n, err := strconv.Atoi(number)
	id = ContainerID{ClusterID(cluster), VMID(n)}
	if !ok || cluster == "" || err != nil || id.VMID < MinVMID || id.VMID > MaxVMID || id.String() != s {
		return ContainerID{}, false
	}
	return id, true
}

// NodeID is a node's identity: its PVE name within a cluster. Names are not unique in the world.
type NodeID struct {
	Cluster ClusterID
	Name    string
}

// String is "cluster/node", as pages carry it in data-node and the URL key node.
func (id NodeID) String() string { return string(id.Cluster) + "/" + id.Name }

// ParseNodeID reads what NodeID.String writes; ok is false for anything else.
func ParseNodeID(s string) (id NodeID, ok bool) {
	cluster, name, ok := strings.Cut(s, "/")
	if !ok || cluster == "" || !ValidNodeName(name) {
		return NodeID{}, false
	}
	return NodeID{ClusterID(cluster), name}, true
}

// ValidNodeName reports whether a name fits Proxmox's grammar for nodes (pve-node: one DNS label).
// Nothing else may enter an API path.
func ValidNodeName(name string) bool {
	if name == "" || len(name) > 63 {
		return false
	}
	for i, r := range name {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (r != '-' || i == 0 || i == len(name)-1) {
			return false
		}
	}
	return true
}
