package fleet

import (
	"cmp"
	"slices"
	"strings"
)

// Permissions is what GET /access/permissions tells of a token or a user:
// path → privilege → whether it is passed on to deeper paths. A privilege that
// is not passed on is granted at its own path all the same.
type Permissions map[string]map[string]bool

// listedAlways are the paths that Proxmox looks at for every dump. A path
// without any privilege is left out of the dump, so that one of these that is
// missing was looked at and has none, while any other one that is missing was
// not looked at and inherits.
var listedAlways = []string{"/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"}

// Has reports whether the privilege counts at the path.
func (p Permissions) Has(path, privilege string) bool {
	_, ok := p.at(path)[privilege]
	return ok
}

// Effective lists the privileges that count at the path, sorted.
func (p Permissions) Effective(path string) []string {
	here := p.at(path)
	privileges := make([]string, 0, len(here))
	for privilege := range here {
		privileges = append(privileges, privilege)
	}
	slices.Sort(privileges)
	return privileges
}

// Relevant is the part of a dump that Berth's things are about. A path stays
// also when nothing of it is left, since it inherits nothing. A dump that names
// thousands of paths loses the deepest.
func (p Permissions) Relevant() Permissions {
	paths := make([]string, 0, len(p))
	for path := range p {
		if strings.HasPrefix(path, "/") && len(path) <= maxPathLength && printable(path) {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.Count(a, "/"), strings.Count(b, "/")), strings.Compare(a, b))
	})
	used := TierManage.Privileges()
	relevant := Permissions{}
	for _, path := range paths[:min(len(paths), maxKeptPaths)] {
		here := map[string]bool{}
		for _, privilege := range used {
			if passed, ok := p[path][privilege]; ok {
				here[privilege] = passed
			}
		}
		relevant[path] = here
	}
	return relevant
}

const (
	maxPathLength = 300
	maxKeptPaths  = 2000
)

func (p Permissions) at(path string) map[string]bool {
	here, listed := p[path]
	if listed || slices.Contains(listedAlways, path) {
		return here
	}
	return p.inherited(path)
}

// inherited is what the nearest path above passes on. A role on a deeper path
// replaces those above it, so nothing is gathered from further up; only paths
// whose roles all hold for themselves alone are passed by.
func (p Permissions) inherited(path string) map[string]bool {
	for path != "/" {
		path = parent(path)
		passed := map[string]bool{}
		for privilege, propagate := range p[path] {
			if propagate {
				passed[privilege] = true
			}
		}
		if len(passed) > 0 {
			return passed
		}
		if _, listed := p[path]; !listed && slices.Contains(listedAlways, path) {
			return nil
		}
	}
	return nil
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 {
		return "/"
	}
	return path[:i]
}

// below lists the dump's paths under base, sorted.
func (p Permissions) below(base string) []string {
	var paths []string
	for path := range p {
		if strings.HasPrefix(path, base+"/") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}
