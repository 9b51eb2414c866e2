package authority

import (
	"strings"
	"time"
)

// Seen is what one look at an address found before anything is trusted: no more
// of what answered is shown or kept than this.
type Seen struct {
	Address     Address
	Proxmox     bool   // whether it answered as Proxmox VE does
	Fingerprint string // SHA-256 of the leaf, AA:BB:…
	Subject     string // common name of the leaf, cleaned
	Issuer      string // common name of its issuer, cleaned
	NotBefore   time.Time
	NotAfter    time.Time
}

// Name is what the authority may be called until a person says otherwise: the
// host name in its certificate without the domain, else the address.
func (s Seen) Name() string {
	if name, _, _ := strings.Cut(s.Subject, "."); validHostname(name) {
		return name
	}
	return s.Address.Host
}
