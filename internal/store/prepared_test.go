package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"berth/internal/audit"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// Prepared queries are used by many at once, and one that its caller gave up
// leaves nothing behind that others would meet.
func TestPreparedQueriesAreShared(t *testing.T) {
	s := storetest.Open(t, store.Options{Dir: t.TempDir(), Keyring: storetest.Keyring(t), Now: time.Now})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Audit(gone, audit.Entry{Owner: "ann", Kind: audit.SignIn}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if _, err := s.AuditEntries(gone, audit.Filter{Owner: "ann"}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	write := func(n int) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				if _, err := s.Audit(t.Context(), audit.Entry{Owner: "ann", Kind: audit.SignIn, Detail: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
				if _, err := s.AuditEntries(t.Context(), audit.Filter{Owner: "ann"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	write(20)
	write(20)
	if entries, broken, err := s.VerifyAudit(t.Context()); entries != 40 || broken != 0 || err != nil {
		t.Errorf("%d entries, broken at %d, %v", entries, broken, err)
	}
}
