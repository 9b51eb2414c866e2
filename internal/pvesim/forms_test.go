package pvesim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// forms is what all recorded answers of an endpoint have in common: for each
// kind of object the keys that are always there and the JSON types of each key.
type forms map[string]*form

type form struct {
	seen  int
	count map[string]int
	kinds map[string][]string
}

// formsOf learns from every recorded 200.
func formsOf(list []exchange) forms {
	f := forms{}
	for _, e := range list {
		ep, _ := lookup(e.Method, e.Path)
		if ep == nil || e.Status != 200 {
			continue
		}
		var body any
		if json.Unmarshal(e.Body, &body) == nil {
			f.learn(ep.method+" "+ep.path, body)
		}
	}
	return f
}

// learn walks a value; objects of a list are told apart by type and status.
func (f forms) learn(at string, v any) {
	walk(at, v, func(at string, o map[string]any) {
		if f[at] == nil {
			f[at] = &form{count: map[string]int{}, kinds: map[string][]string{}}
		}
		f[at].seen++
		for k, x := range o {
			f[at].count[k]++
			if kind := kindOf(x); !slices.Contains(f[at].kinds[k], kind) {
				f[at].kinds[k] = append(f[at].kinds[k], kind)
			}
		}
	})
}

func walk(at string, v any, visit func(at string, o map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		label := at
		for _, k := range []string{"type", "status"} {
			if s, ok := v[k].(string); ok && !strings.Contains(at, "tasks") {
				label += " " + k + "=" + s
			}
		}
		if strings.Contains(at, "permissions") || strings.Contains(at, ".cap") || strings.HasSuffix(at, ".tokens") {
			return // keyed by paths, privileges, names
		}
		visit(label, v)
		for k, x := range v {
			walk(at+"."+k, x, visit)
		}
	case []any:
		for _, x := range v {
			walk(at+"[]", x, visit)
		}
	}
}

// upidOf is what a UPID says of the task: its type and whose work it is.
func upidOf(v any) string {
	text, _ := v.(string)
	parts := strings.Split(text, ":")
	if len(parts) != 9 {
		return ""
	}
	return strings.Join(parts[5:7], ":")
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "list"
	}
	return "object"
}

// ours may be there without having been recorded, each for a reason.
var ours = []string{
	"lock", "tags", "pool", "template", "tokenid", // only when set
	"onboot", "protection", "hostname", "features", "startup", "description", "cpulimit", "net0", "swap",
	"secureboot", "pid", "email", "comment",
}

// compare wants each object of the answer to have the keys that such objects
// always have, no unknown ones, and the recorded types.
func (f forms) compare(t *testing.T, what string, e exchange, g got) {
	t.Helper()
	var have any
	if err := json.Unmarshal([]byte(g.body), &have); err != nil {
		t.Fatalf("%s: %v in %.200q", what, err, g.body)
	}
	var want any
	json.Unmarshal(e.Body, &want)
	w, h := want.(map[string]any)["data"], have.(map[string]any)["data"]
	if kindOf(w) != kindOf(h) {
		t.Errorf("%s: data is %s, recorded %s", what, kindOf(h), kindOf(w))
	}
	if a, b := upidOf(w), upidOf(h); a != b {
		t.Errorf("%s: a task %q, recorded %q", what, b, a)
	}
	ep, _ := lookup(e.Method, e.Path)
	problems := map[string]bool{}
	walk(ep.method+" "+ep.path, have, func(at string, o map[string]any) {
		known := f[at]
		if known == nil {
			return // such an object was never recorded here
		}
		for k, n := range known.count {
			if _, there := o[k]; !there && n == known.seen && !strings.HasPrefix(k, "pressure") && k != "hastate" { // every recorded VM was under HA
				problems[fmt.Sprintf("%s lacks %s", at, k)] = true
			}
		}
		for k, v := range o {
			kinds := known.kinds[k]
			if len(kinds) == 0 && !slices.Contains(ours, k) {
				problems[fmt.Sprintf("%s has %s, never recorded", at, k)] = true
			}
			if len(kinds) > 0 && !slices.Contains(kinds, kindOf(v)) && !strings.HasPrefix(k, "pressure") {
				problems[fmt.Sprintf("%s.%s is %s, recorded %v", at, k, kindOf(v), kinds)] = true
			}
		}
	})
	for p := range problems {
		t.Errorf("%s: %s", what, p)
	}
}
