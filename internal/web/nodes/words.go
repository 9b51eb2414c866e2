package nodes

import (
	"fmt"
	"strings"

	"berth/internal/authority"
	"berth/internal/fleet"
)

func lookCommands() string   { return commands(fleet.TierLook) }
func manageCommands() string { return commands(fleet.TierManage) }

func commands(t fleet.Tier) string {
	return strings.Join(fleet.MakeTokenCommands("root@pam!berth", 0, t.Grants(nil)), "\n")
}

func foundTitle(f fleet.Finding) string {
	if f.Standalone {
		return fmt.Sprintf("Standalone host “%s”", f.Name)
	}
	return fmt.Sprintf("Cluster “%s”", f.Name)
}

func foundTrust(f fleet.Finding) string {
	switch f.Trust.Mode {
	case authority.CAPin:
		if f.Standalone {
			return "Its own CA is pinned. It must show a certificate that this CA signed and that names it; renewals pass."
		}
		return "Its own CA is pinned. Each member must show a certificate that this CA signed and that names it; renewals pass."
	case authority.Public:
		return "A public CA vouches for the host name, as browsers do it."
	}
	return "Exactly this certificate is pinned: neither its own CA nor a public one vouches for it. A renewal has to be confirmed."
}

func knownBy(f fleet.Finding) string {
	if f.Known.Authority.Trust.Mode == authority.CAPin {
		return "CA"
	}
	return "certificate"
}

func otherToken(v addView) string {
	if v.Finding.Known.TokenID == v.TokenID {
		return ""
	}
	return ", and uses this token from then on instead of " + v.Finding.Known.TokenID
}

func memberAddress(f fleet.Finding, m fleet.FoundMember) string {
	switch {
	case m.Local:
		return f.Address.HostPort()
	case m.Address.Host != "":
		return m.Address.HostPort()
	}
	return m.Told
}

// pinLabel says of what a pinned fingerprint is.
func pinLabel(t authority.Trust) string {
	if t.Mode == authority.CAPin {
		return "SHA-256 of the CA"
	}
	return "SHA-256 of the certificate"
}

func pinnedWord(t authority.Trust) string {
	if t.Mode == authority.CAPin {
		return "Pinned CA"
	}
	return "Pinned certificate"
}
