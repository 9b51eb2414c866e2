package pvesim

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const sharedPVE = "../../../shared/pve/"

// shared opens one of the files of real data, or skips the test.
func shared(t *testing.T, name string) *bufio.Reader {
	t.Helper()
	f, err := os.Open(sharedPVE + name)
	if err != nil {
		t.Skipf("the official data is not here: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return bufio.NewReaderSize(z, 1<<20)
}

type officialParam struct {
	Type      string
	Optional  any
	Format    any
	Enum      []string
	Pattern   string
	Minimum   any // now and then written as a string
	Maximum   any
	MaxLength int
	MinLength int
	Requires  string
}

type officialMethod struct {
	Parameters  struct{ Properties map[string]officialParam }
	Protected   int
	ProxyTo     string
	Permissions struct {
		User  string
		Check []any
	}
}

// newer are parameters that PVE 8 does not know; updateToken refuses the one
// that is ours.
var newer = map[string][]string{"PUT /access/users/{userid}/token/{tokenid}": {"regenerate", "delete"}}

func TestTableFollowsTheOfficialSchema(t *testing.T) {
	for _, version := range []string{"9.2", "8.4.5"} {
		var official map[string]officialMethod
		if err := json.NewDecoder(shared(t, "apischema-lxc-"+version+".json.gz")).Decode(&official); err != nil {
			t.Fatal(err)
		}
		compared := 0
		for method, byLength := range table {
			for _, list := range byLength {
				for _, ep := range list {
					key := method + " " + ep.path
					m, there := official[key]
					if !there || ep.open {
						continue
					}
					compared++
					compareEndpoint(t, version, key, ep, m)
				}
			}
		}
		if compared < 25 {
			t.Errorf("only %d endpoints are in the schema of %s", compared, version)
		}
	}
}

func compareEndpoint(t *testing.T, version, key string, ep *endpoint, m officialMethod) {
	if ep.protected != (m.Protected == 1) || ep.onNode != (m.ProxyTo == "node") {
		t.Errorf("%s %s: protected %v, on node %v; official %v, %q", version, key, ep.protected, ep.onNode, m.Protected, m.ProxyTo)
	}
	if want := officialPermission(m); want != "" && want != permissionText(ep.perm) {
		t.Errorf("%s %s: permission %s; official %s", version, key, permissionText(ep.perm), want)
	}
	ours := map[string]bool{}
	for _, p := range ep.params {
		ours[p.name] = true
		o, there := m.Parameters.Properties[p.name]
		if !there {
			if version == "9.2" && !p.gone || version != "9.2" && p.since == 0 && !slices.Contains(newer[key], p.name) {
				t.Errorf("%s %s: parameter %s is not official", version, key, p.name)
			}
			continue
		}
		if diff := compareParam(p, o, version); diff != "" {
			t.Errorf("%s %s %s: %s", version, key, p.name, diff)
		}
	}
	for name := range m.Parameters.Properties {
		if !ours[name] {
			t.Errorf("%s %s: official parameter %s is missing", version, key, name)
		}
	}
}

func compareParam(p param, o officialParam, version string) string {
	var diff []string
	note := func(what string, ours, theirs any) {
		if !reflect.DeepEqual(ours, theirs) {
			diff = append(diff, fmt.Sprintf("%s %v, official %v", what, ours, theirs))
		}
	}
	note("type", p.typ, o.Type)
	note("optional", p.optional, fmt.Sprint(o.Optional) == "1")
	format, _ := o.Format.(string)
	note("format", p.format, format)
	if parts, ok := o.Format.(map[string]any); ok {
		diff = append(diff, compareParts(p, parts, version)...)
	} else if p.props != nil {
		diff = append(diff, "has parts, officially none")
	}
	major := 8
	if version == "9.2" {
		major = 9
	}
	note("enum", append([]string{}, p.allowed(major)...), append([]string{}, o.Enum...))
	note("pattern", p.pattern, o.Pattern)
	note("max length", p.maxLen, o.MaxLength)
	note("min length", p.minLen, o.MinLength)
	note("requires", p.requires, o.Requires)
	note("minimum", bounded(p.min), officialBound(o.Minimum))
	note("maximum", bounded(p.max), officialBound(o.Maximum))
	return strings.Join(diff, "; ")
}

// compareParts is for the properties within a value.
func compareParts(p param, official map[string]any, version string) (diff []string) {
	ours := map[string]bool{}
	for _, part := range p.props {
		ours[part.name] = true
		raw, there := official[part.name]
		if !there {
			if version == "9.2" || part.since == 0 {
				diff = append(diff, "part "+part.name+" is not official")
			}
			continue
		}
		var o struct {
			officialParam
			DefaultKey int `json:"default_key"`
		}
		b, _ := json.Marshal(raw)
		if err := json.Unmarshal(b, &o); err != nil {
			return append(diff, err.Error())
		}
		if d := compareParam(part, o.officialParam, version); d != "" || part.isPart != (o.DefaultKey == 1) {
			diff = append(diff, part.name+": "+d)
		}
	}
	for name := range official {
		if !ours[name] {
			diff = append(diff, "part "+name+" is missing")
		}
	}
	return diff
}

func bounded(n *int64) string {
	if n == nil {
		return "<nil>"
	}
	return strconv.FormatInt(*n, 10)
}

func officialBound(n any) string {
	if f, ok := n.(float64); ok {
		return strconv.FormatInt(int64(f), 10)
	}
	return fmt.Sprint(n)
}

func permissionText(p permission) string {
	switch p.kind {
	case "world", "all":
		return p.kind
	case "perm":
		return "perm " + p.path + " " + strings.Join(p.privs, ",")
	case "perm-any":
		return "perm " + p.path + " " + strings.Join(p.privs, ",") + " any"
	case "perm-modify":
		return "perm-modify " + p.path
	}
	return p.kind
}

// officialPermission is "" for the composite checks, which have a test of their
// own.
func officialPermission(m officialMethod) string {
	if m.Permissions.User != "" {
		return m.Permissions.User
	}
	switch check := m.Permissions.Check; {
	case len(check) == 2 && check[0] == "perm-modify":
		return fmt.Sprint("perm-modify ", check[1])
	case len(check) >= 3 && check[0] == "perm":
		var privs []string
		for _, p := range check[2].([]any) {
			privs = append(privs, p.(string))
		}
		text := fmt.Sprint("perm ", check[1], " ", strings.Join(privs, ","))
		if len(check) == 5 && check[3] == "any" {
			text += " any"
		}
		return text
	}
	return ""
}
