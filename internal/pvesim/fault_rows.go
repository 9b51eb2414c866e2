package pvesim

import (
	"slices"
	"strconv"
	"strings"
)

// oddRow turns a good row into one of the shapes that real nodes have shown:
// strings for numbers, nulls, missing keys, new fields and types.
func oddRow(g *guest, row obj) obj {
	drop := func(keys ...string) obj {
		return slices.DeleteFunc(row, func(f field) bool { return slices.Contains(keys, f.key) })
	}
	switch g.vmid % 9 {
	case 0:
		return row.set("vmid", text(strconv.Itoa(g.vmid))).set("maxdisk", text("8589934592")).set("template", text(""))
	case 1:
		return row.set("cpu", nil).set("mem", nil).set("uptime", nil).set("name", nil)
	case 2:
		return drop("maxmem", "maxdisk", "maxcpu")
	case 3:
		return row.set("status", "hibernating").with("surprise", obj{{"deep", []any{1, "two", nil}}})
	case 4:
		return row.set("tags", "").set("cpu", -0.0004).set("uptime", text("12.5"))
	case 5:
		return drop("name", "status")
	case 6:
		return row.set("type", "openvz")
	case 7:
		return row.set("vmid", "not a number").set("maxmem", []any{})
	}
	return row.set("maxcpu", 0.5).set("mem", text("1e9")).set("template", text("1"))
}

// markupRow puts hostile text where people's text is shown.
func markupRow(g *guest, row obj) obj {
	names := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "\u202egnp.exe", "\x1b]0;owned\x07\x1b[2J",
		strings.Repeat("long", 4096), `' OR 1=1 --`, `${jndi:ldap://x}`, `{{7*7}}`, "zero\u200bwidth",
	}
	name := names[g.vmid%len(names)]
	return row.set("name", name).set("tags", "<b>;"+`"onclick=alert(1)`).set("lock", "<i>locked</i>")
}

// oddMember is a row of /cluster/status with strings for numbers; every second
// one lacks what a page would like to have.
func oddMember(n *Node, row obj) obj {
	row = row.set("online", text("1")).set("nodeid", text(strconv.Itoa(n.index)))
	if n.index%2 == 0 {
		return row.set("ip", nil).set("level", nil)
	}
	return row.with("surprise", []any{})
}

// oddTasks are lines that no task list should have, before the good ones.
func oddTasks(rows []obj) []obj {
	return append([]obj{
		{{"upid", "UPID:pve1:1:2:3:vzstart"}, {"node", "pve1"}},
		{{"upid", nil}, {"status", nil}, {"starttime", "yesterday"}},
		{{"upid", "UPID:../..:00000001:00000001:00000001:vzstart:100:root@pam:"}, {"node", "../.."}, {"id", 100}, {"starttime", text("1")}},
		{},
	}, rows...)
}
