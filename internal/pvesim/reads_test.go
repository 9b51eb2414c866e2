package pvesim

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// row is one request of a table and what its answer holds.
type row struct {
	name, method, path string
	form               url.Values
	status             int
	words              string // in the body or the reason phrase
}

func (r row) try(t *testing.T, as *caller) {
	t.Run(r.name, func(t *testing.T) {
		c := *as
		c.t = t
		got := c.do(r.method, r.path, r.form)
		if got.status != r.status || !strings.Contains(got.body+got.reason, r.words) {
			t.Errorf("%s %s: %d %q %.600s, want %d with %q", r.method, r.path, got.status, got.reason, got.body, r.status, r.words)
		}
	})
}

// TestAnswersForProxmoxsOwnPage is the form that is always a 200: the page of
// Proxmox reads success and status in the body.
func TestAnswersForProxmoxsOwnPage(t *testing.T) {
	_, _, _, who := people(t)
	root := who.asRoot()
	root.t = t
	root.form = "extjs"
	for _, tc := range []struct {
		path  string
		holds []string
	}{
		{"version", []string{`"success":1`, `"version":"9.2`}},
		{"nodes/pve1/lxc/99/config", []string{`"success":0`, `"status":400`, `"errors":{"vmid":"invalid format`, `"message":"Parameter verification failed.\n"`}},
		{"nodes/pve1/lxc/9999/config", []string{`"success":0`, `"status":500`, `does not exist\n"`}},
		{"nosuch", []string{`"success":0`, `"status":501`, `"message":"Method 'GET /nosuch' not implemented"`}},
	} {
		got := root.get("/" + tc.path)
		for _, want := range tc.holds {
			if got.status != 200 || got.reason != "OK" || !strings.Contains(got.body, want) {
				t.Errorf("extjs %s: %d %q %s, want 200 with %s", tc.path, got.status, got.reason, got.body, want)
			}
		}
	}
	root.form = "htmljs"
	got := root.get("/version")
	if got.header.Get("Content-Type") != "text/html;charset=UTF-8" || !strings.Contains(got.body, "&#34;success&#34;:1") {
		t.Errorf("htmljs: %s %s", got.header.Get("Content-Type"), got.body)
	}
	none := ask(t, root.node)
	none.form = "extjs"
	if got := none.get("/version"); got.status != 401 || got.reason != "No ticket" {
		t.Errorf("nobody: %d %q; who asks is found out before the form counts", got.status, got.reason)
	}
}

func TestPools(t *testing.T) {
	_, _, _, who := people(t)
	root := who.asRoot()
	vmid := url.Values{"vms": {"100"}}
	for _, r := range []row{
		{"a new one", "POST", "/pools", url.Values{"poolid": {"crew"}, "comment": {"of ours"}}, 200, "null"},
		{"again", "POST", "/pools", url.Values{"poolid": {"crew"}}, 500, "create pool failed: pool 'crew' already exists"},
		{"an odd name", "POST", "/pools", url.Values{"poolid": {"a b"}}, 400, "value does not look like a valid pool name"},
		{"a member", "PUT", "/pools/crew", vmid, 200, "null"},
		{"a member again", "PUT", "/pools/crew", vmid, 500, "VM 100 is already a pool member"},
		{"its members", "GET", "/pools/crew", nil, 200, `"id":"lxc/100"`},
		{"not empty", "DELETE", "/pools/crew", nil, 500, "pool 'crew' is not empty (contains VM 100)"},
		{"out of it", "PUT", "/pools?poolid=crew", url.Values{"vms": {"100"}, "delete": {"1"}}, 200, "null"},
		{"out again", "PUT", "/pools/crew", url.Values{"vms": {"100"}, "delete": {"1"}}, 500, "VM 100 is not a pool member"},
		{"the list", "GET", "/pools", nil, 200, `"of ours"`},
		{"away", "DELETE", "/pools?poolid=crew", nil, 200, "null"},
		{"none", "GET", "/pools/crew", nil, 500, "pool 'crew' does not exist"},
	} {
		r.try(t, root)
	}
}

func TestAccounts(t *testing.T) {
	_, _, c, who := people(t)
	root := who.asRoot()
	c.groups["crew"] = map[string]bool{}
	for _, r := range []row{
		{"a new one", "POST", "/access/users", url.Values{"userid": {"ida@pve"}, "password": {"secret-1"}, "comment": {"new"}}, 200, "null"},
		{"again", "POST", "/access/users", url.Values{"userid": {"ida@pve"}}, 500, "create user failed: user 'ida@pve' already exists"},
		{"no such realm", "POST", "/access/users", url.Values{"userid": {"ida@moon"}}, 500, "create user failed: domain 'moon' does not exist"},
		{"no such group", "PUT", "/access/users/ida@pve", url.Values{"groups": {"elders"}}, 500, "group 'elders' does not exist"},
		{"into a group", "PUT", "/access/users/ida@pve", url.Values{"groups": {"crew"}, "firstname": {"Ida"}}, 200, "null"},
		{"append by itself", "PUT", "/access/users/ida@pve", url.Values{"append": {"1"}}, 400, "missing property - 'append' requires this property"},
		{"what is known", "GET", "/access/users/ida@pve", nil, 200, `"groups":["crew"]`},
		{"away", "DELETE", "/access/users/ida@pve", nil, 200, "null"},
		{"none", "GET", "/access/users/ida@pve", nil, 500, "no such user ('ida@pve')"},
		{"tokens of none", "GET", "/access/users/ida@pve/token", nil, 403, "Permission check failed"},
	} {
		r.try(t, root)
	}
	anna, _ := who.login("anna@pve", "pw-anna")
	row{"by an auditor", "POST", "/access/users", url.Values{"userid": {"x@pve"}}, 403, "Permission check failed (/access/realm/pve, Realm.AllocateUser)"}.try(t, anna)
}

func TestDatacenterOptions(t *testing.T) {
	_, _, _, who := people(t)
	root := who.asRoot()
	for _, r := range []row{
		{"parts", "PUT", "/cluster/options", url.Values{"tag-style": {"ordering=config,color-map=prod:FF0000"}, "description": {"ours"}}, 200, "null"},
		{"parts come as an object", "GET", "/cluster/options", nil, 200, `"color-map":"prod:FF0000"`},
		{"a part that is none", "PUT", "/cluster/options", url.Values{"tag-style": {"colour=red"}}, 400, "tag-style.colour: property is not defined in schema"},
		{"a color that is none", "PUT", "/cluster/options", url.Values{"tag-style": {"color-map=prod:red"}}, 400, "tag-style.color-map: value does not match the regex pattern"},
		{"the first part by itself", "PUT", "/cluster/options", url.Values{"migration": {"insecure"}}, 200, "null"},
		{"away", "PUT", "/cluster/options", url.Values{"delete": {"tag-style"}}, 200, "null"},
	} {
		r.try(t, root)
	}
}

// TestEveryReadAnswers asks every GET of the table of a cluster with everything
// in it, on both versions: none may break, none may take its own parameters for
// unknown ones.
func TestEveryReadAnswers(t *testing.T) {
	s := quick(t, Config{Seed: 4})
	values := strings.NewReplacer("{vmid}", "914", "{userid}", "root@pam", "{tokenid}", "x", "{roleid}", "PVEAdmin", "{realm}", "pam", "{poolid}", "p", "{storage}", "local",
		"{volume}", "vztmpl/"+usualTemplates[0], "{iface}", "vmbr0", "{snapname}", "s", "{upid}", "UPID:x:00000001:00000001:00000001:a:b:root@pam:")
	for _, c := range s.Clusters() {
		n := c.Nodes()[0]
		c.AddToken("root@pam", "x", TokenSpec{Secret: "s"})
		caller := ask(t, n).token("root@pam!x", "s")
		for _, group := range allEndpoints() {
			for _, ep := range group {
				if ep.method != "GET" || ep.since > c.major || isOnlyKnown(&ep) {
					continue
				}
				path := values.Replace(strings.ReplaceAll(ep.path, "{node}", n.Name()))
				query := url.Values{}
				for _, p := range ep.params {
					if !p.optional && !strings.Contains(ep.path, "{"+p.name+"}") {
						query.Set(p.name, slices.Concat(p.enum, []string{"local:vztmpl/" + usualTemplates[0]})[0])
					}
				}
				if got := caller.get(path + "?" + query.Encode()); got.status == 400 && strings.Contains(got.body, "property is") || got.status == 501 || got.status == 401 || got.status == 403 {
					t.Errorf("%s %s: %d %q %s", c.Version(), path, got.status, got.reason, got.body)
				}
			}
		}
	}
}

func isOnlyKnown(ep *endpoint) bool {
	return slices.ContainsFunc(known, func(k endpoint) bool { return k.method == ep.method && k.path == ep.path })
}

// TestWhatIsOnlyKnown is refused as by Proxmox as far as that goes.
func TestWhatIsOnlyKnown(t *testing.T) {
	_, _, _, who := people(t)
	anna, _ := who.login("anna@pve", "pw-anna")
	row{"without the right", "POST", "/nodes/pve1/lxc/100/termproxy", url.Values{}, 403, "Permission check failed (/vms/100, VM.Console)"}.try(t, anna)
	root := who.asRoot()
	for _, r := range []row{
		{"a node that is none", "GET", "/nodes/pve9/query-url-metadata", nil, 500, "hostname lookup 'pve9' failed"},
		{"nothing of what it needs", "GET", "/nodes/pve1/query-url-metadata", nil, 400, `"url":"property is missing and it is not optional"`},
		{"another kind of address", "GET", "/nodes/pve1/query-url-metadata?url=ftp%3A%2F%2Fx", nil, 400, `"url":"value does not match the regex pattern"`},
		{"the rest", "GET", "/nodes/pve1/query-url-metadata?url=https%3A%2F%2Fx", nil, 501, "Method 'GET /nodes/pve1/query-url-metadata' not implemented"},
		{"what is known of one version", "GET", "/nodes/pve1/storage/local/identity", nil, 501, "not implemented"},
		{"the wrong method", "DELETE", "/version", nil, 501, "Method 'DELETE /version' not implemented"},
	} {
		r.try(t, root)
	}
}

// TestOfficialCallsAreKnown: of the official API no call is taken for an unknown
// path.
func TestOfficialCallsAreKnown(t *testing.T) {
	for _, version := range []string{"9.2", "8.4.5"} {
		var official map[string]officialMethod
		if err := json.NewDecoder(shared(t, "apischema-lxc-"+version+".json.gz")).Decode(&official); err != nil {
			t.Fatal(err)
		}
		for key := range official {
			method, path, _ := strings.Cut(key, " ")
			if ep, _ := lookup(method, path); ep == nil {
				t.Errorf("%s: %s is not in the table", version, key)
			}
		}
	}
}
