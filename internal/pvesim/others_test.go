package pvesim

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// recordedElsewhere are answers of other people's nodes, of which less is known.
func recordedElsewhere(t *testing.T) []exchange {
	t.Helper()
	var list []exchange
	for _, o := range decodeAll[struct {
		Method, Path, Req string
		Query             any
		Status            any
		Body              json.RawMessage
	}](t, "recorded-permissive.jsonl.gz") {
		if fmt.Sprint(o.Status) != "200" {
			continue
		}
		query := map[string]any{}
		if text, ok := o.Query.(string); ok {
			parsed, _ := url.ParseQuery(text)
			for k := range parsed {
				query[k] = parsed.Get(k)
			}
		}
		form := map[string]any{}
		if parsed, err := url.ParseQuery(o.Req); err == nil && o.Method != "GET" {
			for k := range parsed {
				form[k] = parsed.Get(k)
			}
		}
		list = append(list, exchange{Method: o.Method, Path: o.Path, Query: query, Form: form, Status: 200, Body: o.Body})
	}
	return list
}

// TestOthersAnswerAlike plays what was recorded on other people's nodes, of
// which only the form is known.
func TestOthersAnswerAlike(t *testing.T) {
	list := recordedElsewhere(t)
	forms := formsOf(append(recordedLive(t), list...))
	played := 0
	for i, e := range list {
		ep, _ := lookup(e.Method, e.Path)
		parts := strings.Split(e.Path, "/")
		if ep == nil || e.Path == "/access/ticket" || isOnlyKnown(ep) {
			continue
		}
		node := "pve"
		if parts[1] == "nodes" && len(parts) > 2 {
			node = parts[2]
		}
		played++
		t.Run(fmt.Sprintf("%03d", i), func(t *testing.T) {
			s := quick(t, Config{TaskTime: 0.0001, Clusters: []ClusterSpec{{Name: "other", Standalone: true, Nodes: []NodeSpec{{Name: node, Containers: 2, VMs: 1}},
				Storages: append([]StorageSpec{{ID: "local-zfs", Type: "zfspool", Content: []string{"images", "rootdir"}}}, usualStorages...)}}})
			st := &stage{t: t, sim: s, c: s.Cluster("other"), callers: map[string]*caller{}}
			n := st.c.Nodes()[0]
			secret := st.c.AddToken("root@pam", "sdk", TokenSpec{})
			st.callers["root "+n.Name()] = ask(t, n).token("root@pam!sdk", secret)
			e.As, e.Node = "root", n.Name()
			st.prepareContainer(e)
			if g := st.c.guests[9102]; g != nil {
				g.snaps = []*snapshot{{name: "itest1", at: s.now(), conf: g.conf}}
			}
			st.prepareTask(e)
			g := st.play(t, e)
			if g.status != 200 {
				t.Fatalf("%s %s: %d %s", e.Method, e.Path, g.status, g.reason)
			}
			forms.compare(t, e.Method+" "+e.Path, e, g)
		})
	}
	t.Logf("%d of %d recorded exchanges played", played, len(list))
}
