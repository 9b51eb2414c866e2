package pvesim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestPendingChanges is about what a running container takes at once and what
// waits for its next start.
func TestPendingChanges(t *testing.T) {
	d := newDesk(t)
	put := func(form ...string) {
		t.Helper()
		if _, refused := d.write("PUT", "/nodes/pve1/lxc/100/config", form...); refused != "" {
			t.Fatal(refused)
		}
	}
	pending := func() map[string]map[string]any {
		var rows []map[string]any
		d.via.get("/nodes/pve1/lxc/100/pending").data(t, &rows)
		all := map[string]map[string]any{}
		for _, r := range rows {
			all[r["key"].(string)] = r
		}
		return all
	}
	put("tty", "1", "ostype", "alpine", "cores", "2", "delete", "arch")
	p := pending()
	if p["tty"]["pending"] != 1.0 || p["tty"]["value"] != nil || p["ostype"]["pending"] != "alpine" || p["arch"]["delete"] != 1.0 || p["cores"]["value"] != 2.0 || p["cores"]["pending"] != nil {
		t.Errorf("%v", p)
	}
	put("revert", "ostype")
	if p := pending(); p["ostype"]["pending"] != nil {
		t.Errorf("reverted: %v", p["ostype"])
	}
	var merged, current map[string]any
	d.via.get("/nodes/pve1/lxc/100/config").data(t, &merged)
	d.via.get("/nodes/pve1/lxc/100/config?current=1").data(t, &current)
	if merged["tty"] != 1.0 || merged["arch"] != nil || current["tty"] != nil || current["arch"] != "amd64" {
		t.Errorf("merged %v, current %v", merged, current)
	}
	d.act(100, "reboot")
	d.clock.advance(time.Minute)
	if p := pending(); p["tty"]["value"] != 1.0 || p["arch"] != nil {
		t.Errorf("after a reboot: %v", p)
	}
}

// TestWhatIsRemovedWhen: mount points, devices and high interfaces wait; a
// mount point's volume stays as an unused one.
func TestWhatIsRemovedWhen(t *testing.T) {
	d := newDesk(t)
	for _, what := range []string{"set mp0 local-lvm:vm-100-disk-1,mp=/data", "set net1 name=eth1,bridge=vmbr1", "set net10 name=eth10,bridge=vmbr1", "set dev0 /dev/null"} {
		d.act(100, what)
	}
	if _, refused := d.write("PUT", "/nodes/pve1/lxc/100/config", "delete", "mp0,net1,net10,dev0,net5"); refused == "" {
		t.Fatal("a token may remove a device")
	}
	if _, refused := d.write("PUT", "/nodes/pve1/lxc/100/config", "delete", "mp0,net1,net10,net5"); refused != "" {
		t.Fatal(refused)
	}
	var conf map[string]any
	d.via.get("/nodes/pve1/lxc/100/config?current=1").data(t, &conf)
	if conf["mp0"] == nil || conf["net1"] != nil || conf["net10"] == nil {
		t.Errorf("at once: %v", conf)
	}
	d.act(100, "reboot")
	d.clock.advance(time.Minute)
	conf = nil
	d.via.get("/nodes/pve1/lxc/100/config").data(t, &conf)
	if conf["mp0"] != nil || conf["net10"] != nil || conf["unused0"] != "local-lvm:vm-100-disk-1" {
		t.Errorf("after a reboot: %v", conf)
	}
	for form, want := range map[string]string{"delete=memory": "500 unable to delete required option 'memory'", "delete=unprivileged": "500 unable to delete read-only option: 'unprivileged'",
		"revert=nosuch": "400 Parameter verification failed.", "delete=tags&tags=x": "400 Parameter verification failed.", "delete=tags&revert=tags": "400 Parameter verification failed."} {
		var pairs []string
		for _, p := range strings.Split(form, "&") {
			k, v, _ := strings.Cut(p, "=")
			pairs = append(pairs, k, v)
		}
		if _, refused := d.write("PUT", "/nodes/pve1/lxc/100/config", pairs...); refused != want {
			t.Errorf("%s: %s, want %s", form, refused, want)
		}
	}
}

func TestEachKeyWantsItsPrivilege(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct{ key, value, refused string }{
		{"memory", "600", "403 Permission check failed (/vms/100, VM.Config.Memory)"},
		{"description", "x", ""},
		{"features", "nesting=1,keyctl=1", "403 Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)"},
		{"dev0", "/dev/null", "403 Permission check failed (configuring device passthrough is only allowed for root@pam)"},
		{"hookscript", "local:snippets/x", "403 Permission check failed (changing the hookscript is only allowed for root@pam)"},
		{"delete", "net0", "403 Permission check failed (/vms/100, VM.Config.Network)"},
	} {
		d.c.AddUser(UserSpec{ID: "few@pve"})
		d.c.mu.Lock()
		d.c.roles["Few"] = map[string]bool{"VM.Audit": true, "VM.Config.Options": true}
		d.c.mu.Unlock()
		d.c.SetACL("/vms", "few@pve", "Few", true)
		by := *d
		by.via = ask(t, d.c.Node("pve1")).token("few@pve!t", d.c.AddToken("few@pve", "t", TokenSpec{}))
		if _, refused := by.write("PUT", "/nodes/pve1/lxc/100/config", c.key, c.value); refused != c.refused {
			t.Errorf("%s: %s, want %s", c.key, refused, c.refused)
		}
	}
}

func TestEveryInterfaceIsTold(t *testing.T) {
	s := quick(t, Config{Clusters: []ClusterSpec{{Name: "lab", Nodes: []NodeSpec{{Name: "pve1", CTs: []ContainerSpec{
		{VMID: 100, Running: true, Docker: true, Address: "10.0.0.5/24", Config: map[string]string{
			"net1": "name=lan,bridge=vmbr1,ip=dhcp,ip6=auto", "net2": "name=bare,bridge=vmbr1,ip=manual"}},
		{VMID: 101, Running: true, Address: "-"},
	}}}}}})
	via := ask(t, s.Cluster("lab").Node("pve1")).asRoot()
	type nic struct {
		Name, Inet, Inet6, Hwaddr string
		Addresses                 []struct {
			Type string `json:"ip-address-type"`
		} `json:"ip-addresses"`
	}
	told := func(vmid int) map[string]nic {
		var list []nic
		via.get(fmt.Sprintf("/nodes/pve1/lxc/%d/interfaces", vmid)).data(t, &list)
		all := map[string]nic{}
		for _, n := range list {
			all[n.Name] = n
		}
		return all
	}
	all := told(100)
	if n := all["eth0"]; n.Inet != "10.0.0.5/24" || !strings.HasPrefix(n.Inet6, "fe80::") || len(n.Addresses) != 2 {
		t.Errorf("eth0: %+v", n)
	}
	if n := all["lan"]; n.Inet == "" || !strings.HasPrefix(n.Inet6, "2001:db8:") || len(n.Addresses) != 3 || n.Hwaddr == all["eth0"].Hwaddr {
		t.Errorf("lan: %+v", n)
	}
	if n, there := all["bare"]; !there || n.Inet != "" || n.Addresses == nil || len(n.Addresses) != 0 {
		t.Errorf("bare: %+v", n)
	}
	if all["docker0"].Inet != "172.17.0.1/16" || len(all) != 7 {
		t.Errorf("Docker's: %v", all)
	}
	if all := told(101); len(all) != 1 {
		t.Errorf("without a network: %v", all)
	}
}

// TestOlderVersionKnowsLess: what 9 brought is refused on 8.4, and histories are
// shorter there.
func TestOlderVersionKnowsLess(t *testing.T) {
	for _, c := range []struct {
		version string
		rows    int
		refused map[string]string
	}{
		{"9.2.11", 1440, map[string]string{"entrypoint=/bin/app": "", "net1=name=eth1,host-managed=1": ""}},
		{"8.4.5", 69, map[string]string{
			"entrypoint=/bin/app":           "property is not defined in schema and the schema does not allow additional properties",
			"net1=name=eth1,host-managed=1": "invalid format - format error\nnet1.host-managed: property is not defined in schema and the schema does not allow additional properties\n"}},
	} {
		s := quick(t, Config{Now: newClock().now, Clusters: []ClusterSpec{{Name: "lab", Standalone: true, Version: c.version, Nodes: []NodeSpec{{Name: "pve1", CTs: []ContainerSpec{{VMID: 100, Running: true}}}}}}})
		via := ask(t, s.Cluster("lab").Node("pve1")).asRoot()
		for form, want := range c.refused {
			k, v, _ := strings.Cut(form, "=")
			res := via.do("PUT", "/nodes/pve1/lxc/100/config", url.Values{k: {v}})
			var body struct{ Errors map[string]string }
			json.Unmarshal([]byte(res.body), &body)
			if body.Errors[k] != want {
				t.Errorf("%s, %s: %q, want %q", c.version, form, body.Errors[k], want)
			}
		}
		var rows []map[string]any
		via.get("/nodes/pve1/lxc/100/rrddata?timeframe=day").data(t, &rows)
		if _, there := rows[len(rows)-1]["pressurecpusome"]; there == (c.version[0] == '8') {
			t.Errorf("%s: %v", c.version, rows[len(rows)-1])
		}
		if len(rows) != c.rows {
			t.Errorf("%s: %d rows", c.version, len(rows))
		}
	}
}
