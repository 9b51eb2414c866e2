package fleet

import (
	"strings"
	"time"

	"berth/internal/authority"
)

// Cluster is one PVE authority that a person added: a PVE cluster, or a
// standalone host (a cluster of one). It carries no secret; the store keeps the
// token secret sealed and gives it only to who asks for it by name.
type Cluster struct {
	ID         ClusterID
	Owner      string // user id
	Name       string // unique per owner
	Standalone bool
	Authority  authority.Authority
	TokenID    string // user@realm!name
	Members    []Member
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int64 // grows with each change; the watcher starts anew when it did
	Halt       *Halt // set when the watcher must not go on by itself
}

// Member is a node of a cluster as confirmed by the person or learned since.
type Member struct {
	Name  string // PVE name
	Label string // the owner's own word for it; never in an API path
	// Address is where corosync or the status list says it is; not necessarily one that Berth may dial.
	Address string
}

// Title is what people call the node: the label, else the PVE name.
func (m Member) Title() string {
	if m.Label != "" {
		return m.Label
	}
	return m.Name
}

// Halt is why a cluster is not asked any more until its owner acts: the token
// was refused, or a certificate changed.
type Halt struct {
	Kind     string    `json:"kind"` // a problem.Kind: unauthorized or untrusted
	What     string    `json:"what"`
	Expected string    `json:"expected,omitempty"` // fingerprints, for untrusted
	Got      string    `json:"got,omitempty"`
	At       time.Time `json:"at"`
}

// MaxName is the longest name of a cluster, a node's label and a sign-in host, in characters.
const MaxName = 100

// CleanName trims a name and reports what is wrong with it in one sentence; empty when it is fine.
func CleanName(name string) (string, string) {
	name = strings.TrimSpace(name)
	switch n := len([]rune(name)); {
	case n == 0:
		return name, "Enter a name."
	case n > MaxName:
		return name, "A name has at most 100 characters."
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || isBidi(r) {
			return name, "A name cannot have control or direction characters."
		}
	}
	return name, ""
}

func isBidi(r rune) bool {
	return r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
