package pvesim

import (
	"maps"
	"slices"
	"strconv"
)

var (
	poolParam    = str("poolid").as("pve-poolid")
	poolAllocate = needs("/pool/{poolid}", "Pool.Allocate")
	poolChanges  = []param{poolParam, optStr("vms").as("pve-vmid-list"), optStr("storage").as("pve-storage-id-list"), optStr("comment"), optBool("delete"), optBool("allow-move")}
	memberTypes  = optStr("type").of("qemu", "lxc", "storage")
)

// Pools have guests as members here, no storages and no pools.
var poolEndpoints = []endpoint{
	{method: "GET", path: "/pools", perm: anybody, serve: listPools, params: []param{poolParam.mayMiss(), memberTypes.with("poolid")}},
	{method: "POST", path: "/pools", perm: poolAllocate, protected: true, serve: createPool, params: []param{poolParam, optStr("comment")}},
	{method: "PUT", path: "/pools", perm: poolAllocate, protected: true, serve: updatePool, params: poolChanges},
	{method: "DELETE", path: "/pools", perm: poolAllocate, protected: true, serve: deletePool, params: []param{poolParam}},
	{method: "GET", path: "/pools/{poolid}", perm: needs("/pool/{poolid}", "Pool.Audit"), serve: readPool, params: []param{poolParam, memberTypes}},
	{method: "PUT", path: "/pools/{poolid}", perm: poolAllocate, protected: true, serve: updatePool, params: poolChanges},
	{method: "DELETE", path: "/pools/{poolid}", perm: poolAllocate, protected: true, serve: deletePool, params: []param{poolParam}},
}

func listPools(cl *call) (any, error) {
	c := cl.cluster
	if id := cl.args["poolid"]; id != "" {
		if !c.may(cl.who, "/pool/"+id, "Pool.Audit") {
			return nil, forbidden("/pool/"+id, "Pool.Audit")
		}
		pool, err := readPool(cl)
		if err != nil {
			return nil, err
		}
		return []obj{pool.(obj)}, nil
	}
	rows := []obj{}
	for id := range c.pools {
		if c.mayAny(cl.who, "/pool/"+id, "Pool.Audit", "Pool.Allocate") {
			rows = append(rows, obj{{"poolid", id}}.withIf(c.poolNotes[id] != "", "comment", c.poolNotes[id]))
		}
	}
	return rows, nil
}

func readPool(cl *call) (any, error) {
	c, id := cl.cluster, cl.args["poolid"]
	members, there := c.pools[id]
	if !there {
		return nil, failed("pool '%s' does not exist", id)
	}
	rows := []obj{}
	for _, vmid := range slices.Sorted(maps.Keys(members)) {
		g := c.guests[vmid]
		if g == nil || cl.args["type"] != "" && cl.args["type"] != g.kind {
			continue
		}
		row := slices.DeleteFunc(c.guestRow(g, cl.at), func(f field) bool { return slices.Contains([]string{"lock", "tags", "pool", "hastate"}, f.key) })
		rows = append(rows, row)
	}
	return obj{{"poolid", id}, {"members", rows}}.withIf(c.poolNotes[id] != "", "comment", c.poolNotes[id]), nil
}

func createPool(cl *call) (any, error) {
	c, id := cl.cluster, cl.args["poolid"]
	if err := c.needQuorum("create pool failed"); err != nil {
		return nil, err
	}
	if c.pools[id] != nil {
		return nil, failed("create pool failed: pool '%s' already exists", id)
	}
	c.pools[id], c.aclCache = map[int]bool{}, nil
	c.noteOfPool(id, cl.args["comment"])
	return nil, nil
}

func (c *Cluster) noteOfPool(id, note string) {
	if c.poolNotes == nil {
		c.poolNotes = map[string]string{}
	}
	c.poolNotes[id] = note
}

func updatePool(cl *call) (any, error) {
	c, id := cl.cluster, cl.args["poolid"]
	if err := c.needQuorum("update pools failed"); err != nil {
		return nil, err
	}
	if c.pools[id] == nil {
		return nil, failed("update pools failed: pool '%s' does not exist", id)
	}
	if note, there := cl.args["comment"]; there {
		c.noteOfPool(id, note)
	}
	for _, v := range splitList(cl.args["vms"]) {
		if err := cl.changeMember(id, v); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (cl *call) changeMember(pool, vmid string) error {
	c, g := cl.cluster, cl.cluster.guests[atoi(vmid)]
	if !c.may(cl.who, "/vms/"+vmid, "VM.Allocate") {
		return forbidden("/vms/"+vmid, "VM.Allocate")
	}
	isMember := c.pools[pool][atoi(vmid)]
	switch {
	case cl.args["delete"] == "1" && !isMember:
		return failed("update pools failed: VM %s is not a pool member", vmid)
	case cl.args["delete"] == "1":
		pool = ""
	case isMember:
		return failed("update pools failed: VM %s is already a pool member", vmid)
	case g == nil:
		return failed("update pools failed: VM %s does not exist", vmid)
	case g.pool != "" && cl.args["allow-move"] != "1":
		return failed("update pools failed: VM %s belongs already to pool '%s' and 'allow-move' is not set", vmid, g.pool)
	}
	c.moveToPool(g, pool)
	return nil
}

func deletePool(cl *call) (any, error) {
	c, id := cl.cluster, cl.args["poolid"]
	if err := c.needQuorum("delete pool failed"); err != nil {
		return nil, err
	}
	members, there := c.pools[id]
	if !there {
		return nil, failed("delete pool failed: pool '%s' does not exist", id)
	}
	if len(members) > 0 {
		return nil, failed("delete pool failed: pool '%s' is not empty (contains VM %s)", id, strconv.Itoa(slices.Min(slices.Collect(maps.Keys(members)))))
	}
	delete(c.pools, id)
	delete(c.poolNotes, id)
	c.acl = withoutPath(c.acl, "/pool/"+id)
	c.aclCache = nil
	return nil, nil
}
