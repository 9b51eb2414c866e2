package pvesim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	roleParam    = str("roleid").as("pve-roleid")
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
		roleParam, optStr("privs").as("pve-priv-list"),
	}},
	{method: "GET", path: "/access/roles/{roleid}", perm: anybody, serve: readRole, params: []param{roleParam}},
	{method: "DELETE", path: "/access/roles/{roleid}", perm: needs("/access", "Sys.Modify"), protected: true, serve: deleteRole, params: []param{roleParam}},
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

// listACL shows the whole tree with Sys.Audit on /access, else only the paths that
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

// needQuorum refuses a write to the cluster's files the way pmxcfs does, ten
// seconds late.
func (c *Cluster) needQuorum(what string) error {
	if !c.quorate() {
		return &apiError{status: 500, message: what + ": cfs-lock 'file-user_cfg' error: no quorum!\n", after: c.sim.scaled(10 * time.Second)}
	}
	return nil
}
