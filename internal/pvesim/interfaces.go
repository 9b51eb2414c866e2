package pvesim

import (
	"fmt"
	"strings"
)

// interfaces is null for a container that does not run, or is not there. What
// the network gives (dhcp, auto) is made up from the seed.
func interfaces(cl *call) (any, error) {
	g := cl.cluster.ct(cl.node, atoi(cl.args["vmid"]))
	if g == nil || !g.running {
		return nil, nil
	}
	list := []obj{nic("lo", "00:00:00:00:00:00", "127.0.0.1/8", "::1/128")}
	for _, s := range g.conf {
		if family(s.key) == "net[n]" {
			list = append(list, g.nic(s.key, s.value))
		}
	}
	if g.docker {
		list = append(list, nic("docker0", "02:42:"+g.tail(1), "172.17.0.1/16", "fe80::42:"+g.tailWord(1)+"/64"),
			nic("br-"+fmt.Sprintf("%012x", g.seed&0xffffffffffff), "02:42:"+g.tail(2), "172.18.0.1/16"),
			nic("veth"+fmt.Sprintf("%07x", g.seed>>8&0xfffffff), "3e:9a:"+g.tail(3), "fe80::3c9a:"+g.tailWord(3)+"/64"))
	}
	return list, nil
}

// nic is one interface of the configuration as it is inside.
func (g *guest) nic(key, value string) obj {
	mac := strings.ToLower(part(value, "hwaddr"))
	n := atoi(strings.TrimPrefix(key, "net"))
	var addresses []string
	switch four := part(value, "ip"); four {
	case "", "manual":
	case "dhcp":
		addresses = append(addresses, fmt.Sprintf("10.78.%d.%d/24", n+int(g.seed>>16&7), 20+g.vmid%200))
	default:
		addresses = append(addresses, four)
	}
	switch six := part(value, "ip6"); six {
	case "", "manual":
	case "auto", "dhcp":
		addresses = append(addresses, fmt.Sprintf("2001:db8:77:%x:%s/64", n, linkLocal(mac)))
	default:
		addresses = append(addresses, six)
	}
	if len(addresses) > 0 {
		addresses = append(addresses, "fe80::"+linkLocal(mac)+"/64")
	}
	return nic(part(value, "name"), mac, addresses...)
}

// linkLocal is the half of an IPv6 address that comes from a MAC address.
func linkLocal(mac string) string {
	b := strings.Split(mac, ":")
	if len(b) != 6 {
		return "1"
	}
	var first int
	fmt.Sscanf(b[0], "%x", &first)
	groups := []string{fmt.Sprintf("%02x", first^2) + b[1], b[2] + "ff", "fe" + b[3], b[4] + b[5]}
	for i, group := range groups {
		if groups[i] = strings.TrimLeft(group, "0"); groups[i] == "" {
			groups[i] = "0"
		}
	}
	return strings.Join(groups, ":")
}

func (g *guest) tail(n uint64) string {
	v := mix(g.seed, n, 99)
	return fmt.Sprintf("%02x:%02x:%02x:%02x", byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

func (g *guest) tailWord(n uint64) string {
	v := mix(g.seed, n, 99)
	return fmt.Sprintf("%x:%x", uint16(v)|0x1000, uint16(v>>16)|0x1000)
}

// nic has the first address of each kind by itself and all of them in a list.
func nic(name, mac string, addresses ...string) obj {
	o := obj{{"name", name}, {"hwaddr", mac}, {"hardware-address", mac}}
	list, first := []obj{}, map[string]bool{}
	for _, a := range addresses {
		ip, prefix, _ := strings.Cut(a, "/")
		kind := "inet"
		if strings.Contains(ip, ":") {
			kind = "inet6"
		}
		if !first[kind] {
			o, first[kind] = o.with(kind, a), true
		}
		list = append(list, obj{{"ip-address", ip}, {"ip-address-type", kind}, {"prefix", text(prefix)}})
	}
	return o.with("ip-addresses", list)
}
