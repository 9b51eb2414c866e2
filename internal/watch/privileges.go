package watch

import "strings"

const (
	vmAudit  = "VM.Audit"
	sysAudit = "Sys.Audit"
)

// has reports whether the token holds a privilege on a path: by the path's own
// line, else by the nearest line above it that propagates. A deeper line
// replaces what is inherited.
func (p Permissions) has(path, privilege string) bool {
	if privileges, ok := p[path]; ok {
		_, held := privileges[privilege]
		return held
	}
	for path != "/" && path != "" {
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		if path == "" {
			path = "/"
		}
		if privileges, ok := p[path]; ok {
			return privileges[privilege]
		}
	}
	return false
}

// anywhere reports whether the token holds a privilege on any path at all.
func (p Permissions) anywhere(privilege string) bool {
	for _, privileges := range p {
		if _, held := privileges[privilege]; held {
			return true
		}
	}
	return false
}

// equal reports whether two answers grant the same.
func (p Permissions) equal(q Permissions) bool {
	if len(p) != len(q) {
		return false
	}
	for path, privileges := range p {
		others, ok := q[path]
		if !ok || len(others) != len(privileges) {
			return false
		}
		for privilege, propagates := range privileges {
			if other, ok := others[privilege]; !ok || other != propagates {
				return false
			}
		}
	}
	return true
}
