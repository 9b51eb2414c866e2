package watch

import (
	"maps"

	"berth/internal/fleet"
)

const (
	vmAudit  = "VM.Audit"
	sysAudit = "Sys.Audit"
)

// anywhere reports whether a privilege is held on any path at all.
func anywhere(p fleet.Permissions, privilege string) bool {
	for _, privileges := range p {
		if _, held := privileges[privilege]; held {
			return true
		}
	}
	return false
}

// samePermissions reports whether two answers grant the same.
func samePermissions(a, b fleet.Permissions) bool {
	return maps.EqualFunc(a, b, func(x, y map[string]bool) bool { return maps.Equal(x, y) })
}
