package pvesim

import "slices"

const onlyParam = "only answers whose path begins so, as in /cluster/resources; without it all"

// faultTable is filled in init, since its functions reach the table of
// endpoints that asks for faults.
var faultTable []faultKind

func init() {
	faultTable = []faultKind{
		{FaultInfo{Name: "node-dead", What: "the node is gone: its own address is silent, others say 595 No route to host after 3 s, it turns offline after 5 to 10 s, its containers stay as last broadcast and become unknown after five minutes; undone, it has rebooted", Params: map[string]string{
			"after": "until it is offline; default 7s times TaskTime", "shape": "of its containers: frozen (default), stopped or unknown", "own": "silent (default) or refused", "delay": "of the 595; default 3s times TaskTime"}}, setNodeDead},
		{FaultInfo{Name: "node-unknown", What: "as node-dead five minutes on: containers are unknown without a name at once"}, setNodeDead},
		{FaultInfo{Name: "node-daemon-down", What: "the node runs but its proxy does not: own address refuses, others say 595 Connection refused at once"}, setDaemonDown},
		{FaultInfo{Name: "pvedaemon-down", What: "the node's proxy answers, its daemon does not: protected calls are 595 Connection refused"}, nil},
		{FaultInfo{Name: "pvedaemon-frozen", What: "protected calls are 596 Connection timed out after 30 s", Params: map[string]string{"delay": "default 30s times TaskTime"}}, nil},
		{FaultInfo{Name: "slow", What: "every answer comes late", Params: map[string]string{"delay": "default 2s"}}, nil},
		{FaultInfo{Name: "hang-after-accept", What: "connections are taken and nothing is said; through others 596 Connection timed out after 30 s", Params: map[string]string{"stage": "accept (default) or request: after TLS and the whole request", "delay": "of the 596"}}, setDropping},
		{FaultInfo{Name: "held", What: "one kind of call stays without an answer until the fault ends, which closes its connection; /requests counts those that are held", Params: map[string]string{
			"call": "as /requests names it, such as POST /access/ticket", "stage": "before (default): nothing was done, or after: it was done and is not told", "pass": "so many are let through first; default 0"}}, setHeld},
		{FaultInfo{Name: "half-answer", What: "the body stops in the middle and the connection closes", Params: map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{Name: "huge-answer", What: "a well-formed list that does not end for 10 GB", Params: map[string]string{"path": onlyParam, "bytes": "default 10737418240"}}, nil},
		{FaultInfo{Name: "gzip-bomb", What: "a small compressed answer that is 1 GB of blanks", Params: map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{Name: "garbage-json", What: "200 with a body that is no JSON", Params: map[string]string{"path": onlyParam}}, nil},
		{FaultInfo{Name: "error-500", What: "500 with a text of Proxmox's", Params: map[string]string{"path": onlyParam, "message": "the text"}}, nil},
		{FaultInfo{Name: "redirect", What: "302 to somewhere else", Params: map[string]string{"path": onlyParam, "to": "the address; default https://127.0.0.1:9/"}}, nil},
		{FaultInfo{Name: "odd-rows", What: "strings for numbers, nulls, missing keys, unknown types and fields in the lists of resources, members and tasks"}, nil},
		{FaultInfo{Name: "list-steps-back", What: "in every other second /cluster/resources tells of an older broadcast than before, as two caches on top of each other do"}, nil},
		{FaultInfo{Name: "no-quorum", What: "the cluster has no quorum: what writes its files fails after 10 s"}, nil},
		{FaultInfo{Name: "ticket-expired", What: "every ticket is refused, for renewal too"}, nil},
		{FaultInfo{Name: "token-revoked", What: "every token is refused"}, nil},
		{FaultInfo{Name: "permission-lost", What: "everybody but root's ticket calls finds privileges gone: declared checks fail, lists are empty"}, nil},
		{FaultInfo{Name: "cert-renewed", What: "a new leaf under the same CA and name; undone, the old one is back"}, setCertRenewed},
		{FaultInfo{Name: "ca-changed", What: "another CA and new leaves for every member"}, setCAChanged},
		{FaultInfo{Name: "leaf-foreign-ca", What: "a leaf with the right names under a CA of somebody else"}, setForeignLeaf},
		{FaultInfo{Name: "leaf-other-member", What: "a leaf of the cluster's own CA that names another member"}, setOtherLeaf},
		{FaultInfo{Name: "members-loopback", What: "the member list gives 127.0.0.1 as every address"}, nil},
		{FaultInfo{Name: "members-metadata", What: "the member list gives 169.254.169.254 as every address"}, nil},
		{FaultInfo{Name: "dotdot-names", What: "members and containers are named ../../"}, nil},
		{FaultInfo{Name: "markup-names", What: "names, tags and locks of containers are markup, control characters and kilobytes"}, nil},
		{FaultInfo{Name: "markup-notes", What: "notes of containers are markup"}, nil},
		{FaultInfo{Name: "clock-skew", What: "the node's clock is wrong", Params: map[string]string{"by": "default 2h"}}, nil},
		{FaultInfo{Name: "version-8.4", What: "the nodes are of PVE 8.4.5"}, setVersion8},
		{FaultInfo{Name: "slow-tasks", What: "tasks take longer", Params: map[string]string{"factor": "default 20"}}, nil},
	}
	faultTable = append(faultTable, workFaults()...)
}

// workFaults are those in what is done with containers.
func workFaults() []faultKind {
	const only, endsWith = "only tasks of this type, as in vzstart", "only writes whose path ends so, as in /status/start"
	writeParams := map[string]string{"path": endsWith, "delay": "default 30s times TaskTime"}
	list := []faultKind{
		{FaultInfo{Name: "task-fails-at-60", What: "a task dies in mid work with an error, and leaves things as Proxmox would", Params: map[string]string{
			"type": only, "at": "percent of its time; default 60", "message": "its error; default by its type"}}, nil},
		{FaultInfo{Name: "task-never-ends", What: "a task runs until it is stopped, and keeps the lock file of its container", Params: map[string]string{"type": only}}, nil},
		{FaultInfo{Name: "task-warnings", What: "a task that would end OK ends with WARNINGS: 1", Params: map[string]string{
			"type": only, "count": "of warnings; default 1", "message": "the line in the log"}}, nil},
		{FaultInfo{Name: "task-log-rotated", What: "finished tasks have no log any more: their status is 400 no such task, their log an error line", Params: map[string]string{"type": only}}, nil},
		{FaultInfo{Name: "start-ok-but-stopped", What: "a start ends OK and the container is stopped"}, nil},
		{FaultInfo{Name: "shutdown-ignored", What: "the container does not listen to a shutdown: forced ones kill it, others fail"}, nil},
		{FaultInfo{Name: "lock-held", What: "somebody holds the lock file of the container: tasks and configuration writes fail after 10 s with got timeout"}, setLockHeld},
		{FaultInfo{Name: "write-596-carried-out", What: "a write's answer is lost: 596 Connection timed out after 30 s, though it was carried out", Params: writeParams}, nil},
		{FaultInfo{Name: "write-596-not-carried-out", What: "a write is lost: 596 Connection timed out after 30 s, and nothing was done", Params: writeParams}, nil},
		{FaultInfo{Name: "answer-cut", What: "a write is carried out and the connection closed without an answer", Params: map[string]string{"path": endsWith}}, nil},
	}
	for i := range list {
		list[i].PerContainer = true
		list[i].Counted = !slices.Contains([]string{"lock-held", "shutdown-ignored", "task-log-rotated"}, list[i].Name) // those are states
	}
	return list
}
