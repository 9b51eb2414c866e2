package fleet

import (
	"strings"
	"testing"
	"time"
)

func TestWhichActionInWhichState(t *testing.T) {
	want := map[Status]string{
		Running:   "shutdown reboot stop suspend delete",
		Stopped:   "start delete",
		Suspended: "resume delete",
		Unknown:   "",
	}
	p := &ClusterPicture{Name: "lab", Quorate: true, SeenAt: time.Unix(1, 0)}
	for status, actions := range want {
		var can []string
		for i, r := range JudgeAll(p, Container{ID: ContainerID{"c", 104}, Hostname: "web1", Status: status}, nil) {
			if r.None() {
				can = append(can, string(actionRules[i].Action))
			} else if !strings.HasSuffix(r.Why, ".") || !strings.Contains(r.Why, "web1") {
				t.Errorf("%s of a %s container: no sentence about it: %q", actionRules[i].Action, status, r.Why)
			}
		}
		if got := strings.Join(can, " "); got != actions {
			t.Errorf("%s: %q, want %q", status, got, actions)
		}
	}
}

func TestWhyAnActionCannotBeHad(t *testing.T) {
	seen := time.Unix(1, 0)
	well := func() (*ClusterPicture, Container) {
		p := &ClusterPicture{Name: "lab", Quorate: true, SeenAt: seen, Nodes: []Node{{ID: NodeID{"c", "pve1"}, State: Online}}}
		return p, Container{ID: ContainerID{"c", 104}, Node: "pve1", Hostname: "web1", Status: Running}
	}
	tests := map[string]struct {
		action Action
		change func(*ClusterPicture, *Container)
		busy   *Busy
		code   string
		why    string
	}{
		"all well":          {ActStop, func(*ClusterPicture, *Container) {}, nil, "", ""},
		"no such action":    {"explode", func(*ClusterPicture, *Container) {}, nil, "unknown", "There is no such action."},
		"cluster in need":   {ActStop, func(p *ClusterPicture, _ *Container) { p.Trouble = &Trouble{What: "It does not answer."} }, nil, "unreachable", "lab cannot be asked now. It does not answer."},
		"node unreachable":  {ActStop, func(p *ClusterPicture, _ *Container) { p.Nodes[0].State, p.Nodes[0].Label = Unreachable, "rack" }, nil, "unreachable", "rack, on which web1 is, cannot be reached."},
		"stale":             {ActStop, func(_ *ClusterPicture, c *Container) { c.Stale = true }, nil, "stale", "web1 has not been seen lately."},
		"under way":         {ActStop, func(*ClusterPicture, *Container) {}, &Busy{Doing: "Shutting down", By: "alex@pve"}, "busy", "Shutting down web1 is under way, begun by alex@pve."},
		"waiting":           {ActStop, func(*ClusterPicture, *Container) {}, &Busy{Doing: "Shutting down", By: "alex@pve", Waiting: true}, "busy", "web1 waits for another action of alex@pve: Shutting down."},
		"already":           {ActStart, func(*ClusterPicture, *Container) {}, nil, "state", "web1 already runs."},
		"suspended":         {ActStart, func(_ *ClusterPicture, c *Container) { c.Status = Suspended }, nil, "state", "web1 is suspended: resume it."},
		"template":          {ActStart, func(_ *ClusterPicture, c *Container) { c.Template, c.Status = true, Stopped }, nil, "template", "web1 is a template container: it cannot run."},
		"template, deleted": {ActDelete, func(_ *ClusterPicture, c *Container) { c.Template, c.Status = true, Stopped }, nil, "", ""},
		"locked":            {ActReboot, func(_ *ClusterPicture, c *Container) { c.Lock = "backup" }, nil, "lock", "Proxmox holds a lock on web1: backup."},
		"no quorum":         {ActDelete, func(p *ClusterPicture, _ *Container) { p.Quorate = false }, nil, "quorum", "lab has no quorum: Proxmox would destroy the disk and keep the rest."},
		"no quorum, stop":   {ActStop, func(p *ClusterPicture, _ *Container) { p.Quorate = false }, nil, "", ""},
		"privilege": {ActStop, func(p *ClusterPicture, _ *Container) {
			p.Rights = &Rights{Permissions: Permissions{"/vms": {"VM.Audit": true}}}
		}, nil, "privilege", "The token lacks VM.PowerMgmt on /vms/104."},
		"privilege deeper": {ActStop, func(p *ClusterPicture, _ *Container) {
			p.Rights = &Rights{Permissions: Permissions{"/vms/104": {"VM.PowerMgmt": true}}}
		}, nil, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, c := well()
			test.change(p, &c)
			got := Judge(test.action, p, c, test.busy)
			if got.Code != test.code || got.Why != test.why {
				t.Errorf("got %q %q, want %q %q", got.Code, got.Why, test.code, test.why)
			}
		})
	}
}

// PVE::API2::LXC::Status takes "mounted" for no lock before start and stop, and before nothing else.
func TestLocksThatProxmoxLooksPast(t *testing.T) {
	p := &ClusterPicture{Name: "lab", Quorate: true, SeenAt: time.Unix(1, 0)}
	for lock, want := range map[string]string{"mounted": "start stop", "backup": "", "snapshot": ""} {
		var can []string
		for _, rule := range actionRules {
			c := Container{ID: ContainerID{"c", 104}, Status: rule.From[0], Lock: lock}
			if Judge(rule.Action, p, c, nil).None() {
				can = append(can, string(rule.Action))
			}
		}
		if got := strings.Join(can, " "); got != want {
			t.Errorf("locked (%s): %q, want %q", lock, got, want)
		}
	}
}
