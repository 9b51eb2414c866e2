package store_test

import (
	"context"
	"reflect"
	"testing"

	"berth/internal/account"
	"berth/internal/store"
	"berth/internal/store/pgtest"
	"berth/internal/store/storetest"
)

// places are where a store can be.
var places = map[string]func(t *testing.T) store.Options{
	"sqlite":   func(t *testing.T) store.Options { return store.Options{Dir: t.TempDir()} },
	"postgres": func(t *testing.T) store.Options { return store.Options{Database: pgtest.URL(t)} },
}

// onBoth runs a test on either engine; PostgreSQL is left out, with the reason, where it is not installed.
func onBoth(t *testing.T, try func(t *testing.T, o store.Options)) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := place(t)
			o.Keyring, o.Now = storetest.Keyring(t), storetest.NewClock().Now
			try(t, o)
		})
	}
}

// TestContract runs the one suite on both engines.
func TestContract(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			if name == "postgres" && !pgtest.Available() {
				pgtest.URL(t) // skips with the reason
			}
			storetest.Run(t, place)
		})
	}
}

// The generated code binds arguments in the order of its parameters, whatever
// their order in the text is. Some SQLite drivers bind by appearance instead.
func TestBindingOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, o store.Options) {
		s := storetest.Open(t, o)
		for _, c := range []struct {
			text string
			args []any
			want []string
		}{
			{"SELECT CAST($2 AS TEXT), CAST($1 AS TEXT)", []any{"one", "two"}, []string{"two", "one"}},
			{"SELECT CAST($3 AS TEXT), CAST($1 AS TEXT), CAST($3 AS TEXT), CAST($2 AS TEXT)", []any{"one", "two", "three"}, []string{"three", "one", "three", "two"}},
			{"SELECT CAST($10 AS TEXT), CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS TEXT)",
				[]any{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}, []string{"10", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		} {
			got := make([]string, len(c.want))
			into := make([]any, len(got))
			for i := range got {
				into[i] = &got[i]
			}
			if err := s.Reader().QueryRowContext(t.Context(), c.text, c.args...).Scan(into...); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.text, got, c.want)
			}
		}
	})
}

// owned is a store with one of each thing that is sealed.
type owned struct {
	*store.Store
	alice, bob account.User
}

func newOwned(t *testing.T, o store.Options) owned {
	t.Helper()
	s := storetest.Open(t, o)
	host := storetest.Host(t, s, "home")
	return owned{s, storetest.User(t, s, host.ID, "alice@pve"), storetest.User(t, s, host.ID, "bob@pve")}
}

func (o owned) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if err := o.Exec(context.Background(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
