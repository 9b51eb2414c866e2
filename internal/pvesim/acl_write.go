package pvesim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// normalPath is Proxmox's normalize_path: no doubled or trailing slashes; ""
// where a character is in no path.
func normalPath(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if !pathLetters.MatchString(path) {
		return ""
	}
	return path
}

var (
	pathLetters = regexp.MustCompile(`^[A-Za-z0-9._/-]+$`)
	aclPath     = regexp.MustCompile(`^(/|/access(/groups(/[\w.-]+)?|/realm(/[\w.-]+)?)?|/nodes(/[\w.-]+)?|/pool(/[\w.-]+){0,3}` +
		`|/sdn(/(controllers|dns|fabrics|ipams|vnets)(/[\w.-]+)?|/zones(/[\w.-]+){0,3})?|/storage(/[\w.-]+)?|/vms(/[1-9][0-9]{2,})?|/mapping(/[\w.-]+){0,2})$`)
)

func updateACL(cl *call) (any, error) {
	c, args := cl.cluster, cl.args
	path := normalPath(args["path"])
	if !aclPath.MatchString(path) {
		return nil, badParam("path", "invalid ACL path '"+args["path"]+"'")
	}
	if args["users"] == "" && args["groups"] == "" && args["tokens"] == "" {
		return nil, badParams(map[string]string{
			"users":  "either 'users', 'groups' or 'tokens' is required.",
			"groups": "either 'users', 'groups' or 'tokens' is required.",
			"tokens": "either 'users', 'groups' or 'tokens' is required.",
		})
	}
	if err := c.needQuorum("ACL update failed"); err != nil {
		return nil, err
	}
	whole := c.may(cl.who, path, "Permissions.Modify")
	for _, role := range splitList(args["roles"]) {
		privs, there := c.roles[role]
		if !there {
			return nil, failed("ACL update failed: role '%s' does not exist", role)
		}
		for p := range privs {
			if !whole && c.privileges(cl.who, path)[p] == 0 {
				return nil, &apiError{status: 403, message: fmt.Sprintf("Permission check failed (%s, Permissions.Modify or all of role '%s' with propagation)\n", path, role)}
			}
		}
		for _, kind := range []string{"user", "group", "token"} {
			for _, who := range splitList(args[kind+"s"]) {
				if err := c.principalExists(kind, who); err != nil {
					return nil, err
				}
				c.setACL(aclEntry{path: path, kind: kind, who: who, role: role, propagate: args["propagate"] != "0"}, args["delete"] == "1")
			}
		}
	}
	return nil, nil
}

func (c *Cluster) principalExists(kind, who string) error {
	switch kind {
	case "user":
		if c.users[who] == nil {
			return failed("ACL update failed: user '%s' does not exist", who)
		}
	case "group":
		if c.groups[who] == nil {
			return failed("ACL update failed: group '%s' does not exist", who)
		}
	case "token":
		owner, name, _ := strings.Cut(who, "!")
		u := c.users[owner]
		if u == nil {
			return failed("ACL update failed: no such user ('%s')", owner)
		}
		if u.tokens[name] == nil {
			return failed("ACL update failed: no such token '%s' for user '%s'", name, owner)
		}
	}
	return nil
}

func (c *Cluster) setACL(e aclEntry, remove bool) {
	c.aclCache = nil
	c.acl = slices.DeleteFunc(c.acl, func(o aclEntry) bool {
		return o.path == e.path && o.kind == e.kind && o.who == e.who && o.role == e.role
	})
	if !remove {
		c.acl = append(c.acl, e)
	}
}
