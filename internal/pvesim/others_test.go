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
		Method, Path string
		Query        any
		Status       any
		Body         json.RawMessage
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
		list = append(list, exchange{Method: o.Method, Path: o.Path, Query: query, Status: 200, Body: o.Body})
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
		if ep == nil || !ep.onNode && !strings.HasSuffix(e.Path, "rrddata") || len(parts) < 3 {
			continue
		}
		played++
		t.Run(fmt.Sprintf("%03d", i), func(t *testing.T) {
			s := quick(t, Config{TaskTime: 0.0001, Clusters: []ClusterSpec{{Name: "other", Standalone: true, Nodes: []NodeSpec{{Name: parts[2]}}}}})
			st := &stage{t: t, sim: s, c: s.Cluster("other"), callers: map[string]*caller{}}
			n := st.c.Nodes()[0]
			secret := st.c.AddToken("root@pam", "sdk", TokenSpec{})
			st.callers["root "+n.Name()] = ask(t, n).token("root@pam!sdk", secret)
			e.As, e.Node = "root", n.Name()
			st.prepareContainer(e)
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
