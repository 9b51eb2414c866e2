// Package authority says where one Proxmox VE authority is reached and how it
// proves who it is. A cluster and a sign-in host each stand on one.
package authority

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"
	"strconv"
	"strings"
)

// DefaultPort is where pveproxy listens.
const DefaultPort = 8006

// Address is one way in. Host is a bare name or IP (IPv6 without brackets).
type Address struct {
	Host string `json:"host"`
	Port int    `json:"port"`
	// Node is the PVE name of the member that is expected behind it; empty when not known.
	Node string `json:"node,omitempty"`
	// Leaf is the fingerprint pinned for this address; it counts only in LeafPin mode.
	Leaf string `json:"leaf,omitempty"`
}

// HostPort is the address as net.Dial takes it.
func (a Address) HostPort() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// String is the address as people write it: without the port when it is the usual one.
func (a Address) String() string {
	if a.Port == DefaultPort {
		return a.Host
	}
	return a.HostPort()
}

// Mode is the way in which certificates are judged.
type Mode string

const (
	// CAPin: the leaf must chain to the pinned PVE root CA and name the expected node or the dialled address.
	CAPin Mode = "ca"
	// LeafPin: the leaf must be the very one that was confirmed for the address.
	LeafPin Mode = "leaf"
	// Public: the system's roots and the host name decide.
	Public Mode = "public"
)

// Trust is what a person confirmed.
type Trust struct {
	Mode Mode `json:"mode"`
	// CA is the pinned root in PEM, in CAPin mode.
	CA string `json:"ca,omitempty"`
	// Fingerprint (SHA-256, AA:BB:…) of the CA in CAPin mode, else of the leaf that was confirmed first.
	// It is what recognises the same authority again.
	Fingerprint string `json:"fingerprint"`
}

// Authority is a set of addresses and the trust that all of them must satisfy.
type Authority struct {
	Addresses []Address `json:"addresses"` // in the order in which they are tried
	Trust     Trust     `json:"trust"`
}

// Binding is a digest over the pins and the confirmed addresses. A secret is
// sealed with it as associated data, so that a row moved to another address or
// pin does not open.
func (a Authority) Binding() string {
	lines := make([]string, 0, len(a.Addresses))
	for _, x := range a.Addresses {
		lines = append(lines, strings.ToLower(x.HostPort())+" "+x.Node+" "+x.Leaf)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(string(a.Trust.Mode) + "\n" + a.Trust.Fingerprint + "\n" + strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// Fingerprint writes a SHA-256 sum as Proxmox does: upper-case hex pairs with colons.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(pairs, ":")
}
