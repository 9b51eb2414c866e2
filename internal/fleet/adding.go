package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
	"berth/internal/secret"
)

// Candidate is what a person has entered and confirmed of a cluster to be added.
type Candidate struct {
	Address authority.Address
	// Fingerprint of the leaf that the person saw and confirmed. Nothing secret goes to any other.
	Fingerprint string
	TokenID     string
	Secret      secret.Text
}

// Finding is what was learned of a cluster before it is stored.
type Finding struct {
	Address    authority.Address // with the node behind it and its leaf
	Release    string            // "9.2.11"
	Standalone bool
	Name       string // what the cluster calls itself, or the host's name
	Quorate    bool
	Members    []FoundMember // sorted by name
	Trust      authority.Trust
	Rights     Permissions
	Verdicts   []Verdict
	// Known is the person's own entry for this very cluster: saving makes the address another one of it.
	Known *Cluster
}

// FoundMember is a member that the cluster itself told of.
type FoundMember struct {
	Name   string
	Told   string // the address that the cluster told; may be empty
	Online bool
	Local  bool // it is the one behind the address that was typed
	// Address is another way in, when one was told that Berth may dial and where the same trust holds.
	Address authority.Address
	Usable  bool
	Why     string // why it is not usable, one sentence
}

// Digest stands for what a person confirms with a finding: trust, members and their addresses.
func (f Finding) Digest() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%s\n%s\n", f.Trust.Mode, f.Trust.Fingerprint, f.Address.HostPort(), f.Address.Node)
	for _, m := range f.Members {
		fmt.Fprintf(sum, "%s %s %s %t\n", m.Name, m.Address.HostPort(), m.Address.Leaf, m.Usable)
	}
	if f.Known != nil {
		fmt.Fprintf(sum, "%s %d\n", f.Known.ID, f.Known.Version)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Confirmation is what a person decides after having seen a Finding or a TokenPlan.
type Confirmation struct {
	Name string
	Also []string // members whose own addresses become further ways in
	// Seen is the Digest of what was shown. Another one now is a conflict: what is saved is what the person saw.
	Seen string
}

// Reconnection is what a person wants a stored cluster's connection to become.
type Reconnection struct {
	Version   int64    // of the cluster that the person saw
	Addresses []string // as typed, in the order in which they are tried
	TokenID   string
	Secret    secret.Text // empty keeps the stored one, where that is allowed
	// Accept has the fingerprints that the person saw and accepted in place of, or beside, what is pinned.
	Accept []string
}

// TestReport is what a test of a stored cluster found.
type TestReport struct {
	Cluster ClusterID
	At      time.Time
	Ways    []WayReport // one for each address, in their order
	Release string
	Trouble *problem.Problem // why the token could not be tested, or what Proxmox said of it
}

// WayReport is how one address did.
type WayReport struct {
	Address authority.Address
	Took    time.Duration
	Trouble *problem.Problem
}

// Failed reports whether anything is wrong.
func (r TestReport) Failed() bool {
	return r.Trouble != nil || slices.ContainsFunc(r.Ways, func(w WayReport) bool { return w.Trouble != nil })
}

// Rights is what a token may do, as read at a time.
type Rights struct {
	Permissions Permissions
	At          time.Time
}

// Deleted is what remains to be said after a cluster was deleted.
type Deleted struct {
	Name    string
	Command string // removes the token, which Proxmox still has
}
