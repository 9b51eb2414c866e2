package pve

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/secret"
)

// method is what the official schema says of one call.
type method struct {
	AllowToken any `json:"allowtoken"`
	Parameters struct {
		Properties map[string]struct {
			Optional  any    `json:"optional"`
			Type      string `json:"type"`
			Pattern   string `json:"pattern"`
			MaxLength any    `json:"maxLength"`
		} `json:"properties"`
	} `json:"parameters"`
}

func schema(t *testing.T, file string) map[string]method {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "pve", file))
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.Open(filepath.Join("..", "..", "..", "..", "shared", "pve", file))
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("left out: the official schema (%s) is not beside the project", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]method{}
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// unlisted are calls that the file does not have, though Proxmox does.
var unlisted = map[string]bool{
	"GET /cluster/config/join": true, "GET /nodes/{node}/certificates/info": true, "GET /nodes/{node}/apt/versions": true,
}

// TestEveryCallFitsTheSchema makes each call once and compares what was sent with the official schema.
func TestEveryCallFitsTheSchema(t *testing.T) {
	f, _ := served(t, func(w io.Writer, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/access/ticket") {
			return answer(w, 200, "OK", `{"data":{"username":"root@pam","ticket":"PVE:x","CSRFPreventionToken":"y"}}`)
		}
		return answer(w, 200, "OK", `{"data":null}`)
	})
	a := authority.Authority{Addresses: []authority.Address{f.address("pve1")}, Trust: authority.Trust{Mode: authority.LeafPin, Fingerprint: f.address("").Leaf}}
	c, ctx := client(t, a), t.Context()

	_, _ = c.Version(ctx)
	_, _ = c.NodeVersion(ctx, "pve1")
	_, _ = c.Domains(ctx)
	_, _ = c.SignIn(ctx, "root@pam", secret.New("x"))
	_, _ = c.AnswerTFA(ctx, "root@pam", secret.New("PVE:!tfa!{}:0::x"), account.TOTP, secret.New("123456"))
	_, _ = c.Renew(ctx, "root@pam", secret.New("PVE:x"))
	_, _ = c.Permissions(ctx)
	_, _ = c.Roles(ctx)
	_ = c.CreateRole(ctx, "BerthLook", []string{"VM.Audit"})
	_ = c.DeleteRole(ctx, "BerthLook")
	_, _ = c.CreateToken(ctx, "root@pam", "berth", "comment", time.Unix(1800000000, 0))
	_, _ = c.HasToken(ctx, "root@pam", "berth")
	_ = c.DeleteToken(ctx, "root@pam", "berth")
	_ = c.PutACL(ctx, ACL{Path: "/vms/100", Role: "BerthLook", Token: "root@pam!berth", Propagate: true})
	_, _ = c.ClusterStatus(ctx)
	_, _ = c.ClusterTasks(ctx)
	_, _ = c.Resources(ctx)
	_, _ = c.JoinInfo(ctx)
	_, _ = c.Nodes(ctx)
	_, _ = c.NodeStatus(ctx, "pve1")
	_, _ = c.NodeLXC(ctx, "pve1")
	_, _ = c.Current(ctx, "pve1", 100)
	_, _ = c.Interfaces(ctx, "pve1", 100)
	u, err := ParseUPID("UPID:pve1:000001CB:00052529:6B048199:vzcreate:100:root@pam!berth:")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Start(ctx, "pve1", 100)
	_, _ = c.Stop(ctx, "pve1", 100)
	_, _ = c.Shutdown(ctx, "pve1", 100, PowerOptions{Timeout: 90 * time.Second, Force: true})
	_, _ = c.Reboot(ctx, "pve1", 100, time.Minute)
	_, _ = c.Suspend(ctx, "pve1", 100)
	_, _ = c.Resume(ctx, "pve1", 100)
	_, _ = c.Destroy(ctx, "pve1", 100, DestroyOptions{Purge: true, UnreferencedDisks: true})
	_, _ = c.TaskStatus(ctx, u)
	_, _, _ = c.TaskLog(ctx, u, 10, 20)
	_, _ = c.NodeTasks(ctx, "pve1", TaskFilter{VMID: 100, Type: "vzstart", Since: time.Unix(1800000000, 0), Failed: true, Running: true, Start: 5, Limit: 10})
	_, _ = c.Config(ctx, "pve1", 100)
	_, _ = c.Pending(ctx, "pve1", 100)
	_, _ = c.History(ctx, "pve1", 100, fleet.Week)
	_, _ = c.CertificatesInfo(ctx, "pve1")
	_, _ = c.AptVersions(ctx, "pve1")

	sent := f.seen()
	const calls = 38
	if len(sent) != calls {
		t.Fatalf("%d requests for %d calls", len(sent), calls)
	}
	for _, file := range []string{"apischema-lxc-9.2.json.gz", "apischema-lxc-8.4.5.json.gz"} {
		t.Run(file, func(t *testing.T) {
			all := schema(t, file)
			for _, r := range sent {
				checkRequest(t, all, r)
			}
		})
	}
}

var placeholder = regexp.MustCompile(`\\\{(\w+)\\\}`)

// checkRequest finds the request's call in the schema and checks its parameters.
func checkRequest(t *testing.T, all map[string]method, r *http.Request) {
	t.Helper()
	path := strings.TrimPrefix(r.URL.Path, "/api2/json")
	name, values := find(all, r.Method, path)
	if name == "" {
		for known := range unlisted {
			if m, p, _ := strings.Cut(known, " "); m == r.Method && pathPattern(p).MatchString(path) {
				return
			}
		}
		t.Errorf("%s %s is not in the schema", r.Method, path)
		return
	}
	properties := all[name].Parameters.Properties
	for k, v := range r.Form {
		values[k] = v
	}
	for k, v := range values {
		p, ok := properties[k]
		if !ok {
			t.Errorf("%s: no parameter %s", name, k)
			continue
		}
		if p.Type == "boolean" && v[0] != "0" && v[0] != "1" {
			t.Errorf("%s: %s=%s is no boolean of a form", name, k, v[0])
		}
		if p.Pattern != "" && !perl(p.Pattern).MatchString(v[0]) {
			t.Errorf("%s: %s=%s does not fit %s", name, k, v[0], p.Pattern)
		}
	}
	for k, p := range properties {
		if _, ok := values[k]; !ok && (p.Optional == nil || p.Optional == float64(0) || p.Optional == "0") {
			t.Errorf("%s: %s is missing", name, k)
		}
	}
}

// perl reads a pattern of the schema as Go's.
func perl(s string) *regexp.Regexp {
	return regexp.MustCompile(`^(?:` + strings.ReplaceAll(s, "(?^:", "(?:") + `)$`)
}

func pathPattern(p string) *regexp.Regexp {
	return regexp.MustCompile("^" + placeholder.ReplaceAllString(regexp.QuoteMeta(p), `(?P<$1>[^/]+)`) + "$")
}

func find(all map[string]method, verb, path string) (name string, values url.Values) {
	for known := range all {
		m, p, _ := strings.Cut(known, " ")
		if m != verb {
			continue
		}
		re := pathPattern(p)
		found := re.FindStringSubmatch(path)
		if found == nil || name != "" && strings.Contains(known, "{") && !strings.Contains(name, "{") {
			continue
		}
		name, values = known, url.Values{}
		for i, group := range re.SubexpNames() {
			if group != "" {
				values.Set(group, found[i])
			}
		}
	}
	return name, values
}
