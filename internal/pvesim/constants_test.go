package pvesim

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestRecordedConstants wants the very values of what is the same on every node
// of a version: roles, directories, defaults. Lists come in any order.
func TestRecordedConstants(t *testing.T) {
	constant := []string{"cluster-index", "node-index", "lxc-index", "lxc-status-index", "storage-index", "node-scan", "cluster-jobs", "cluster-notifications-endpoints", "cluster-bulk-action",
		"roles", "role", "domains-no-login", "version", "node-vzdump-defaults", "task-index", "cluster-firewall-options", "lxc-firewall-options", "cluster-backup", "cluster-replication", "cluster-ha-resources",
		"node-replication", "node-firewall-rules", "node-config"}
	st := newStage(t, true)
	played := map[string]bool{}
	for _, e := range recordedLive(t) {
		if !slices.Contains(constant, e.Case) || e.Status != 200 {
			continue
		}
		played[e.Case] = true
		t.Run(e.Case, func(t *testing.T) {
			st.t = t
			st.prepareContainer(e)
			st.prepareTask(e)
			got := st.play(t, e)
			var want, have struct{ Data any }
			if err := json.Unmarshal(e.Body, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(got.body), &have); err != nil {
				t.Fatalf("%v in %s", err, got.body)
			}
			if w, h := inOrder(t, want.Data), inOrder(t, have.Data); !reflect.DeepEqual(w, h) {
				t.Errorf("%s %s: %v, recorded %v", e.Method, e.Path, h, w)
			}
		})
	}
	for _, name := range constant {
		if !played[name] {
			t.Errorf("%s is not among the recordings", name)
		}
	}
}

// inOrder sorts a list by what its elements are as JSON.
func inOrder(t *testing.T, v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	text := func(x any) string {
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	return list
}
