package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/account"
	"berth/internal/authority"
	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/store"
	"berth/internal/store/storetest"
)

// Whoever can write to the database must not get Berth to send a secret
// elsewhere or to show it to another: an altered row does not open.
func TestAlteredRowsDoNotOpen(t *testing.T) {
	const elsewhere = `{"addresses":[{"host":"evil.example.org","port":8006}],"trust":{"mode":"leaf","fingerprint":"AA"}}`
	for name, statement := range map[string]string{
		"owner":                   "UPDATE clusters SET owner = $2, name_key = 'x' WHERE id = $1",
		"token id":                "UPDATE clusters SET token_id = 'root@pam!x' WHERE id = $1",
		"authority":               "UPDATE clusters SET authority = '" + elsewhere + "' WHERE id = $1",
		"secret of another row":   "UPDATE clusters SET secret = (SELECT c.secret FROM clusters c WHERE c.owner = $2) WHERE id = $1",
		"secret of another table": "UPDATE clusters SET secret = (SELECT s.ticket FROM sessions s) WHERE id = $1",
		"cut secret":              "UPDATE clusters SET secret = (SELECT k.hash FROM half_logins k) WHERE id = $1",
	} {
		t.Run("cluster/"+name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o store.Options) {
				s := newOwned(t, o)
				c := storetest.Cluster(t, s.Store, s.alice.ID, "lab")
				storetest.Cluster(t, s.Store, s.bob.ID, "lab")
				storetest.Session(t, s.Store, s.alice.ID, storetest.Start)
				putHalf(t, s)
				args := []any{string(c.ID)}
				if strings.Contains(statement, "$2") {
					args = append(args, string(s.bob.ID))
				}
				s.exec(t, statement, args...)
				for _, owner := range []account.UserID{s.alice.ID, s.bob.ID} {
					token, err := s.ClusterSecret(t.Context(), string(owner), c.ID)
					closed(t, token, err)
				}
			})
		})
	}
	for name, statement := range map[string]string{
		"user":                  "UPDATE sessions SET user_id = $2 WHERE id = $1",
		"id":                    "UPDATE sessions SET id = 'x' WHERE id = $1 AND user_id <> $2",
		"ticket of another row": "UPDATE sessions SET ticket = (SELECT s.ticket FROM sessions s WHERE s.user_id = $2) WHERE id = $1",
		"host's authority":      "UPDATE sign_in_hosts SET authority = '" + elsewhere + "' WHERE $1 <> $2",
	} {
		t.Run("ticket/"+name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o store.Options) {
				s := newOwned(t, o)
				v := storetest.Session(t, s.Store, s.alice.ID, storetest.Start)
				storetest.Session(t, s.Store, s.bob.ID, storetest.Start)
				s.exec(t, statement, v.ID, string(s.bob.ID))
				for _, id := range []string{v.ID, "x"} {
					ticket, err := s.Ticket(t.Context(), id)
					closed(t, ticket.Secret, err)
				}
			})
		})
	}
	for name, statement := range map[string]string{
		"user":             "UPDATE half_logins SET pve_user = 'root@pam'",
		"host's authority": "UPDATE sign_in_hosts SET authority = '" + elsewhere + "'",
	} {
		t.Run("challenge/"+name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o store.Options) {
				s := newOwned(t, o)
				putHalf(t, s)
				s.exec(t, statement)
				h, err := s.TakeTry(t.Context(), storetest.Hash("half"), storetest.Start)
				closed(t, h.Challenge, err)
			})
		})
	}
}

func putHalf(t *testing.T, s owned) {
	t.Helper()
	err := s.PutHalfLogin(t.Context(), account.HalfLogin{Hash: storetest.Hash("half"), Host: s.alice.Host, PVEUser: "alice@pve",
		Challenge: secret.New("PVE:!tfa!"), ExpiresAt: storetest.Start.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, text secret.Text, err error) {
	t.Helper()
	if err == nil || !text.Empty() {
		t.Error("it opens")
	}
	if !problem.Is(err, problem.NotFound) && !(problem.Is(err, problem.Locked) && errors.Is(err, secret.ErrAltered)) {
		t.Errorf("want it altered, got %v", err)
	}
}

// With another key, or none, SQLite opens locked and PostgreSQL not at all.
func TestOtherKey(t *testing.T) {
	for name, ring := range map[string]func(t *testing.T) *secret.Keyring{
		"another": func(t *testing.T) *secret.Keyring { return storetest.Keyring(t) },
		"none":    func(*testing.T) *secret.Keyring { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, o store.Options) {
				right := o.Keyring
				s := newOwned(t, o)
				c := storetest.Cluster(t, s.Store, s.alice.ID, "lab")
				v := storetest.Session(t, s.Store, s.alice.ID, storetest.Start)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				o.Keyring = ring(t)
				o.MakeKey = func() (*secret.Keyring, error) {
					t.Error("a key is made where secrets are")
					return storetest.Keyring(t), nil
				}
				if o.Database != "" {
					if _, err := store.Open(t.Context(), o); !problem.Is(err, problem.Locked) {
						t.Errorf("a replica starts: %v", err)
					}
					return
				}
				locked := storetest.Open(t, o)
				if p := locked.Locked(); p == nil || p.What == "" || p.Remedy == "" {
					t.Errorf("it does not say so: %v", p)
				}
				_, err := locked.ClusterSecret(t.Context(), string(s.alice.ID), c.ID)
				wantLocked(t, "a secret", err)
				_, err = locked.Ticket(t.Context(), v.ID)
				wantLocked(t, "a ticket", err)
				wantLocked(t, "a new ticket", locked.PutTicket(t.Context(), v.ID, secret.New("x"), storetest.Start))
				_, err = locked.Reseal(t.Context())
				wantLocked(t, "a rotation", err)
				moved := c
				moved.ID, moved.Name = "new", "new"
				wantLocked(t, "a new cluster", locked.CreateCluster(t.Context(), moved, secret.New("x")))
				moved = c
				moved.Authority = storetest.Authority("elsewhere")
				wantLocked(t, "a new address", locked.UpdateCluster(t.Context(), moved, nil))
				moved = c
				moved.Name = "attic" // what needs no secret goes on
				if err := locked.UpdateCluster(t.Context(), moved, nil); err != nil {
					t.Errorf("a new name: %v", err)
				}
				if all, err := locked.AllClusters(t.Context()); err != nil || len(all) != 1 {
					t.Errorf("clusters: %v, %v", all, err)
				}
				if err := locked.Close(); err != nil {
					t.Fatal(err)
				}
				o.Keyring = right
				again := storetest.Open(t, o)
				if token, err := again.ClusterSecret(t.Context(), string(s.alice.ID), c.ID); err != nil || token.Reveal() != "token of lab" {
					t.Errorf("with the right key again: %v", err)
				}
			})
		})
	}
}

func wantLocked(t *testing.T, what string, err error) {
	t.Helper()
	if !problem.Is(err, problem.Locked) {
		t.Errorf("%s: want it locked, got %v", what, err)
	}
}

func TestFirstKey(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, secret.KeyFileName)
		s := storetest.Open(t, store.Options{Dir: dir, MakeKey: func() (*secret.Keyring, error) { return secret.CreateKeyFile(path) }})
		if s.Locked() != nil {
			t.Fatalf("a new store is locked: %v", s.Locked())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		ring, _, err := secret.LoadKey(secret.File(path))
		if err != nil {
			t.Fatal(err)
		}
		if s = storetest.Open(t, store.Options{Dir: dir, Keyring: ring}); s.Locked() != nil || s.KeyID() != ring.KeyID() {
			t.Errorf("with the key from its file: %v", s.Locked())
		}
	})
	t.Run("postgres", func(t *testing.T) {
		o := places["postgres"](t)
		o.MakeKey = func() (*secret.Keyring, error) {
			t.Error("a replica makes a key of its own")
			return storetest.Keyring(t), nil
		}
		if _, err := store.Open(t.Context(), o); !problem.Is(err, problem.Locked) {
			t.Errorf("a replica starts without a key: %v", err)
		}
	})
}

func TestRotation(t *testing.T) {
	onBoth(t, func(t *testing.T, o store.Options) {
		old, next := secret.NewKey(), secret.NewKey()
		o.Keyring = storetest.Ring(t, old)
		s := newOwned(t, o)
		lab, edge := storetest.Cluster(t, s.Store, s.alice.ID, "lab"), storetest.Cluster(t, s.Store, s.bob.ID, "edge")
		v := storetest.Session(t, s.Store, s.alice.ID, storetest.Start)
		putHalf(t, s)
		reopen := func(keys ...secret.Text) *store.Store {
			t.Helper()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			o.Keyring = storetest.Ring(t, keys...)
			s.Store = storetest.Open(t, o)
			return s.Store
		}
		check := func(when string) {
			t.Helper()
			for _, c := range []fleet.Cluster{lab, edge} {
				if token, err := s.ClusterSecret(t.Context(), c.Owner, c.ID); err != nil || token.Reveal() != "token of "+c.Name {
					t.Errorf("%s: the secret of %s: %v", when, c.Name, err)
				}
			}
			if ticket, err := s.Ticket(t.Context(), v.ID); err != nil || ticket.Secret.Reveal() != "PVE:ticket of "+v.ID {
				t.Errorf("%s: the ticket: %v", when, err)
			}
		}
		// As after a kill in the middle: one row was sealed anew, the others were not.
		s.exec(t, "CREATE TABLE kept AS SELECT id, secret FROM clusters")
		reopen(next, old)
		check("with both keys")
		if n, err := s.Reseal(t.Context()); err != nil || (o.Database == "" && n != 0) || (o.Database != "" && n != 4) {
			t.Errorf("sealed anew by hand: %d, %v", n, err)
		}
		s.exec(t, "UPDATE clusters SET secret = (SELECT k.secret FROM kept k WHERE k.id = clusters.id) WHERE id = $1", string(lab.ID))
		if n, err := s.Reseal(t.Context()); err != nil || n != 1 {
			t.Errorf("resumed: %d rows, %v", n, err)
		}
		check("after it was resumed")
		reopen(next)
		check("with the new key alone")
		if h, err := s.TakeTry(t.Context(), storetest.Hash("half"), storetest.Start); err != nil || h.Challenge.Reveal() != "PVE:!tfa!" {
			t.Errorf("the challenge: %v", err)
		}
	})
}

// An unfinished rotation with the old key gone must not look like a working store.
func TestRotationWithoutTheOldKey(t *testing.T) {
	old, next := secret.NewKey(), secret.NewKey()
	o := places["postgres"](t)
	o.Keyring = storetest.Ring(t, old)
	s := newOwned(t, o)
	storetest.Cluster(t, s.Store, s.alice.ID, "lab")
	o.Keyring = storetest.Ring(t, next, old)
	storetest.Open(t, o)
	for name, keys := range map[string][]secret.Text{"new": {next}, "old": {old}} {
		o.Keyring = storetest.Ring(t, keys...)
		if _, err := store.Open(t.Context(), o); !problem.Is(err, problem.Locked) {
			t.Errorf("with the %s key alone it starts: %v", name, err)
		}
	}
}

// A lost key costs the secrets and nothing else.
func TestGiveUpTheKey(t *testing.T) {
	onBoth(t, func(t *testing.T, o store.Options) {
		s := newOwned(t, o)
		c := storetest.Cluster(t, s.Store, s.alice.ID, "lab")
		v := storetest.Session(t, s.Store, s.alice.ID, storetest.Start)
		putHalf(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		o.GiveUp = true
		if _, err := store.Open(t.Context(), o); !errors.Is(err, store.ErrNotLocked) {
			t.Errorf("with the right key: %v", err)
		}
		o.Keyring = nil
		made := storetest.Keyring(t)
		o.MakeKey = func() (*secret.Keyring, error) { return made, nil }
		if o.Database != "" {
			if _, err := store.Open(t.Context(), o); !errors.Is(err, secret.ErrKeyAbsent) {
				t.Errorf("a replica without a key: %v", err)
			}
			o.Keyring = made
		}
		s.Store = storetest.Open(t, o)
		if s.Locked() != nil || s.KeyID() != made.KeyID() {
			t.Fatalf("key %s, %v", s.KeyID(), s.Locked())
		}
		_, err := s.ClusterSecret(t.Context(), c.Owner, c.ID)
		wantLocked(t, "the lost secret", err)
		if _, err := s.Ticket(t.Context(), v.ID); !problem.Is(err, problem.NotFound) {
			t.Errorf("the lost ticket: %v", err)
		}
		if _, _, err := s.SessionByToken(t.Context(), storetest.Hash(v.ID)); err != nil {
			t.Errorf("the session: %v", err)
		}
		if n, err := s.Reseal(t.Context()); err != nil || n != 0 {
			t.Errorf("a rotation: %d, %v", n, err)
		}
		c.Name = "attic"
		if err := s.UpdateCluster(t.Context(), c, nil); err != nil {
			t.Errorf("a new name: %v", err)
		}
		c.Version++
		again := secret.New("token of attic")
		if err := s.UpdateCluster(t.Context(), c, &again); err != nil {
			t.Fatal(err)
		}
		if token, err := s.ClusterSecret(t.Context(), c.Owner, c.ID); err != nil || token.Reveal() != "token of attic" {
			t.Errorf("the secret that was entered again: %v", err)
		}
	})
}

// A row that nobody can open any more must not keep Berth from starting, nor the others from being sealed anew.
func TestRotationPassesAlteredRows(t *testing.T) {
	old, next := secret.NewKey(), secret.NewKey()
	o := store.Options{Dir: t.TempDir(), Keyring: storetest.Ring(t, old)}
	s := newOwned(t, o)
	lab, edge := storetest.Cluster(t, s.Store, s.alice.ID, "lab"), storetest.Cluster(t, s.Store, s.alice.ID, "edge")
	s.exec(t, "UPDATE clusters SET authority = '{broken' WHERE id = $1", string(lab.ID))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Keyring = storetest.Ring(t, next, old)
	again := storetest.Open(t, o)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	o.Keyring = storetest.Ring(t, next)
	again = storetest.Open(t, o)
	if token, err := again.ClusterSecret(t.Context(), string(s.alice.ID), edge.ID); err != nil || token.Reveal() != "token of edge" {
		t.Errorf("the other row: %v", err)
	}
	if all, err := again.AllClusters(t.Context()); err != nil || len(all) != 1 || all[0].ID != edge.ID {
		t.Errorf("what can be watched: %v, %v", all, err)
	}
}

// No byte of a secret lies readable in the data folder.
func TestNoSecretInTheFiles(t *testing.T) {
	dir := t.TempDir()
	s := newOwned(t, store.Options{Dir: dir, Keyring: storetest.Keyring(t), Now: storetest.NewClock().Now})
	c := storetest.Cluster(t, s.Store, s.alice.ID, "lab")
	v := storetest.Session(t, s.Store, s.alice.ID, storetest.Start)
	putHalf(t, s)
	c.Authority.Addresses = append(c.Authority.Addresses, authority.Address{Host: "192.0.2.2", Port: 8006})
	if err := s.UpdateCluster(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	look := func() {
		t.Helper()
		files := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			for _, text := range []string{"token of lab", "PVE:ticket of " + v.ID, "PVE:!tfa!"} {
				if bytes.Contains(data, []byte(text)) {
					t.Errorf("%s holds %q", d.Name(), text)
				}
			}
			if info, _ := d.Info(); info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", d.Name(), info.Mode())
			}
			return err
		})
		if err != nil || files < 2 {
			t.Fatalf("%d files, %v", files, err)
		}
	}
	look()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	look()
}

// A deleted node's secret, pins and picture are in no file any more, sealed or not.
func TestDeletedIsShredded(t *testing.T) {
	dir := t.TempDir()
	s := newOwned(t, store.Options{Dir: dir, Keyring: storetest.Keyring(t), Now: storetest.NewClock().Now})
	c := storetest.Cluster(t, s.Store, s.alice.ID, "lab")
	picture := bytes.Repeat([]byte("what was seen "), 1000)
	if err := s.SavePicture(t.Context(), c.ID, picture, storetest.Start); err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if err := s.Reader().QueryRowContext(t.Context(), "SELECT secret FROM clusters").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	found := func() (in []string) {
		t.Helper()
		for _, name := range []string{store.FileName, store.FileName + "-wal", store.FileName + "-shm"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for what, b := range map[string][]byte{"secret": sealed, "pin": []byte(c.Authority.Trust.Fingerprint), "picture": picture[:200]} {
				if bytes.Contains(data, b) {
					in = append(in, what+" in "+name)
				}
			}
		}
		return in
	}
	if len(found()) < 3 {
		t.Fatalf("before it was deleted: %v", found())
	}
	if err := s.DeleteCluster(t.Context(), string(s.alice.ID), c.ID); err != nil {
		t.Fatal(err)
	}
	if in := found(); len(in) > 0 {
		t.Errorf("after it was deleted: %v", in)
	}
}
