package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"berth/internal/store"
	"berth/internal/store/storetest"
)

func TestNewerSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, o store.Options) {
		s := newOwned(t, o)
		s.exec(t, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if again, err := store.Open(t.Context(), o); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("an older Berth opens it: %v, %v", again, err)
		}
		o.Beside = true
		if again, err := store.Open(t.Context(), o); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("an older command opens it: %v, %v", again, err)
		}
	})
}

func TestDataFolder(t *testing.T) {
	mode := func(t *testing.T, path string) fs.FileMode {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	t.Run("made", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "new", "data")
		storetest.Open(t, store.Options{Dir: dir, Keyring: storetest.Keyring(t)})
		if m := mode(t, dir); m != 0o700 {
			t.Errorf("folder %v", m)
		}
	})
	t.Run("narrowed", func(t *testing.T) {
		dir := t.TempDir()
		o := store.Options{Dir: dir, Keyring: storetest.Keyring(t)}
		s := storetest.Open(t, o)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for path, m := range map[string]fs.FileMode{dir: 0o755, filepath.Join(dir, store.FileName): 0o644} {
			if err := os.Chmod(path, m); err != nil {
				t.Fatal(err)
			}
		}
		storetest.Open(t, o)
		if m := mode(t, dir); m != 0o700 {
			t.Errorf("folder %v", m)
		}
		if m := mode(t, filepath.Join(dir, store.FileName)); m != 0o600 {
			t.Errorf("database %v", m)
		}
	})
	for name, make := range map[string]func(dir string) error{
		"others' things": func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o644), os.Chmod(dir, 0o755))
		},
		"everybody's": func(dir string) error { return os.Chmod(dir, 0o777|fs.ModeSticky) },
		"a file":      func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)) },
	} {
		t.Run("refused/"+name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "x")
			if err := errors.Join(os.Mkdir(dir, 0o700), make(dir)); err != nil {
				t.Fatal(err)
			}
			before := mode(t, dir)
			if _, err := store.Open(t.Context(), store.Options{Dir: dir, Keyring: storetest.Keyring(t)}); err == nil {
				t.Error("it is taken")
			}
			if m := mode(t, dir); m != before {
				t.Errorf("its mode was changed to %v", m)
			}
		})
	}
}

func TestDataFolderIsTakenByOne(t *testing.T) {
	o := store.Options{Dir: t.TempDir(), Keyring: storetest.Keyring(t)}
	s := newOwned(t, o)
	if _, err := store.Open(t.Context(), o); !errors.Is(err, store.ErrFolderInUse) {
		t.Errorf("a second Berth: %v", err)
	}
	o.Beside = true
	command := storetest.Open(t, o)
	if err := command.SetAdmin(t.Context(), s.alice.ID, true); err != nil {
		t.Errorf("a command beside a running Berth: %v", err)
	}
	if n, err := s.Administrators(t.Context()); err != nil || n != 1 {
		t.Errorf("what the command did is not seen: %d, %v", n, err)
	}
	if err := errors.Join(command.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	o.Beside = false
	storetest.Open(t, o)
}

// A reader that could write would wait for the writer, or make it wait.
func TestReadersCannotWrite(t *testing.T) {
	s := storetest.New(t, nil)
	if _, err := s.Reader().ExecContext(t.Context(), "DELETE FROM users"); err == nil {
		t.Error("a reader writes")
	}
}

// Readers go on while a write is under way.
func TestReadersDoNotWait(t *testing.T) {
	o := store.Options{Dir: t.TempDir(), Keyring: storetest.Keyring(t), Now: storetest.NewClock().Now}
	s := newOwned(t, o)
	storetest.Cluster(t, s.Store, s.alice.ID, "lab")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tx, err := s.Writer().BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE clusters SET name = 'under way'"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Clusters(ctx, string(s.alice.ID)); err != nil || len(got) != 1 || got[0].Name != "lab" {
		t.Errorf("while a write is under way: %v, %v", got, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
}

func TestNowhere(t *testing.T) {
	if _, err := store.Open(t.Context(), store.Options{}); err == nil {
		t.Error("a store without a place opens")
	}
	_, err := store.Open(t.Context(), store.Options{Database: "postgres://berth:hunter2@[broken"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a broken address: %v", err)
	}
}

func TestRemoteDatabaseProvesItself(t *testing.T) {
	for address, want := range map[string]bool{
		"postgres:///berth?host=/run/postgresql":                       true,
		"postgres://localhost/berth":                                   true,
		"postgres://127.0.0.1/berth?sslmode=disable":                   true,
		"postgres://[::1]/berth":                                       true,
		"postgres://db.example.org/berth?sslmode=verify-full":          true,
		"postgres://db.example.org/berth":                              false,
		"postgres://db.example.org/berth?sslmode=disable":              false,
		"postgres://db.example.org/berth?sslmode=prefer":               false,
		"postgres://db.example.org/berth?sslmode=require":              false,
		"postgres://db.example.org/berth?sslmode=verify-ca":            false,
		"postgres://localhost,db.example.org/berth":                    false,
		"postgres://a.example.org,b.example.org/x?sslmode=verify-full": true,
		"postgres://localhost.evil.example.org/berth":                  false,
		"postgres://192.0.2.1/berth":                                   false,
	} {
		config, err := pgx.ParseConfig(address)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if err := store.ProvesServer(config); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Whoever held a lease in a data folder is dead when the next Berth has its
// lock; with PostgreSQL it may be another replica. A command beside ends none.
func TestLeasesOfTheLastRun(t *testing.T) {
	onBoth(t, func(t *testing.T, o store.Options) {
		claim := func(s *store.Store, holder string) bool {
			t.Helper()
			won, err := s.Claim(t.Context(), "sign-in", holder, storetest.Start.Add(time.Minute), storetest.Start)
			if err != nil {
				t.Fatal(err)
			}
			return won
		}
		o.Keyring = storetest.Keyring(t)
		first := storetest.Open(t, o)
		if !claim(first, "the dead one") {
			t.Fatal("a free lease was not won")
		}
		beside := o
		beside.Beside = true
		if command := storetest.Open(t, beside); claim(command, "a command") {
			t.Error("a command beside took a lease away")
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if won := claim(storetest.Open(t, o), "the next one"); won != (o.Database == "") {
			t.Errorf("after a restart the lease was won: %v", won)
		}
	})
}
