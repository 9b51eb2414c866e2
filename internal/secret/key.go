package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keyPrefix begins every key, so that a key is recognised as one, by people and by secret scanners.
const keyPrefix = "berth-key-1-"

// KeyFileName is the key's name in the data folder; CredentialName its name among systemd's credentials.
const (
	KeyFileName    = "berth.key"
	CredentialName = "berth-key"
	KeyEnv         = "BERTH_KEY"
)

// ErrKeyAbsent: none of the sources has a key.
var ErrKeyAbsent = errors.New("no key was found")

// Source is a place where keys may be. A place that has none says ErrKeyAbsent.
type Source func() (keys Text, from string, err error)

// File reads keys from a file, which must be a regular one that only its owner can read.
func File(path string) Source {
	return func() (Text, string, error) {
		keys, err := readFile("the key file", path, 0o077)
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrKeyAbsent
		}
		return keys, "the file " + path, err
	}
}

// Env reads keys from an environment variable (KeyEnv). It is taken out of
// the environment, so that no child process inherits it.
func Env(name string) Source {
	return func() (Text, string, error) {
		keys := os.Getenv(name)
		if keys == "" {
			return Text{}, "", ErrKeyAbsent
		}
		if err := os.Unsetenv(name); err != nil {
			return Text{}, "", fmt.Errorf("clear %s: %w", name, err)
		}
		return New(keys), "the environment variable " + name, nil
	}
}

// Credential reads keys from the systemd credential CredentialName
// (LoadCredential=, LoadCredentialEncrypted=).
func Credential() Source {
	return func() (Text, string, error) {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return Text{}, "", ErrKeyAbsent
		}
		keys, err := readFile("the key file", filepath.Join(dir, CredentialName), credentialForbids)
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrKeyAbsent
		}
		return keys, "the systemd credential " + CredentialName, err
	}
}

// LoadKey takes the keys of the first source that has any. from says which it was.
// Without any it returns ErrKeyAbsent; a source that has something unusable is an error.
func LoadKey(sources ...Source) (ring *Keyring, from string, err error) {
	for _, source := range sources {
		keys, from, err := source()
		if errors.Is(err, ErrKeyAbsent) {
			continue
		}
		if err != nil {
			return nil, from, err
		}
		ring, err := ParseKeys(keys)
		if err != nil {
			return nil, from, fmt.Errorf("the key in %s cannot be used: %w", from, err)
		}
		return ring, from, nil
	}
	return nil, "", ErrKeyAbsent
}

// ParseKeys reads keys as NewKey writes them, separated by white space; lines
// that begin with # are comments. The first is the current key, the others only
// open what was sealed before a rotation.
func ParseKeys(text Text) (*Keyring, error) {
	var keys [][]byte
	for line := range strings.Lines(text.Reveal()) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			encoded, ok := strings.CutPrefix(word, keyPrefix)
			key, err := base64.RawURLEncoding.DecodeString(encoded)
			if !ok || err != nil || len(key) != keySize {
				// The word itself is not shown: it may be a key with a typing error.
				return nil, fmt.Errorf("key %d is not of the form %s followed by 43 characters", len(keys)+1, keyPrefix)
			}
			keys = append(keys, key)
		}
	}
	return newKeyring(keys...)
}

// NewKey makes a random key in the form that ParseKeys reads.
func NewKey() Text {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails: it ends the process instead
	return New(keyPrefix + base64.RawURLEncoding.EncodeToString(key))
}

// CreateKeyFile makes a new key in a new file of mode 0600 and gives its ring.
// It never replaces a file. The bytes are on disk when it returns.
func CreateKeyFile(path string) (*Keyring, error) {
	key := NewKey()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the key file: %w", err)
	}
	_, err = io.WriteString(f, "# Berth's key. Whoever has it and the database has every stored secret; without it they are lost.\n"+
		"# Keep a copy apart from the backups of the database.\n"+key.Reveal()+"\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("write the key file: %w", err)
	}
	return ParseKeys(key)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadFile reads another secret from a file, such as a token: a regular one that
// only its owner can read, or one of systemd's credentials. White space around
// it is cut. what names it in errors: "the token file".
func ReadFile(what, path string) (Text, error) {
	forbidden := fs.FileMode(0o077)
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(path) == filepath.Clean(dir) {
		forbidden = credentialForbids
	}
	text, err := readFile(what, path, forbidden)
	return New(strings.TrimSpace(text.Reveal())), err
}

const (
	// maxFile is far more than a rotation needs.
	maxFile = 16 << 10
	// credentialForbids leaves the group's bits: systemd grants a service its credentials by ACL, which shows there.
	credentialForbids fs.FileMode = 0o007
)

func readFile(what, path string, forbidden fs.FileMode) (Text, error) {
	f, err := os.Open(path)
	if err != nil {
		return Text{}, fmt.Errorf("open %s: %w", what, err)
	}
	defer f.Close()
	info, err := f.Stat() // of the opened file: a path could be exchanged in between
	if err != nil {
		return Text{}, fmt.Errorf("look at %s: %w", what, err)
	}
	if !info.Mode().IsRegular() {
		return Text{}, fmt.Errorf("%s %s is not a regular file", what, path)
	}
	if mode := info.Mode().Perm(); mode&forbidden != 0 {
		return Text{}, fmt.Errorf("%s %s can be read by others (mode %04o): run chmod 600 on it, and think of making a new one", what, path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return Text{}, fmt.Errorf("read %s: %w", what, err)
	}
	return New(string(data)), nil
}
