package store_test

import (
	"fmt"
	"testing"

	"berth/internal/audit"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// Whoever changes the trail past Berth is found out, with the place.
func TestBrokenTrail(t *testing.T) {
	const entries = 6
	for name, c := range map[string]struct {
		statement string
		want      int64
	}{
		"untouched":          {"UPDATE audit_entries SET detail = detail", 0},
		"detail changed":     {"UPDATE audit_entries SET detail = 'nothing' WHERE seq = 3", 3},
		"person changed":     {"UPDATE audit_entries SET actor = 'root@pam' WHERE seq = 1", 1},
		"owner changed":      {"UPDATE audit_entries SET owner = 'bob' WHERE seq = 4", 4},
		"time changed":       {"UPDATE audit_entries SET made_at = made_at + 1 WHERE seq = 2", 2},
		"hash changed":       {"UPDATE audit_entries SET hash = prev WHERE seq = 5", 5},
		"link changed":       {"UPDATE audit_entries SET prev = hash WHERE seq = 5", 5},
		"one removed":        {"DELETE FROM audit_entries WHERE seq = 3", 3},
		"the first removed":  {"DELETE FROM audit_entries WHERE seq = 1", 1},
		"the last removed":   {"DELETE FROM audit_entries WHERE seq = 6", 6},
		"all removed":        {"DELETE FROM audit_entries", 1},
		"the end moved back": {"UPDATE audit_head SET hash = (SELECT e.hash FROM audit_entries e WHERE e.seq = 5)", 6},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o store.Options) {
				s := storetest.Open(t, o)
				for i := range entries {
					if _, err := s.Audit(t.Context(), audit.Entry{Owner: "alice", Actor: "alice@pve", Detail: fmt.Sprint("entry ", i)}); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Exec(t.Context(), c.statement); err != nil {
					t.Fatal(err)
				}
				whole := int64(entries)
				if c.want > 0 {
					whole = c.want - 1
				}
				if n, broken, err := s.VerifyAudit(t.Context()); err != nil || broken != c.want || n != whole {
					t.Errorf("%d entries, broken at %d, want %d, %d (%v)", n, broken, whole, c.want, err)
				}
			})
		})
	}
}

// More entries than one page of the walk has.
func TestLongTrail(t *testing.T) {
	s := storetest.New(t, nil)
	for i := range 1050 {
		if _, err := s.Audit(t.Context(), audit.Entry{Detail: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, broken, err := s.VerifyAudit(t.Context()); err != nil || broken != 0 {
		t.Errorf("broken at %d (%v)", broken, err)
	}
	if err := s.Exec(t.Context(), "UPDATE audit_entries SET subject = 'x' WHERE seq = 1001"); err != nil {
		t.Fatal(err)
	}
	if _, broken, err := s.VerifyAudit(t.Context()); err != nil || broken != 1001 {
		t.Errorf("broken at %d, want 1001 (%v)", broken, err)
	}
}
