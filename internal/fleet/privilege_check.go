package fleet

import "strings"

// Reach is how far a token may do a thing.
type Reach string

const (
	Everywhere Reach = "everywhere"
	Somewhere  Reach = "somewhere" // on some paths only
	Nowhere    Reach = "nowhere"
)

// Lack is one privilege that is missing on one path.
type Lack struct {
	AnyOf []string // any one of them would do
	Path  string
}

// String is the lack as people read it: "VM.Allocate on /vms".
func (l Lack) String() string { return strings.Join(l.AnyOf, " or ") + " on " + l.Path }

// Verdict is what one token may do of one thing.
type Verdict struct {
	Thing Thing
	Reach Reach
	Lacks []Lack
	// Only lists the paths on which the thing works all the same, when its base path lacks the privilege.
	Only []string
}

// maxPaths bounds how many deeper paths a verdict names: a dump has one for each guest with a rule of its own.
const maxPaths = 12

// Examine says for each thing how far the token with these permissions may do it.
func Examine(p Permissions) []Verdict {
	verdicts := make([]Verdict, len(things))
	for i, thing := range things {
		verdicts[i] = p.examine(thing)
	}
	return verdicts
}

func (p Permissions) examine(thing Thing) Verdict {
	v := Verdict{Thing: thing, Reach: Everywhere}
	for _, need := range thing.Needs {
		reach, lacks, only := p.need(need)
		v.Lacks = append(v.Lacks, lacks...)
		v.Only = append(v.Only, only...)
		if reach == Nowhere || v.Reach == Everywhere {
			v.Reach = worse(v.Reach, reach)
		}
	}
	v.Only = firstPaths(v.Only)
	return v
}

func worse(a, b Reach) Reach {
	switch {
	case a == Nowhere || b == Nowhere:
		return Nowhere
	case a == Somewhere || b == Somewhere:
		return Somewhere
	}
	return Everywhere
}

// need looks at the need's own path and at each deeper one that has rules of its own.
func (p Permissions) need(need Need) (reach Reach, lacks []Lack, only []string) {
	base := p.hasAny(need.Path, need.AnyOf)
	if need.Path != pathRoot {
		for _, path := range p.below(need.Path) {
			switch has := p.hasAny(path, need.AnyOf); {
			case has && !base:
				only = append(only, path)
			case !has && base && len(lacks) < maxPaths:
				lacks = append(lacks, Lack{need.AnyOf, path})
			}
		}
	}
	switch {
	case base && len(lacks) == 0:
		return Everywhere, nil, nil
	case base:
		return Somewhere, lacks, nil
	case len(only) > 0:
		return Somewhere, []Lack{{need.AnyOf, need.Path}}, only
	}
	return Nowhere, []Lack{{need.AnyOf, need.Path}}, nil
}

func (p Permissions) hasAny(path string, privileges []string) bool {
	for _, privilege := range privileges {
		if p.Has(path, privilege) {
			return true
		}
	}
	return false
}

func firstPaths(paths []string) []string {
	seen := map[string]bool{}
	var first []string
	for _, path := range paths {
		if !seen[path] && len(first) < maxPaths {
			seen[path] = true
			first = append(first, path)
		}
	}
	return first
}

// Compare lists the privileges that were granted but do not count: a token's
// privileges are those of its user that the token has too.
func Compare(p Permissions, grants []Grant) []Lack {
	var lacks []Lack
	for _, grant := range grants {
		tier := TierLook
		if grant.Role == TierManage.Role() {
			tier = TierManage
		}
		for _, privilege := range tier.Privileges() {
			if !p.Has(grant.Path, privilege) {
				lacks = append(lacks, Lack{[]string{privilege}, grant.Path})
			}
		}
	}
	return lacks
}
