package pve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// oddValues are what a field may come as in some version of Proxmox, or from
// something that only says it is Proxmox.
var oddValues = []string{
	`null`, `""`, `" "`, `0`, `1`, `"0"`, `"1"`, `true`, `false`, `-1`, `-0.0005`, `0.5`, `"0.5"`, `1e3`, `"1e400"`, `1e400`, `9223372036854775808`, `"18446744073709551616"`,
	`99999999999999999999999999`, `"NaN"`, `"inf"`, `"0x10"`, `[]`, `{}`, `[1,"a",null]`, `{"x":{"y":[{}]}}`, `"an unknown word"`, `"../../etc/passwd"`,
	`"<script>alert(1)</script>"`, `"a\u0000b\u001b[31m\u202ec\nd"`, `"\ud800"`, `"` + strings.Repeat("x", 9000) + `"`,
}

// plainAnswers is an ordinary answer to each read.
var plainAnswers = []struct {
	name string
	body string
	list bool // one odd field may cost its row, and no other
	read func(ctx context.Context, c *Client) (any, error)
}{
	{"Resources", `[{"type":"lxc","id":"lxc/100","vmid":100,"node":"pve1","name":"web","status":"running","template":0,"lock":"backup","tags":"a;b","pool":"p","hastate":"started",
		"cpu":0.1,"maxcpu":2,"mem":5,"maxmem":10,"disk":1,"maxdisk":2,"uptime":7,"netin":1,"netout":2,"diskread":3,"diskwrite":4},
		{"type":"storage","id":"storage/pve1/local","node":"pve1","storage":"local","shared":0,"content":"iso","status":"available","disk":1,"maxdisk":2},{"type":"lxc","id":"lxc/101","vmid":101,"node":"pve1"}]`, true,
		func(ctx context.Context, c *Client) (any, error) { l, err := c.Resources(ctx); return l.Rows, err }},
	{"ClusterTasks", `[{"upid":"UPID:pve1:00000001:00000002:60000000:vzstart:100:root@pam:","node":"pve1","user":"root@pam","tokenid":"t","type":"vzstart","id":"100","starttime":1610612736,"endtime":1610612737,"status":"OK"},
		{"upid":"UPID:pve1:00000003:00000002:60000000:vzstop:101:root@pam:"}]`, true,
		func(ctx context.Context, c *Client) (any, error) { l, err := c.ClusterTasks(ctx); return l.Rows, err }},
	{"NodeTasks", `[{"upid":"UPID:pve1:00000001:00000002:60000000:vzstart:100:root@pam:","status":"RUNNING","pid":1,"pstart":2},{"upid":"UPID:pve1:00000003:00000002:60000000:vzstop:101:root@pam:"}]`, true,
		func(ctx context.Context, c *Client) (any, error) {
			l, err := c.NodeTasks(ctx, "pve1", TaskFilter{Running: true})
			return l.Rows, err
		}},
	{"ClusterStatus", `[{"type":"cluster","id":"cluster","name":"lab","version":3,"nodes":3,"quorate":1},{"type":"node","id":"node/pve1","name":"pve1","nodeid":1,"ip":"10.0.0.1","online":1,"local":1,"level":""},
		{"type":"node","name":"pve2","nodeid":2,"ip":"10.0.0.2","online":0,"local":0}]`, true,
		func(ctx context.Context, c *Client) (any, error) { return c.ClusterStatus(ctx) }},
	{"Nodes", `[{"node":"pve1","status":"online","cpu":0.1,"maxcpu":4,"mem":1,"maxmem":2,"uptime":3,"ssl_fingerprint":"AA","level":"","id":"node/pve1","type":"node"},{"node":"pve2"}]`, true,
		func(ctx context.Context, c *Client) (any, error) { l, err := c.Nodes(ctx); return l.Rows, err }},
	{"NodeLXC", `[{"vmid":"100","name":"web","status":"running","cpu":0,"cpus":1,"mem":1,"maxmem":2,"disk":3,"maxdisk":4,"swap":5,"maxswap":6,"uptime":7,"pid":8,"netin":1,"netout":1,"diskread":1,"diskwrite":1,
		"pressurecpusome":"0.00","tags":"a","lock":"x","template":"","type":"lxc"},{"vmid":101,"status":"stopped"}]`, true,
		func(ctx context.Context, c *Client) (any, error) {
			l, err := c.NodeLXC(ctx, "pve1")
			return l.Rows, err
		}},
	{"Interfaces", `[{"name":"eth0","hwaddr":"aa","hardware-address":"aa","inet":"10.0.0.5/24","inet6":"fe80::1/64","ip-addresses":[{"ip-address":"10.0.0.5","prefix":"24","ip-address-type":"inet"}]},{"name":"eth1"}]`, true,
		func(ctx context.Context, c *Client) (any, error) { return c.Interfaces(ctx, "pve1", 100) }},
	{"Pending", `[{"key":"memory","value":512,"pending":"1024"},{"key":"mp0","value":"x","delete":1},{"key":"cores","pending":2}]`, true,
		func(ctx context.Context, c *Client) (any, error) { return c.Pending(ctx, "pve1", 100) }},
	{"History", `[{"time":1795454100,"cpu":0.1,"maxcpu":2,"mem":1.5,"maxmem":2,"disk":0,"maxdisk":3,"netin":1.5,"netout":2,"diskread":0,"diskwrite":1,"pressurecpusome":0},{"time":1795454160}]`, true,
		func(ctx context.Context, c *Client) (any, error) { return c.History(ctx, "pve1", 100, fleet.Hour) }},
	{"TaskLog", `[{"n":1,"t":"a line"},{"n":2,"t":"TASK OK"}]`, true,
		func(ctx context.Context, c *Client) (any, error) {
			l, _, err := c.TaskLog(ctx, oddUPID, 0, 0)
			return l, err
		}},
	{"Roles", `[{"roleid":"A","privs":"VM.Audit","special":1},{"roleid":"B","privs":""}]`, true, func(ctx context.Context, c *Client) (any, error) { return c.Roles(ctx) }},
	{"Domains", `[{"realm":"pam","type":"pam","comment":"x","default":1,"tfa":"oath"},{"realm":"pve","type":"pve"}]`, true, func(ctx context.Context, c *Client) (any, error) { return c.Domains(ctx) }},
	{"AptVersions", `[{"Package":"a","OldVersion":"1","Version":"2"},{"Package":"b","Version":"1"}]`, true, func(ctx context.Context, c *Client) (any, error) { return c.AptVersions(ctx, "pve1") }},
	{"Certificates", `[{"filename":"pve-ssl.pem","pem":"x","fingerprint":"AA","subject":"s","issuer":"i","san":["a"],"notbefore":1,"notafter":2}]`, true,
		func(ctx context.Context, c *Client) (any, error) { return c.CertificatesInfo(ctx, "pve1") }},
	{"Current", `{"vmid":100,"name":"web","status":"running","cpu":0,"cpus":1,"mem":1,"maxmem":2,"uptime":7,"ha":{"managed":0,"state":"started"},"pressurecpusome":"0.00"}`, false,
		func(ctx context.Context, c *Client) (any, error) { return c.Current(ctx, "pve1", 100) }},
	{"Config", `{"hostname":"web","memory":512,"swap":0,"cores":2,"cpulimit":"1.5","cpuunits":100,"rootfs":"local:1,size=8G","mp0":"local:2,mp=/x","net0":"name=eth0,bridge=vmbr0","features":"nesting=1","tags":"a;b",
		"onboot":1,"startup":"order=1","protection":0,"unprivileged":1,"template":0,"lock":"backup","description":"a\n","digest":"d","arch":"amd64","ostype":"debian","lxc":[["a","b"]],"dev0":"/dev/x","parent":"s","nameserver":"1.1.1.1"}`, false,
		func(ctx context.Context, c *Client) (any, error) { return c.Config(ctx, "pve1", 100) }},
	{"NodeStatus", `{"cpu":0.1,"uptime":5,"pveversion":"pve-manager/9.2.11/abc","loadavg":["0.1","0.2","0.3"],"memory":{"used":1,"total":2},"swap":{"used":1,"total":2},"rootfs":{"used":1,"total":2},
		"cpuinfo":{"cpus":4,"model":"m"},"current-kernel":{"release":"6"}}`, false,
		func(ctx context.Context, c *Client) (any, error) { return c.NodeStatus(ctx, "pve1") }},
	{"TaskStatus", `{"upid":"UPID:pve1:00000001:00000002:60000000:vzstart:100:root@pam:","status":"stopped","exitstatus":"OK","user":"root@pam","tokenid":"t","starttime":1}`, false,
		func(ctx context.Context, c *Client) (any, error) { return c.TaskStatus(ctx, oddUPID) }},
	{"JoinInfo", `{"nodelist":[{"name":"pve1","pve_addr":"10.0.0.1","ring0_addr":"10.0.0.1","pve_fp":"AA"}],"totem":{"cluster_name":"lab"},"preferred_node":"pve1"}`, false,
		func(ctx context.Context, c *Client) (any, error) { return c.JoinInfo(ctx) }},
	{"Permissions", `{"/":{"VM.Audit":1,"Sys.Audit":0},"/vms/100":{"VM.PowerMgmt":1}}`, false, func(ctx context.Context, c *Client) (any, error) { return c.Permissions(ctx) }},
	{"Version", `{"version":"9.2.11","release":"9.2","repoid":"x"}`, false, func(ctx context.Context, c *Client) (any, error) { return c.Version(ctx) }},
}

var oddUPID, _ = ParseUPID("UPID:pve1:00000001:00000002:60000000:vzstart:100:root@pam:")

// TestEveryFieldMayBeOdd puts each odd value into each place of each answer, and
// takes each field away. A list keeps its other rows; one thing is read or refused
// as garbled; nothing that comes out is hostile.
func TestEveryFieldMayBeOdd(t *testing.T) {
	for _, a := range plainAnswers {
		t.Run(a.name, func(t *testing.T) {
			var now atomic.Pointer[string]
			_, c := served(t, func(w io.Writer, r *http.Request) bool { return answer(w, 200, "OK", `{"data":`+*now.Load()+`}`) })
			ask := func(body string) (any, error) {
				now.Store(&body)
				return a.read(t.Context(), c)
			}
			whole, err := ask(a.body)
			if err != nil {
				t.Fatalf("the ordinary answer: %v", err)
			}
			rows := rowsIn(whole)
			for what, body := range variants(t, a.body) {
				got, err := ask(body)
				switch {
				case err != nil && a.list && a.name != "ClusterStatus" && !strings.HasPrefix(what, "all:"):
					t.Errorf("%s: the list is lost: %v", what, err)
				case err != nil:
					if p := problem.Of(err); p == nil || p.Kind != problem.Garbled && p.Kind != problem.Forgotten && p.Kind != problem.TooLarge {
						t.Errorf("%s: %v", what, err)
					}
				case a.list && !strings.HasPrefix(what, "all:") && rowsIn(got) < rows-1:
					t.Errorf("%s: %d rows of %d are left", what, rowsIn(got), rows)
				default:
					for _, bad := range hostileIn(reflect.ValueOf(got), a.name) {
						t.Errorf("%s: %s", what, bad)
					}
				}
			}
		})
	}
}

func rowsIn(v any) int {
	if s, ok := v.(ClusterStatus); ok {
		return len(s.Members)
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		return r.Len()
	}
	return 1
}

// variants are the answer with one place changed, by what was done.
func variants(t *testing.T, body string) map[string]string {
	var whole any
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&whole); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	write := func(what string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all[what] = string(b)
	}
	for _, odd := range oddValues {
		all["all: "+short(odd)] = odd
	}
	visit := func(at string, put func(any)) {
		for _, odd := range oddValues {
			put(json.RawMessage(odd))
			write(at+" = "+short(odd), whole)
		}
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				was := v[k]
				walk(at+"."+k, was)
				visit(at+"."+k, func(x any) { v[k] = x })
				delete(v, k)
				write(at+" without "+k, whole)
				v[k] = was
			}
		case []any:
			for i, was := range v {
				walk(fmt.Sprintf("%s[%d]", at, i), was)
				visit(fmt.Sprintf("%s[%d]", at, i), func(x any) { v[i] = x })
				v[i] = was
			}
		}
	}
	walk("", whole)
	return all
}

func short(s string) string { return cut(s, 40) }

// hostileIn finds what must not come out of a decoder: numbers that are none or
// negative, absurd durations, text that is not clean or not cut.
func hostileIn(v reflect.Value, at string) (bad []string) {
	switch v.Kind() {
	case reflect.Float64:
		if f := v.Float(); math.IsInf(f, 0) || f < 0 || math.IsNaN(f) && v.Type() == reflect.TypeFor[float64]() {
			bad = append(bad, fmt.Sprintf("%s is %v", at, f))
		}
	case reflect.Int, reflect.Int64:
		if v.Int() < 0 && !strings.HasSuffix(at, ".ID") {
			bad = append(bad, fmt.Sprintf("%s is %d", at, v.Int()))
		}
	case reflect.String:
		s := v.String()
		lines := strings.HasSuffix(at, ".Description") || strings.HasSuffix(at, "Options[].Value") || strings.HasSuffix(at, ".Text") || strings.HasSuffix(at, ".PEM")
		if len(s) > maxNotes || !utf8.ValidString(s) || !lines && s != clean(s) {
			bad = append(bad, fmt.Sprintf("%s is %q", at, short(s)))
		}
	case reflect.Slice:
		for i := range v.Len() {
			bad = append(bad, hostileIn(v.Index(i), at+"[]")...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			bad = append(bad, hostileIn(k, at+" key")...)
			bad = append(bad, hostileIn(v.MapIndex(k), at+".value")...)
		}
	case reflect.Struct:
		if when, ok := v.Interface().(time.Time); ok {
			if _, err := when.MarshalJSON(); err != nil {
				bad = append(bad, at+": "+err.Error())
			}
			return bad
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				bad = append(bad, hostileIn(v.Field(i), at+"."+f.Name)...)
			}
		}
	}
	return bad
}

// TestANodesOwnListSaysRunning: /nodes/{node}/tasks has a word in the place that
// /cluster/tasks leaves out.
func TestANodesOwnListSaysRunning(t *testing.T) {
	const upid = `"upid":"UPID:pve1:00000001:00000002:60000000:vzstart:100:root@pam:"`
	_, c := served(t, data(`[{`+upid+`,"status":"RUNNING"},{`+upid+`,"status":"OK","endtime":1610612800}]`))
	l, err := c.NodeTasks(t.Context(), "pve1", TaskFilter{Running: true})
	if err != nil || len(l.Rows) != 2 || !l.Rows[0].Running() || l.Rows[1].Running() || !l.Rows[1].OK() {
		t.Errorf("%+v %v", l.Rows, err)
	}
}

// TestAnswersOfAnotherShape: what is asked for is not there at all, and that is
// said in place of an empty answer.
func TestAnswersOfAnotherShape(t *testing.T) {
	for _, body := range []string{`"x"`, `7`, `["x"]`, `null`, `true`} {
		_, c := served(t, data(body))
		_, err := c.Permissions(t.Context())
		wants(t, err, problem.Garbled)
		_, err = c.JoinInfo(t.Context())
		wants(t, err, problem.Garbled)
	}
	_, c := served(t, data(`[]`))
	if p, err := c.Permissions(t.Context()); err != nil || len(p) != 0 {
		t.Errorf("an empty list for nothing granted: %v %v", p, err)
	}
	_, c = served(t, data(`{"status":"running","cpus":1}`))
	if g, err := c.Current(t.Context(), "pve1", 100); err != nil || g.VMID != 100 {
		t.Errorf("a state that does not repeat the VMID: %+v %v", g, err)
	}
}
