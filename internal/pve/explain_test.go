package pve

import (
	"context"
	"strings"
	"testing"

	"berth/internal/problem"
)

// obstacles are texts of real nodes, with what a person is told of each.
var obstacles = []struct {
	text string
	kind problem.Kind
	says string
}{
	{"CT 100 already running", problem.State, "CT 100 runs already."},
	{"CT 100 not running", problem.State, "CT 100 does not run on pve1."},
	{"VM 100 not running", problem.State, "CT 100 does not run on pve1."},
	{"unable to destroy CT 100 - container is running", problem.State, "CT 100 runs, and Proxmox refused"},
	{"you can't start a CT if it's a template", problem.State, "CT 100 is a template"},
	{"can't remove CT 100 - protection mode enabled", problem.Protected, "CT 100 is protected"},
	{"CT is locked (backup)", problem.Busy, "CT 100 is locked by a backup."},
	{"CT is locked (snapshot-delete)", problem.Busy, "by the removal of a snapshot"},
	{"CT is locked (<b>)", problem.Busy, "by another task"},
	{"CT is locked", problem.Busy, "by another task"},
	{"can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout", problem.Busy, "Another task holds CT 100"},
	{"can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout", problem.Busy, "Another task holds the storage local-lvm"},
	{"cfs-lock 'storage-nfs1' error: got lock request timeout", problem.Busy, "Another task holds the storage nfs1"},
	{"cluster not ready - no quorum?", problem.QuorumLost, "no quorum"},
	{"cfs-lock 'file-user_cfg' error: no quorum!", problem.QuorumLost, "no quorum"},
	{"unable to open file '/etc/pve/nodes/pve1/lxc/100.conf.tmp.182' - Permission denied", problem.QuorumLost, "no quorum"},
	{"Configuration file 'nodes/pve1/lxc/100.conf' does not exist", problem.Gone, "CT 100 is not on pve1 any more."},
}

func TestObstaclesInAnAnswer(t *testing.T) {
	for _, tc := range obstacles {
		_, c := served(t, says(500, tc.text, `{"data":null,"message":"`+tc.text+`\n"}`))
		_, err := c.Start(t.Context(), "pve1", 100)
		p := wants(t, err, tc.kind)
		if !strings.Contains(p.What, tc.says) || p.Remedy == "" || p.Proxmox != tc.text || p.Node != "pve1" {
			t.Errorf("%s: %q of node %q", tc.text, p.Sentence(), p.Node)
		}
	}
}

func TestObstaclesInATask(t *testing.T) {
	u := mustUPID(t, aUPID)
	for _, tc := range obstacles {
		p := ExplainExit(tc.text, u)
		if p == nil || p.Kind != tc.kind || !strings.Contains(p.What, tc.says) || p.Remedy == "" || p.Proxmox != tc.text || p.Node != "pve1" {
			t.Errorf("%s: %+v", tc.text, p)
		}
	}
}

func TestForbiddenNamesThePrivilege(t *testing.T) {
	const text = "Permission check failed (/vms/100, VM.PowerMgmt)"
	_, c := served(t, says(403, text, `{"data":null,"message":"`+text+`\n"}`))
	for verb, act := range actions {
		_, err := act(c, context.Background(), "pve1", 100)
		if p := wants(t, err, problem.Forbidden); p.Privilege != "VM.PowerMgmt on /vms/100" {
			t.Errorf("%s: %+v", verb, p)
		}
	}
	p := ExplainExit(text, mustUPID(t, aUPID))
	if p == nil || p.Kind != problem.Forbidden || p.Privilege != "VM.PowerMgmt on /vms/100" || !strings.Contains(p.What, "The token root@pam!berth lacks") {
		t.Errorf("%+v", p)
	}
}

func TestExplainExit(t *testing.T) {
	task := func(kind string) UPID {
		return mustUPID(t, "UPID:pve1:0000FB74:0015053E:6A4AB624:"+kind+":100:root@pam:")
	}
	for _, tc := range []struct {
		exit string
		task string
		kind problem.Kind // empty: it ended well
		says string
	}{
		{"OK", "vzstart", "", ""},
		{"WARNINGS: 1", "vzcreate", "", ""},
		{"OK then", "vzstart", problem.Failed, "failed while starting CT 100"},
		{"", "vzstart", problem.OutcomeUnknown, "The task that was starting CT 100 ended without a result"},
		{"unexpected status", "vzdestroy", problem.OutcomeUnknown, "deleting CT 100 ended without a result"},
		{"unable to open file - No such file or directory", "vzstop", problem.OutcomeUnknown, "ended without a result"},
		{"unable to read tail (got 0 bytes)", "vzstop", problem.OutcomeUnknown, "ended without a result"},
		{"unable to parse volume ID 'x'", "vzdestroy", problem.Failed, "failed while deleting CT 100"},
		{"interrupted by signal", "vzshutdown", problem.Failed, "shutting down CT 100 was interrupted"},
		{"command 'lxc-stop -n 100 --timeout 60' failed: received interrupt", "vzshutdown", problem.Failed, "was interrupted"},
		{"command 'lxc-start -n 100' failed: exit code 1", "vzstart", problem.Failed, "CT 100 did not start."},
		{"startup for container '100' failed", "vzstart", problem.Failed, "CT 100 did not start."},
		{"bridge 'vmbr9' does not exist", "vzstart", problem.Failed, "The bridge vmbr9 is not on pve1"},
		{"volume 'local:100/vm-100-disk-0.raw' does not exist", "vzstart", problem.Failed, "A volume is missing: local:100/vm-100-disk-0.raw"},
		{"command 'lxc-checkpoint -n 100 -s -D /var/lib/vz/dump' failed: exit code 1", "vzsuspend", problem.Failed, "experimental"},
		{"unable to create CT 100 - volume 'local:vztmpl/x.tar.gz' does not exist", "vzcreate", problem.Failed, "failed while creating CT 100"},
		{"unable to open file '/etc/pve/nodes/pve1/lxc/100.conf.tmp.13702' - Permission denied", "vzdestroy", problem.QuorumLost, "its disks may be destroyed"},
		{"job errors", "vzdump", problem.Failed, "failed while backing up CT 100"},
		{"what?", "futuretask", problem.Failed, "failed while carrying out the task futuretask"},
	} {
		p := ExplainExit(tc.exit, task(tc.task))
		if tc.kind == "" {
			if p != nil {
				t.Errorf("%s: %+v", tc.exit, p)
			}
			continue
		}
		if p == nil || p.Kind != tc.kind || !strings.Contains(p.Sentence(), tc.says) || p.Remedy == "" || p.Node != "pve1" {
			t.Errorf("%s: %+v", tc.exit, p)
		}
	}
	p := ExplainExit("a\x1b]0;x\x07\n\u202e"+strings.Repeat("long ", 1000), task("vzstart"))
	if strings.ContainsAny(p.Sentence(), "\x1b\x07\n\u202e") || len(p.Proxmox) > maxWords+3 {
		t.Errorf("%q", p.Sentence())
	}
}
