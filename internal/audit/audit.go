// Package audit has the noun of the trail: who did what, from where, and how it
// ended. The trail is append-only and chained by hash; for Proxmox only the
// token is known, so this is the sole record of who.
package audit

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// Result is how an entry ended.
type Result string

const (
	Intent  Result = "intent"  // written before the call; no intent, no action
	OK      Result = "ok"      //
	Failed  Result = "failed"  //
	Refused Result = "refused" // Berth or Proxmox did not let it happen
	Unknown Result = "unknown" // the outcome could not be learned
)

// Kind is what was done, as noun.verb.
type Kind string

const (
	SignIn          Kind = "session.sign-in"
	SignOut         Kind = "session.sign-out"
	SessionRevoked  Kind = "session.revoke"
	Proof           Kind = "session.proof"
	SetUpLink       Kind = "setup.link"
	SignInHostAdd   Kind = "signin-host.add"
	SignInHostEdit  Kind = "signin-host.edit"
	SignInHostDrop  Kind = "signin-host.delete"
	AdminGrant      Kind = "administrator.grant"
	AdminRevoke     Kind = "administrator.revoke"
	UserDisable     Kind = "user.disable"
	UserEnable      Kind = "user.enable"
	Probe           Kind = "cluster.probe"
	ClusterAdd      Kind = "cluster.add"
	ClusterEdit     Kind = "cluster.edit"
	ClusterDrop     Kind = "cluster.delete"
	ClusterTest     Kind = "cluster.test"
	ClusterRetry    Kind = "cluster.retry"
	DefaultSet      Kind = "node.default"
	PinChange       Kind = "cluster.pin"
	MemberJoined    Kind = "cluster.member-joined"
	MemberLeft      Kind = "cluster.member-left"
	CertRenewed     Kind = "cluster.certificate-renewed"
	NodeUnreachable Kind = "node.unreachable"
	NodeBack        Kind = "node.back"
	TokenCreate     Kind = "token.create"
	TokenUndo       Kind = "token.undo"

	ContainerStart    Kind = "container.start"
	ContainerShutdown Kind = "container.shutdown"
	ContainerStop     Kind = "container.stop"
	ContainerReboot   Kind = "container.reboot"
	ContainerSuspend  Kind = "container.suspend"
	ContainerResume   Kind = "container.resume"
	ContainerDelete   Kind = "container.delete"
	JobBegin          Kind = "job.begin"    // a plan was begun
	JobCancel         Kind = "job.cancel"   // the rest of a job was left undone
	PageRefused       Kind = "page.refused" // turned away before any verb
)

// Entry is one line of the trail.
type Entry struct {
	Seq     int64  // position in the chain, from 1, without gaps; set by the store
	ID      string // UUIDv7
	Of      string // id of the intent that this one ends; empty for an intent or a lone line
	At      time.Time
	Owner   string // user id of the person whose trail shows it; empty: only administrators see it
	Actor   string // who, as shown: "root@pam"; "Berth" for what it noticed itself
	Address string // the client's address; empty for Berth itself
	Kind    Kind
	Result  Result
	Subject string // what it was done to, as shown: cluster name, node, address
	Cluster string // cluster id, where it belongs to one
	Detail  string // one sentence; never a secret
	UPID    string
	Prev    []byte // hash of the entry before; empty in the first
	Hash    []byte // Sum of this entry
}

// Sum is the entry's link in the chain: SHA-256 over every field but Hash, and the hash before.
func (e Entry) Sum() []byte {
	// A JSON array is unambiguous about where one field ends and the next begins.
	row, err := json.Marshal([]any{e.Seq, e.ID, e.Of, e.At.UnixMilli(), e.Owner, e.Actor, e.Address,
		e.Kind, e.Result, e.Subject, e.Cluster, e.Detail, e.UPID, e.Prev})
	if err != nil {
		panic("audit: an entry of plain fields did not marshal: " + err.Error())
	}
	sum := sha256.Sum256(row)
	return sum[:]
}
