package pvesim

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestRecordedRights wants the very privileges that were recorded, and the
// capabilities of a ticket.
func TestRecordedRights(t *testing.T) {
	for _, e := range recordedLive(t) {
		rights := strings.Contains(e.Case, "permissions") || strings.HasPrefix(e.Case, "ticket-good")
		if !rights || e.Status != 200 {
			continue
		}
		t.Run(e.Case+" "+e.As, func(t *testing.T) {
			st := newStage(t, true)
			st.prepare(e)
			got := st.play(t, e)
			var want, have struct{ Data map[string]any }
			if err := json.Unmarshal(e.Body, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(got.body), &have); err != nil {
				t.Fatalf("%v in %s", err, got.body)
			}
			for _, m := range [][2]map[string]any{{want.Data, have.Data}, {have.Data, want.Data}} {
				for path := range m[0] {
					if _, both := m[1][path]; !both && strings.HasPrefix(path, "/vms/") { // the pool's members were others
						delete(m[0], path)
					}
				}
			}
			w, h := any(want.Data), any(have.Data)
			if c := want.Data["cap"]; c != nil {
				w, h = c, have.Data["cap"]
			}
			if !reflect.DeepEqual(w, h) {
				t.Errorf("%s %v: %v, recorded %v", e.Path, e.Query, h, w)
			}
		})
	}
}
