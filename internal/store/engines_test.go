package store_test

import (
	"testing"

	"berth/internal/store"
	"berth/internal/store/pgtest"
	"berth/internal/store/storetest"
)

// TestContract runs the one suite on both engines.
func TestContract(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Options { return store.Options{Dir: t.TempDir()} })
	})
	t.Run("postgres", func(t *testing.T) {
		if !pgtest.Available() {
			pgtest.URL(t) // skips with the reason
		}
		storetest.Run(t, func(t *testing.T) store.Options { return store.Options{Database: pgtest.URL(t)} })
	})
}
