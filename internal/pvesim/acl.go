package pvesim

import (
	"regexp"
	"slices"
	"strings"
)

// aclEntry is one line of user.cfg: a role for a user, group or token on a path.
type aclEntry struct {
	path, kind, who, role string // kind: "user", "group", "token"
	propagate             bool
}

// rolesOn are the roles of who on path with their propagate flags. Deeper
// paths replace what is inherited; a line for the user replaces one for a group
// at the same path.
func (c *Cluster) rolesOn(who, path string) map[string]bool {
	if who == "root@pam" {
		return map[string]bool{"Administrator": true}
	}
	owner, tokenID, isToken := strings.Cut(who, "!")
	u := c.users[owner]
	if u == nil || !u.enabled(c.sim.now()) {
		return nil
	}
	if isToken {
		t := u.tokens[tokenID]
		if t == nil {
			return nil
		}
		if !t.privsep {
			return c.rolesOn(owner, path)
		}
	}
	var roles map[string]bool
	for _, step := range steps(path) {
		if found := c.rolesAt(who, step, step == path); found != nil {
			roles = found
		}
	}
	if p, there := roles["NoAccess"]; there {
		return map[string]bool{"NoAccess": p}
	}
	return roles
}

// rolesAt are those given on exactly one path, nil when that path says nothing.
func (c *Cluster) rolesAt(who, path string, final bool) map[string]bool {
	kind := "user"
	if strings.Contains(who, "!") {
		kind = "token"
	}
	var own, byGroup map[string]bool
	for _, e := range c.acl {
		if e.path != path || !final && !e.propagate {
			continue
		}
		switch {
		case e.kind == kind && e.who == who:
			if own == nil {
				own = map[string]bool{}
			}
			own[e.role] = e.propagate
		case e.kind == "group" && kind == "user" && c.groups[e.who][who]:
			if byGroup == nil {
				byGroup = map[string]bool{}
			}
			byGroup[e.role] = e.propagate
		}
	}
	if own != nil {
		return own
	}
	return byGroup
}

// steps lists a path's ancestors from the root to itself.
func steps(path string) []string {
	list := []string{"/"}
	if path == "/" {
		return list
	}
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			list = append(list, path[:i])
		}
	}
	return append(list, path)
}

// privileges are what who has on path; the value is the propagate flag, and 0
// is still granted.
func (c *Cluster) privileges(who, path string) map[string]int {
	key := who + " " + path
	if got, there := c.aclCache[key]; there {
		return got
	}
	got := c.computePrivileges(who, path)
	if c.aclCache == nil || len(c.aclCache) > 20000 {
		c.aclCache = map[string]map[string]int{}
	}
	c.aclCache[key] = got
	return got
}

func (c *Cluster) computePrivileges(who, path string) map[string]int {
	privs := map[string]int{}
	if who == "root@pam" {
		for p := range c.roles["Administrator"] {
			privs[p] = 1
		}
		return privs
	}
	owner, tokenID, isToken := strings.Cut(who, "!")
	if isToken {
		u := c.users[owner]
		if u == nil || u.tokens[tokenID] == nil {
			return privs
		}
		if !u.tokens[tokenID].privsep {
			return c.privileges(owner, path)
		}
	}
	for role, propagate := range c.withPools(who, path, c.rolesOn(who, path)) {
		flag := 0
		if propagate {
			flag = 1
		}
		for p := range c.roles[role] {
			privs[p] = max(privs[p], flag)
		}
	}
	if isToken && owner != "root@pam" {
		theirs := c.privileges(owner, path)
		for p, flag := range privs {
			if has, ok := theirs[p]; ok {
				privs[p] = min(flag, has)
			} else {
				delete(privs, p)
			}
		}
	}
	return privs
}

// withPools adds the roles that a guest or storage inherits from its pool.
// They do not propagate, and NoAccess does not trump them.
func (c *Cluster) withPools(who, path string, roles map[string]bool) map[string]bool {
	vmid, isGuest := strings.CutPrefix(path, "/vms/")
	if !isGuest {
		return roles
	}
	for pool, members := range c.pools {
		if !members[atoi(vmid)] {
			continue
		}
		for role := range c.rolesOn(who, "/pool/"+pool) {
			if _, no := roles["NoAccess"]; no || roles == nil {
				roles = map[string]bool{}
			}
			if _, had := roles[role]; !had {
				roles[role] = false
			}
		}
	}
	return roles
}

// may reports whether who has all of privs on path.
func (c *Cluster) may(who, path string, privs ...string) bool {
	has := c.privileges(who, path)
	for _, p := range privs {
		if _, ok := has[p]; !ok {
			return false
		}
	}
	return true
}

func (c *Cluster) mayAny(who, path string, privs ...string) bool {
	return slices.ContainsFunc(privs, func(p string) bool { return c.may(who, path, p) })
}

// permit is Proxmox's check of an endpoint's declared permission.
func (c *Cluster) permit(ep *endpoint, cl *call) error {
	switch p := ep.perm; p.kind {
	case "perm":
		path := fill(p.path, cl.args)
		if c.faultOn("permission-lost", cl.via) || !c.may(cl.who, path, p.privs...) {
			return forbidden(path, p.privs...)
		}
	case "perm-any":
		path := fill(p.path, cl.args)
		if c.faultOn("permission-lost", cl.via) || !c.mayAny(cl.who, path, p.privs...) {
			return forbidden(path, p.privs...)
		}
	case "perm-modify":
		return c.permitModify(cl.who, normalPath(fill(p.path, cl.args)))
	case "own":
		return p.check(cl)
	case "token-owner":
		if cl.who != cl.args["userid"] && !c.may(cl.who, "/access/groups", "User.Modify") {
			return errForbidden
		}
	}
	return nil
}

func (c *Cluster) permitModify(who, path string) error {
	if path == "" {
		return errForbidden
	}
	privs := []string{"Permissions.Modify"}
	for prefix, p := range map[string]string{"/storage/": "Datastore.Allocate", "/vms/": "VM.Allocate", "/pool/": "Pool.Allocate"} {
		if strings.HasPrefix(path, prefix) && len(path) > len(prefix) {
			privs = append(privs, p)
		}
	}
	if !c.mayAny(who, path, privs...) {
		return forbidden(path, privs...)
	}
	return nil
}

func fill(path string, args map[string]string) string {
	if !strings.Contains(path, "{") {
		return path
	}
	for k, v := range args {
		path = strings.ReplaceAll(path, "{"+k+"}", v)
	}
	return path
}

// capabilities is the "cap" of a ticket: privileges by area of the web page.
func (c *Cluster) capabilities(who string) obj {
	paths := append([]string{"/", "/nodes", "/access/groups", "/vms", "/storage", "/sdn", "/mapping"}, c.aclPaths()...)
	got := map[string]map[string]bool{}
	for area := range areaPrivs {
		got[area] = map[string]bool{}
	}
	for _, path := range paths {
		area := "dc"
		if path != "/" {
			area, _, _ = strings.Cut(path[1:], "/")
		}
		areas := []string{area}
		if area == "pool" {
			areas = []string{"vms", "storage"}
		}
		for _, a := range areas {
			re := areaPrivs[a]
			for p := range c.privileges(who, path) {
				if re != nil && re.MatchString(p) {
					got[a][p] = true
				}
			}
		}
	}
	res := obj{}
	for area, privs := range got {
		o := obj{}
		for p := range privs {
			o = o.with(p, 1)
		}
		res = res.with(area, o)
	}
	return res
}

var areaPrivs = map[string]*regexp.Regexp{
	"vms":     regexp.MustCompile(`^(VM\.|Permissions\.Modify)`),
	"access":  regexp.MustCompile(`^((User|Group)\.|Permissions\.Modify)`),
	"storage": regexp.MustCompile(`^(Datastore\.|Permissions\.Modify)`),
	"nodes":   regexp.MustCompile(`^(Sys\.|Permissions\.Modify)`),
	"sdn":     regexp.MustCompile(`^(SDN\.|Permissions\.Modify)`),
	"dc":      regexp.MustCompile(`^(Sys\.Audit|Sys\.Modify|SDN\.)`),
	"mapping": regexp.MustCompile(`^(Mapping\.|Permissions\.Modify)`),
}

// aclPaths lists every path of the ACL tree, its inner nodes included.
func (c *Cluster) aclPaths() []string {
	seen := map[string]bool{}
	for _, e := range c.acl {
		for _, step := range steps(e.path) {
			seen[step] = true
		}
	}
	list := make([]string, 0, len(seen))
	for path := range seen {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// withoutPath drops the lines of one path.
func withoutPath(acl []aclEntry, path string) []aclEntry {
	return slices.DeleteFunc(acl, func(e aclEntry) bool { return e.path == path })
}
