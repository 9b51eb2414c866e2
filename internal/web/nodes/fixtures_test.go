package nodes

import (
	"strings"
	"time"

	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func fp(pair string) string { return strings.TrimSuffix(strings.Repeat(pair+":", 32), ":") }

// hostile is what a Proxmox, a guest or a person may put where a name is shown.
const hostile = `<script>alert(1)</script>"'&$(id)`

func lab() fleet.Cluster {
	return fleet.Cluster{ID: "c1", Owner: "u1", Name: "lab", TokenID: "root@pam!berth", Version: 3,
		Authority: authority.Authority{
			Addresses: []authority.Address{{Host: "10.0.0.11", Port: 8006, Node: "pve1"}, {Host: "10.0.0.12", Port: 443, Node: "pve2"}},
			Trust:     authority.Trust{Mode: authority.CAPin, Fingerprint: fp("4E")}},
		Members: []fleet.Member{{Name: "pve1"}, {Name: "pve2", Label: "Rack 2"}, {Name: "pve3"}}}
}

func attic() fleet.Cluster {
	return fleet.Cluster{ID: "c2", Owner: "u1", Name: hostile, Standalone: true, TokenID: "anna@pve!berth", Version: 1,
		Authority: authority.Authority{Addresses: []authority.Address{{Host: "attic.home", Port: 8006, Leaf: fp("A1")}},
			Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: fp("A1")}},
		Members: []fleet.Member{{Name: "attic", Label: hostile}}}
}

func labPicture() *fleet.ClusterPicture {
	node := func(name, label string, state fleet.NodeState) fleet.Node {
		return fleet.Node{ID: fleet.NodeID{Cluster: "c1", Name: name}, Label: label, State: state}
	}
	return &fleet.ClusterPicture{Cluster: "c1", Owner: "u1", Name: "lab", Quorate: true, Version: "9.2.11", SeenAt: noon.Add(-4 * time.Second),
		Nodes:      []fleet.Node{node("pve1", "", fleet.Online), node("pve2", "Rack 2", fleet.Online), node("pve3", "", fleet.Unreachable)},
		Containers: make([]fleet.Container, 31), Spend: fleet.Spend{PerMinute: 31, P95: 9 * time.Millisecond}, Answering: "10.0.0.11",
		Rights: &fleet.Rights{At: noon.Add(-time.Minute), Permissions: fleet.Permissions{
			"/": {"Sys.Audit": true}, "/nodes": {"Sys.Audit": true}, "/vms": {"VM.Audit": true, "VM.PowerMgmt": true}, "/vms/107": {"VM.Console": true}}}}
}

func atticPicture() *fleet.ClusterPicture {
	return &fleet.ClusterPicture{Cluster: "c2", Owner: "u1", Standalone: true, Quorate: true, Version: "8.4.5", SeenAt: noon.Add(-3 * time.Minute),
		Nodes:   []fleet.Node{{ID: fleet.NodeID{Cluster: "c2", Name: "attic"}, State: fleet.Unreachable}},
		Notices: []fleet.Notice{{Code: "slow-updates", Text: "Slower updates: the token lacks Sys.Audit on /."}},
		Trouble: &fleet.Trouble{Kind: string(problem.Unreachable), What: "attic.home cannot be reached.", Remedy: "Check that it runs.", Proxmox: hostile, RetryAt: noon.Add(8 * time.Second)}}
}

func input(p ...*fleet.ClusterPicture) cardInput {
	return cardInput{picture: &fleet.Picture{Owner: "u1", Clusters: p}, node: fleet.NodeID{Cluster: "c1", Name: "pve1"}, now: noon,
		rights: func(fleet.ClusterID) (fleet.Rights, bool) { return fleet.Rights{}, false },
		test:   func(fleet.ClusterID) (fleet.TestReport, bool) { return fleet.TestReport{}, false }}
}

func found() fleet.Finding {
	return fleet.Finding{
		Address: authority.Address{Host: "10.0.0.11", Port: 8006, Node: "pve1", Leaf: fp("1F")}, Release: "9.2.11", Name: "lab", Quorate: true,
		Trust: authority.Trust{Mode: authority.CAPin, Fingerprint: fp("4E")},
		Members: []fleet.FoundMember{
			{Name: "pve1", Local: true, Online: true, Told: "10.0.0.11"},
			{Name: "pve2", Online: true, Told: "10.0.0.12", Address: authority.Address{Host: "10.0.0.12", Port: 8006, Node: "pve2"}, Usable: true},
			{Name: "pve3", Told: "127.0.0.1", Address: authority.Address{Host: "127.0.0.1", Port: 8006}, Why: "Berth does not connect to 127.0.0.1: it is this machine itself."},
		},
		Rights: fleet.Permissions{"/vms": {"VM.Audit": true}},
	}
}

func plan() fleet.TokenPlan {
	return fleet.TokenPlan{Host: "lab", Authority: lab().Authority, TokenID: "anna@pve!berth", Finding: found(), Expires: noon.AddDate(1, 0, 0),
		Roles: []fleet.Tier{fleet.TierLook}, Grants: fleet.TierLook.Grants(nil),
		Calls: []fleet.PlannedCall{{Method: "POST", Path: "/access/roles", Fields: []string{"roleid=BerthLook"}}, {Method: "PUT", Path: "/access/acl", Fields: []string{"path=/", "roles=BerthLook"}}}}
}
