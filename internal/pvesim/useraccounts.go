package pvesim

import (
	"maps"
	"slices"
	"strings"
)

var (
	enableParams = []param{
		optStr("comment").upTo(2048), optStr("email").as("email-opt").upTo(254), optBool("enable"), optInt("expire").from(0), optStr("firstname").upTo(1024),
		optStr("groups").as("pve-groupid-list"), optStr("keys").like("[0-9a-zA-Z!=]{0,4096}"), optStr("lastname").upTo(1024),
	}
	modifiesUser = checked(func(cl *call) error { return cl.mayOnUser("User.Modify") })
)

var userEndpoints = []endpoint{
	{method: "GET", path: "/access/users/{userid}", perm: checked(func(cl *call) error { return cl.mayOnUser("User.Modify", "Sys.Audit") }), serve: readUser, params: []param{userParam}},
	{method: "POST", path: "/access/users", perm: checked(mayCreateUser), protected: true, serve: createUser,
		params: append([]param{userParam, optStr("password").upTo(64).atLeast(8)}, enableParams...)},
	{method: "PUT", path: "/access/users/{userid}", perm: modifiesUser, protected: true, serve: updateUser,
		params: append([]param{userParam, optBool("append").with("groups")}, enableParams...)},
	{method: "DELETE", path: "/access/users/{userid}", perm: modifiesUser, protected: true, serve: deleteUser, params: []param{userParam}},
	{method: "PUT", path: "/access/users/{userid}/unlock-tfa", perm: modifiesUser, protected: true, serve: unlockTFA, params: []param{userParam}},
	{method: "GET", path: "/access/users/{userid}/token", perm: permission{kind: "token-owner"}, serve: listTokens, params: []param{userParam}},
	{method: "GET", path: "/access/domains/{realm}", perm: needsAny("/access/realm", "Realm.Allocate", "Sys.Audit"), serve: readRealm,
		params: []param{str("realm").as("pve-realm").upTo(32)}},
	{method: "PUT", path: "/access/roles/{roleid}", perm: needs("/access", "Sys.Modify"), protected: true, serve: updateRole,
		params: []param{roleParam, optStr("privs").as("pve-priv-list"), optBool("append").with("privs")}},
	{method: "GET", path: "/access/groups", perm: anybody, serve: listGroups},
}

// mayOnUser is Proxmox's check of a group of users: the right on all groups, or
// on one that the user is in. Whether there is such a user comes first.
func (cl *call) mayOnUser(privs ...string) error {
	c, id := cl.cluster, cl.args["userid"]
	if c.users[id] == nil {
		return failed("no such user ('%s')", id)
	}
	if c.mayAny(cl.who, "/access/groups", privs...) {
		return nil
	}
	for group, members := range c.groups {
		if members[id] && c.mayAny(cl.who, "/access/groups/"+group, privs...) {
			return nil
		}
	}
	return errForbidden
}

func mayCreateUser(cl *call) error {
	_, realm, _ := strings.Cut(cl.args["userid"], "@")
	if path := "/access/realm/" + realm; !cl.cluster.may(cl.who, path, "Realm.AllocateUser") {
		return forbidden(path, "Realm.AllocateUser")
	}
	if !cl.cluster.may(cl.who, "/access/groups", "User.Modify") {
		return errForbidden
	}
	return nil
}

func (c *Cluster) groupsOf(id string) []string {
	list := []string{}
	for group, members := range c.groups {
		if members[id] {
			list = append(list, group)
		}
	}
	slices.Sort(list)
	return list
}

func readUser(cl *call) (any, error) {
	c := cl.cluster
	u := c.users[cl.args["userid"]]
	o := obj{{"enable", !u.disabled}, {"expire", u.expire}, {"groups", c.groupsOf(u.id)}}
	for _, f := range []field{{"comment", u.comment}, {"email", u.email}, {"firstname", u.firstname}, {"lastname", u.lastname}} {
		o = o.withIf(f.value != "", f.key, f.value)
	}
	if len(u.tokens) == 0 {
		return o, nil
	}
	tokens := obj{}
	for name, t := range u.tokens {
		tokens = tokens.with(name, t.info())
	}
	return o.with("tokens", tokens), nil
}

func listTokens(cl *call) (any, error) {
	u := cl.cluster.users[cl.args["userid"]]
	if u == nil {
		return nil, errForbidden
	}
	rows := []obj{}
	for name, t := range u.tokens {
		rows = append(rows, t.info().with("tokenid", name))
	}
	return rows, nil
}

func createUser(cl *call) (any, error) {
	c, id := cl.cluster, cl.args["userid"]
	if err := c.needQuorum("create user failed"); err != nil {
		return nil, err
	}
	_, realm, _ := strings.Cut(id, "@")
	i := slices.IndexFunc(c.realms, func(r RealmSpec) bool { return r.Realm == realm })
	switch {
	case c.users[id] != nil:
		return nil, failed("create user failed: user '%s' already exists", id)
	case i < 0:
		return nil, failed("create user failed: domain '%s' does not exist", realm)
	}
	u := &user{id: id, password: cl.args["password"], tokens: map[string]*token{}}
	if err := c.change(u, cl.args); err != nil {
		return nil, err
	}
	c.users[id] = u
	return nil, nil
}

func updateUser(cl *call) (any, error) {
	if err := cl.cluster.needQuorum("update user failed"); err != nil {
		return nil, err
	}
	return nil, cl.cluster.change(cl.cluster.users[cl.args["userid"]], cl.args)
}

// change sets what was given.
func (c *Cluster) change(u *user, args map[string]string) error {
	for key, to := range map[string]*string{"comment": &u.comment, "email": &u.email, "firstname": &u.firstname, "lastname": &u.lastname} {
		if v, there := args[key]; there {
			*to = v
		}
	}
	if v, there := args["enable"]; there {
		u.disabled = v == "0"
	}
	if v, there := args["expire"]; there {
		u.expire = int64(atoi(v))
	}
	list, there := args["groups"]
	if !there {
		return nil
	}
	for _, group := range splitList(list) {
		if c.groups[group] == nil {
			return failed("update user failed: group '%s' does not exist", group)
		}
	}
	for group, members := range c.groups {
		if slices.Contains(splitList(list), group) {
			members[u.id] = true
		} else if args["append"] != "1" {
			delete(members, u.id)
		}
	}
	c.aclCache = nil
	return nil
}

// deleteUser takes an account away, with its tokens and rights.
func deleteUser(cl *call) (any, error) {
	c, id := cl.cluster, cl.args["userid"]
	if err := c.needQuorum("delete user failed"); err != nil {
		return nil, err
	}
	delete(c.users, id)
	for _, members := range c.groups {
		delete(members, id)
	}
	c.acl = slices.DeleteFunc(c.acl, func(e aclEntry) bool { return e.kind != "group" && (e.who == id || strings.HasPrefix(e.who, id+"!")) })
	c.aclCache = nil
	return nil, nil
}

// unlockTFA tells whether there was anything to unlock.
func unlockTFA(cl *call) (any, error) {
	u := cl.cluster.users[cl.args["userid"]]
	was := u.locked
	u.locked, u.wrong = false, 0
	return was, nil
}

func readRealm(cl *call) (any, error) {
	for _, r := range cl.cluster.realms {
		if r.Realm == cl.args["realm"] {
			o := obj{{"type", r.Type}, {"digest", "da39a3ee5e6b4b0d3255bfef95601890afd80709"}}.withIf(r.Comment != "", "comment", r.Comment)
			return o.withIf(r.Default, "default", 1).withIf(r.TFA != "", "tfa", r.TFA), nil
		}
	}
	return nil, failed("domain '%s' does not exist", cl.args["realm"])
}

func updateRole(cl *call) (any, error) {
	c, role := cl.cluster, cl.args["roleid"]
	if _, special := standardRoles()[role]; special {
		return nil, failed("auto-generated role '%s' cannot be modified", role)
	}
	if err := c.needQuorum("modify role failed"); err != nil {
		return nil, err
	}
	if c.roles[role] == nil {
		return nil, failed("modify role failed: role '%s' does not exist", role)
	}
	privs := map[string]bool{}
	if cl.args["append"] == "1" {
		privs = maps.Clone(c.roles[role])
	}
	for _, p := range splitList(cl.args["privs"]) {
		if !c.roles["Administrator"][p] {
			return nil, failed("modify role failed: invalid privilege '%s'", p)
		}
		privs[p] = true
	}
	c.roles[role], c.aclCache = privs, nil
	return nil, nil
}

// listGroups shows those that one has a right on.
func listGroups(cl *call) (any, error) {
	c, rows := cl.cluster, []obj{}
	for group, members := range c.groups {
		if c.mayAny(cl.who, "/access/groups/"+group, "User.Modify", "Sys.Audit", "Group.Allocate") {
			rows = append(rows, obj{{"groupid", group}, {"users", strings.Join(slices.Sorted(maps.Keys(members)), ",")}})
		}
	}
	return rows, nil
}
