package pvesim

import (
	"slices"
	"strconv"

	"github.com/google/uuid"
)

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
