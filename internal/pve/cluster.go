package pve

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// ClusterStatus is who belongs to the cluster, and whether it has quorum.
type ClusterStatus struct {
	// Name of the cluster; empty when Standalone.
	Name       string
	Standalone bool
	Quorate    bool // true when Standalone
	Members    []ClusterMember
}

// ClusterMember is a node as its cluster knows it.
type ClusterMember struct {
	Name   string
	ID     int
	IP     string // of the cluster's network; not necessarily one that Berth can reach
	Online bool
	Local  bool // the node that answered
}

// Local is the name of the node that answered; empty when it did not say.
func (s ClusterStatus) Local() string {
	for _, m := range s.Members {
		if m.Local {
			return m.Name
		}
	}
	return ""
}

// ClusterStatus needs Sys.Audit on /.
func (c *Client) ClusterStatus(ctx context.Context) (ClusterStatus, error) {
	s := ClusterStatus{Standalone: true, Quorate: true}
	l, err := list(ctx, c, get("reading the state of the cluster", "cluster", "status"), clusterStatusRow)
	if err != nil {
		return ClusterStatus{}, err
	}
	for _, r := range l.Rows {
		if r.cluster {
			s.Standalone, s.Name, s.Quorate = false, r.name, r.quorate
		} else {
			s.Members = append(s.Members, r.member)
		}
	}
	if len(s.Members) == 0 {
		return ClusterStatus{}, c.oddAnswer("reading the state of the cluster")
	}
	slices.SortFunc(s.Members, func(a, b ClusterMember) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

type statusRow struct {
	cluster, quorate bool
	name             string
	member           ClusterMember
}

func clusterStatusRow(v value) (statusRow, bool) {
	switch v.get("type").raw() {
	case "cluster":
		return statusRow{cluster: true, name: v.get("name").line(), quorate: v.get("quorate").bool()}, true
	case "node":
		id, _ := v.get("nodeid").int()
		m := ClusterMember{Name: v.get("name").raw(), ID: int(id), IP: v.get("ip").line(),
			Online: v.get("online").bool(), Local: v.get("local").bool()}
		return statusRow{member: m}, fleet.ValidNodeName(m.Name)
	}
	return statusRow{}, false
}

// Task is one task as lists of tasks have it; ParseUPID checks its UPID.
type Task = fleet.Task

// ClusterTasks lists running tasks and the newest finished ones of all nodes (25
// a node), those that started last first. Without Sys.Audit on / the list is
// empty, the caller's own tasks included: that is no error.
func (c *Client) ClusterTasks(ctx context.Context) (List[Task], error) {
	l, err := list(ctx, c, get("reading the list of tasks", "cluster", "tasks"), taskRow)
	slices.SortStableFunc(l.Rows, func(a, b Task) int { return b.StartedAt.Compare(a.StartedAt) })
	return l, err
}

func taskRow(v value) (Task, bool) {
	t := Task{UPID: v.get("upid").raw(), Node: v.get("node").raw(), User: v.get("user").line(), Token: v.get("tokenid").line(),
		Type: v.get("type").line(), ID: v.get("id").line(), StartedAt: v.get("starttime").unix(), EndedAt: v.get("endtime").unix(),
		Status: v.get("status").line()}
	u, err := ParseUPID(t.UPID)
	if err != nil {
		return Task{}, false
	}
	if t.EndedAt.IsZero() && strings.EqualFold(t.Status, "running") {
		t.Status = "" // a node's own list has a word for it, the cluster's none
	}
	// The UPID says it all again: it fills what a row lacks.
	if t.Node == "" {
		t.Node = u.Node
	}
	if t.Type == "" {
		t.Type = u.Type
	}
	if t.ID == "" {
		t.ID = u.ID
	}
	if t.StartedAt.IsZero() {
		t.StartedAt = u.StartedAt
	}
	if t.User == "" {
		t.User, t.Token, _ = strings.Cut(u.User, "!")
	}
	return t, fleet.ValidNodeName(t.Node)
}

// JoinMember is a member as the cluster's join information names it.
type JoinMember struct {
	Name        string
	Address     string // at which members reach its API
	Fingerprint string // SHA-256 of the leaf that it serves
}

// JoinInfo lists the cluster's members with addresses and fingerprints.
type JoinInfo struct {
	Standalone bool // no cluster, and so no members
	ConfigName string
	Preferred  string // the node that answered
	Members    []JoinMember
}

// JoinInfo needs Sys.Audit on /.
func (c *Client) JoinInfo(ctx context.Context) (JoinInfo, error) {
	call := get("reading the members of the cluster", "cluster", "config", "join")
	v, err := c.tree(ctx, call)
	if isStatus(err, http.StatusFailedDependency) {
		return JoinInfo{Standalone: true}, nil
	}
	if err != nil {
		return JoinInfo{}, err
	}
	if v.get("nodelist").kind != array {
		return JoinInfo{}, c.oddAnswer(call.doing)
	}
	info := JoinInfo{ConfigName: v.get("totem").get("cluster_name").line(), Preferred: v.get("preferred_node").line()}
	for _, m := range v.get("nodelist").items {
		member := JoinMember{Name: m.get("name").raw(), Address: m.get("pve_addr").line(), Fingerprint: strings.ToUpper(m.get("pve_fp").line())}
		if member.Address == "" {
			member.Address = m.get("ring0_addr").line()
		}
		if fleet.ValidNodeName(member.Name) {
			info.Members = append(info.Members, member)
		}
	}
	return info, nil
}

// isStatus reports whether an error is Proxmox's answer with that code.
func isStatus(err error, code int) bool {
	p := problem.Of(err)
	if p == nil {
		return false
	}
	s, ok := p.Err.(statusError)
	return ok && s.code == code
}
