package secret

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func ring(t testing.TB, keys ...Text) *Keyring {
	t.Helper()
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.Reveal()
	}
	r, err := ParseKeys(New(strings.Join(all, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ad() AD {
	return AD{Table: "clusters", Row: "c1", Column: "secret", Owner: "u1", Extra: []string{"root@pam!berth", "binding"}}
}

func TestSealedOpensOnlyForTheSameRow(t *testing.T) {
	r := ring(t, NewKey())
	sealed, err := r.Seal([]byte("token"), ad())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := r.Open(sealed, ad())
	if err != nil || string(plain) != "token" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	other := map[string]func(*AD){
		"table":         func(a *AD) { a.Table = "sessions" },
		"row":           func(a *AD) { a.Row = "c2" },
		"column":        func(a *AD) { a.Column = "ticket" },
		"owner":         func(a *AD) { a.Owner = "u2" },
		"token id":      func(a *AD) { a.Extra = []string{"root@pam!other", "binding"} },
		"binding":       func(a *AD) { a.Extra = []string{"root@pam!berth", "moved"} },
		"less":          func(a *AD) { a.Extra = a.Extra[:1] },
		"more":          func(a *AD) { a.Extra = append(a.Extra, "") },
		"moved border":  func(a *AD) { a.Row, a.Column = "c1s", "ecret" },
		"moved border2": func(a *AD) { a.Extra = []string{"root@pam!berthb", "inding"} },
	}
	for name, change := range other {
		a := ad()
		a.Extra = slices.Clone(a.Extra)
		change(&a)
		if _, err := r.Open(sealed, a); !errors.Is(err, ErrAltered) {
			t.Errorf("with another %s it opens: %v", name, err)
		}
	}
}

func TestSealedRefusesEveryChangedByte(t *testing.T) {
	r := ring(t, NewKey())
	sealed, _ := r.Seal([]byte("token"), ad())
	for i := range sealed {
		bad := slices.Clone(sealed)
		bad[i] ^= 1
		if _, err := r.Open(bad, ad()); !errors.Is(err, ErrAltered) && !errors.Is(err, ErrNoKey) {
			t.Errorf("byte %d changed, and it opens: %v", i, err)
		}
		if _, err := r.Open(sealed[:i], ad()); err == nil {
			t.Errorf("cut at %d, and it opens", i)
		}
	}
}

func TestSealIsFreshEachTime(t *testing.T) {
	r := ring(t, NewKey())
	a, _ := r.Seal([]byte("token"), ad())
	b, _ := r.Seal([]byte("token"), ad())
	if bytes.Equal(a, b) {
		t.Error("two seals of one secret are the same bytes")
	}
}

func TestSealRoundTrip(t *testing.T) {
	r := ring(t, NewKey())
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		a := AD{rapid.String().Draw(t, "table"), rapid.String().Draw(t, "row"), rapid.String().Draw(t, "column"),
			rapid.String().Draw(t, "owner"), rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "extra")}
		sealed, err := r.Seal(plain, a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Open(sealed, a)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open = %q, %v", got, err)
		}
	})
}

func TestRotation(t *testing.T) {
	old, next := NewKey(), NewKey()
	before, during, after := ring(t, old), ring(t, next, old), ring(t, next)
	sealed, _ := before.Seal([]byte("token"), ad())
	if SealedUnder(sealed) != before.KeyID() || before.KeyID() == after.KeyID() {
		t.Fatalf("sealed under %q, ring %q", SealedUnder(sealed), before.KeyID())
	}
	if plain, err := during.Open(sealed, ad()); err != nil || string(plain) != "token" {
		t.Errorf("the ring of both keys: %q, %v", plain, err)
	}
	if _, err := after.Open(sealed, ad()); !errors.Is(err, ErrNoKey) {
		t.Errorf("the ring without the old key: %v", err)
	}
	if again, _ := during.Seal([]byte("token"), ad()); SealedUnder(again) != after.KeyID() {
		t.Error("a ring seals under another than its first key")
	}
	if !during.Has(before.KeyID()) || after.Has(before.KeyID()) || after.Has("") {
		t.Error("Has is wrong")
	}
}

func TestKeyringDoesNotPrintItself(t *testing.T) {
	key := NewKey()
	r := ring(t, key)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, r); out != "keyring "+r.KeyID() {
			t.Errorf("%s prints %q", verb, out)
		}
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), KeyFileName)
	if _, _, err := LoadKey(File(path)); !errors.Is(err, ErrKeyAbsent) {
		t.Fatalf("no file: %v", err)
	}
	made, err := CreateKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateKeyFile(path); err == nil {
		t.Error("a key file is replaced")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	loaded, from, err := LoadKey(File(path))
	if err != nil || loaded.KeyID() != made.KeyID() || !strings.Contains(from, path) {
		t.Errorf("LoadKey = %v from %q, %v", loaded, from, err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadKey(File(path)); err == nil || errors.Is(err, ErrKeyAbsent) {
			t.Errorf("mode %v is taken: %v", mode, err)
		}
	}
}

func TestKeySourcesInOrder(t *testing.T) {
	fromEnv, fromCredential := NewKey(), NewKey()
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := os.WriteFile(filepath.Join(dir, CredentialName), []byte(fromCredential.Reveal()+"\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	t.Setenv(KeyEnv, fromEnv.Reveal())
	sources := []Source{Env(KeyEnv), Credential(), File(filepath.Join(dir, "none"))}
	r, _, err := LoadKey(sources...)
	if err != nil || r.KeyID() != ring(t, fromEnv).KeyID() {
		t.Errorf("first: %v, %v", r, err)
	}
	if v, ok := os.LookupEnv(KeyEnv); ok {
		t.Errorf("%s is still in the environment (%d bytes)", KeyEnv, len(v))
	}
	if r, _, err = LoadKey(sources...); err != nil || r.KeyID() != ring(t, fromCredential).KeyID() {
		t.Errorf("second: %v, %v", r, err)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	k := NewKey().Reveal()
	for name, text := range map[string]string{
		"nothing":  "",
		"comment":  "# nothing\n",
		"words":    "hunter2",
		"short":    k[:len(k)-2],
		"long":     k + "AAAA",
		"twice":    k + " " + k,
		"no label": strings.TrimPrefix(k, keyPrefix),
	} {
		_, err := ParseKeys(New(text))
		if err == nil {
			t.Errorf("%s is taken", name)
		} else if len(text) > 6 && strings.Contains(err.Error(), strings.TrimPrefix(text, "#")) {
			t.Errorf("%s: the error shows what was given: %v", name, err)
		}
	}
}
