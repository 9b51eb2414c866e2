package pvesim

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

var (
	userParam    = str("userid").as("pve-userid").upTo(64)
	tokenIDParam = str("tokenid").like(tokenPattern)
)

var accessEndpoints = []endpoint{
	{method: "GET", path: "/version", perm: anybody, serve: version},
	{method: "GET", path: "/access/domains", perm: world, serve: domains},
	{method: "GET", path: "/access/ticket", perm: world, serve: func(*call) (any, error) { return nil, nil }},
	{method: "POST", path: "/access/ticket", perm: world, protected: true, serve: createTicket, params: []param{
		str("username").upTo(64), str("password"), optStr("realm").as("pve-realm").upTo(32),
		optStr("otp"), optStr("path").upTo(64).with("privs"), optStr("privs").as("pve-priv-list").upTo(64).with("path"),
		optStr("tfa-challenge"), optBool("new-format"),
	}},
	{method: "GET", path: "/access/permissions", perm: anybody, serve: permissions, params: []param{
		optStr("path"), optStr("userid").like(whoPattern),
	}},
	{method: "GET", path: "/access/roles", perm: anybody, serve: listRoles},
	{method: "POST", path: "/access/roles", perm: needs("/access", "Sys.Modify"), protected: true, serve: createRole, params: []param{
		str("roleid").as("pve-roleid"), optStr("privs").as("pve-priv-list"),
	}},
	{method: "DELETE", path: "/access/roles/{roleid}", perm: needs("/access", "Sys.Modify"), protected: true, serve: deleteRole, params: []param{
		str("roleid").as("pve-roleid"),
	}},
	{method: "GET", path: "/access/acl", perm: anybody, serve: listACL},
	{method: "PUT", path: "/access/acl", perm: permission{kind: "perm-modify", path: "{path}"}, protected: true, serve: updateACL, params: []param{
		str("path"), str("roles").as("pve-roleid-list"), optStr("users").as("pve-userid-list"),
		optStr("groups").as("pve-groupid-list"), optStr("tokens").as("pve-tokenid-list"),
		optBool("propagate"), optBool("delete"),
	}},
	{method: "GET", path: "/access/users", perm: anybody, protected: true, serve: listUsers, params: []param{
		optBool("enabled"), optBool("full"),
	}},
	{method: "GET", path: "/access/users/{userid}/token/{tokenid}", perm: permission{kind: "token-owner"}, serve: readToken, params: []param{userParam, tokenIDParam}},
	{method: "POST", path: "/access/users/{userid}/token/{tokenid}", perm: permission{kind: "token-owner"}, protected: true, serve: generateToken, params: []param{
		userParam, tokenIDParam, optInt("expire").from(0), optBool("privsep"), optStr("comment"),
	}},
	{method: "PUT", path: "/access/users/{userid}/token/{tokenid}", perm: permission{kind: "token-owner"}, protected: true, serve: updateToken, params: []param{
		userParam, tokenIDParam, optInt("expire").from(0), optBool("privsep"), optStr("comment"),
		optBool("regenerate"), optStr("delete").as("pve-configid-list"),
	}},
	{method: "DELETE", path: "/access/users/{userid}/token/{tokenid}", perm: permission{kind: "token-owner"}, protected: true, serve: removeToken, params: []param{userParam, tokenIDParam}},
}

func (c *Cluster) versionInfo() obj {
	release, repo := "9.2", "14a22df35955d97d"
	if c.major == 8 {
		release, repo = "8.4", "b6ab2ae6c9f8d3e1"
	}
	return obj{{"release", release}, {"repoid", repo}, {"version", c.version}}
}

func version(cl *call) (any, error) { return cl.cluster.versionInfo(), nil }

func domains(cl *call) (any, error) {
	list := []obj{}
	for _, r := range cl.cluster.realms {
		o := obj{{"realm", r.Realm}, {"type", r.Type}}
		o = o.withIf(r.Comment != "", "comment", r.Comment)
		o = o.withIf(r.Default, "default", 1)
		list = append(list, o.withIf(r.TFA != "", "tfa", r.TFA))
	}
	return list, nil
}

func privObject(privs map[string]int) obj {
	o := obj{}
	for p, flag := range privs {
		o = o.with(p, flag)
	}
	return o
}

// permissions dumps one's own privileges, or those of another with Sys.Audit
// on /access. Without a path it lists the top level, every path of an ACL and
// the guests of pools, and leaves out where there is nothing.
func permissions(cl *call) (any, error) {
	c, who := cl.cluster, cl.who
	if other := cl.args["userid"]; other != "" && other != who {
		if !c.may(who, "/access", "Sys.Audit") && !strings.HasPrefix(other, who+"!") {
			return nil, forbidden("/access", "Sys.Audit")
		}
		who = other
	}
	lost := c.faultOn("permission-lost", cl.via)
	if path := cl.args["path"]; path != "" {
		privs := c.privileges(who, path)
		if lost {
			privs = nil
		}
		return obj{{path, privObject(privs)}}, nil
	}
	if lost {
		return obj{}, nil
	}
	paths := append([]string{"/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"}, c.aclPaths()...)
	for _, members := range c.pools {
		for vmid := range members {
			paths = append(paths, "/vms/"+strconv.Itoa(vmid))
		}
	}
	slices.Sort(paths)
	res := obj{}
	for _, path := range slices.Compact(paths) {
		if privs := c.privileges(who, path); len(privs) > 0 {
			res = res.with(path, privObject(privs))
		}
	}
	return res, nil
}

func listRoles(cl *call) (any, error) {
	standard := standardRoles()
	list := []obj{}
	for role, privs := range cl.cluster.roles {
		names := make([]string, 0, len(privs))
		for p := range privs {
			names = append(names, p)
		}
		slices.Sort(names)
		o := obj{{"roleid", role}, {"privs", strings.Join(names, ",")}}
		_, special := standard[role]
		list = append(list, o.withIf(special, "special", 1))
	}
	return list, nil
}

func createRole(cl *call) (any, error) {
	c, role := cl.cluster, cl.args["roleid"]
	if strings.HasPrefix(strings.ToUpper(role), "PVE") {
		return nil, badParam("roleid", "cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
	}
	if err := c.needQuorum("create role failed"); err != nil {
		return nil, err
	}
	if c.roles[role] != nil {
		return nil, failed("create role failed: role '%s' already exists", role)
	}
	privs := map[string]bool{}
	for _, p := range splitList(cl.args["privs"]) {
		if !c.roles["Administrator"][p] {
			return nil, failed("create role failed: invalid privilege '%s'", p)
		}
		privs[p] = true
	}
	c.roles[role], c.aclCache = privs, nil
	return nil, nil
}

func deleteRole(cl *call) (any, error) {
	c, role := cl.cluster, cl.args["roleid"]
	if err := c.needQuorum("delete role failed"); err != nil {
		return nil, err
	}
	if role == "Administrator" || role == "NoAccess" || strings.HasPrefix(role, "PVE") {
		return nil, failed("auto-generated role '%s' cannot be deleted", role)
	}
	if c.roles[role] == nil {
		return nil, failed("delete role failed: role '%s' does not exist", role)
	}
	delete(c.roles, role)
	c.aclCache = nil
	return nil, nil
}

// listACL shows whole tree with Sys.Audit on /access, else only the paths that
// one may change.
func listACL(cl *call) (any, error) {
	c, list := cl.cluster, []obj{}
	audit := c.may(cl.who, "/access", "Sys.Audit")
	for _, e := range c.acl {
		if !audit && c.permitModify(cl.who, e.path) != nil {
			continue
		}
		list = append(list, obj{{"path", e.path}, {"type", e.kind}, {"ugid", e.who}, {"roleid", e.role}, {"propagate", e.propagate}})
	}
	shuffle(list)
	return list, nil
}

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

// listUsers shows oneself, and everybody with User.Modify or Sys.Audit on
// /access/groups. A token sees nobody by itself.
func listUsers(cl *call) (any, error) {
	c, list := cl.cluster, []obj{}
	all := c.mayAny(cl.who, "/access/groups", "User.Modify", "Sys.Audit")
	for id, u := range c.users {
		if !all && id != cl.who || cl.args["enabled"] == "1" && u.disabled {
			continue
		}
		_, realm, _ := strings.Cut(id, "@")
		kind := realm
		for _, r := range c.realms {
			if r.Realm == realm {
				kind = r.Type
			}
		}
		o := obj{{"userid", id}, {"enable", !u.disabled}, {"expire", u.expire}, {"realm-type", kind}}
		o = o.withIf(u.comment != "", "comment", u.comment)
		list = append(list, o.withIf(u.comment != "" || u.email != "", "email", u.email))
	}
	return list, nil
}

// tokenOf finds the token that the path names, as Proxmox refuses it.
func tokenOf(cl *call) (*token, error) {
	u := cl.cluster.users[cl.args["userid"]]
	if u == nil {
		return nil, errForbidden
	}
	t := u.tokens[cl.args["tokenid"]]
	if t == nil {
		return nil, failed("no such token '%s' for user '%s'", cl.args["tokenid"], u.id)
	}
	return t, nil
}

func (t *token) info() obj {
	o := obj{{"expire", t.expire}, {"privsep", t.privsep}}
	return o.withIf(t.comment != "", "comment", t.comment)
}

func readToken(cl *call) (any, error) {
	t, err := tokenOf(cl)
	if err != nil {
		return nil, err
	}
	return t.info(), nil
}

func generateToken(cl *call) (any, error) {
	c, args := cl.cluster, cl.args
	u := c.users[args["userid"]]
	if u == nil {
		return nil, errForbidden
	}
	if u.tokens[args["tokenid"]] != nil {
		return nil, badParam("tokenid", "Token already exists.")
	}
	if err := c.needQuorum("generating token failed"); err != nil {
		return nil, err
	}
	expire, _ := strconv.ParseInt(args["expire"], 10, 64)
	t := &token{secret: uuid.NewString(), privsep: args["privsep"] != "0", expire: expire, comment: args["comment"]}
	u.tokens[args["tokenid"]] = t
	c.aclCache = nil
	privsep := text("0")
	if t.privsep {
		privsep = "1"
	}
	info := obj{{"privsep", privsep}} // what came in as text goes out as text
	if v, there := args["expire"]; there {
		info = info.with("expire", text(v))
	}
	if v, there := args["comment"]; there {
		info = info.with("comment", v)
	}
	return obj{{"full-tokenid", u.id + "!" + args["tokenid"]}, {"value", t.secret}, {"info", info}}, nil
}

func updateToken(cl *call) (any, error) {
	c, args := cl.cluster, cl.args
	t, err := tokenOf(cl)
	if err != nil {
		return nil, err
	}
	if _, asked := args["regenerate"]; asked && c.major == 8 {
		return nil, badParam("regenerate", "property is not defined in schema and the schema does not allow additional properties")
	}
	if err := c.needQuorum("updating token info failed"); err != nil {
		return nil, err
	}
	if v, there := args["privsep"]; there {
		t.privsep = v == "1"
	}
	if v, there := args["expire"]; there {
		t.expire, _ = strconv.ParseInt(v, 10, 64)
	}
	if v, there := args["comment"]; there {
		t.comment = v
	}
	for _, key := range splitList(args["delete"]) {
		switch key {
		case "comment":
			t.comment = ""
		case "expire":
			t.expire = 0
		}
	}
	c.aclCache = nil
	if args["regenerate"] == "1" {
		t.secret = uuid.NewString()
		return t.info().with("value", t.secret).with("full-tokenid", args["userid"]+"!"+args["tokenid"]), nil
	}
	return t.info(), nil
}

func removeToken(cl *call) (any, error) {
	c := cl.cluster
	if _, err := tokenOf(cl); err != nil {
		return nil, err
	}
	if err := c.needQuorum("deleting token failed"); err != nil {
		return nil, err
	}
	delete(c.users[cl.args["userid"]].tokens, cl.args["tokenid"])
	who := cl.args["userid"] + "!" + cl.args["tokenid"]
	c.acl = slices.DeleteFunc(c.acl, func(e aclEntry) bool { return e.kind == "token" && e.who == who })
	c.aclCache = nil
	return nil, nil
}

// needQuorum refuses a write to the cluster's files the way pmxcfs does, ten
// seconds late.
func (c *Cluster) needQuorum(what string) error {
	if !c.quorate() {
		return &apiError{status: 500, message: what + ": cfs-lock 'file-user_cfg' error: no quorum!\n", after: c.sim.scaled(10 * time.Second)}
	}
	return nil
}
