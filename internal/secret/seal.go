package secret

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// Errors that Keyring.Open wraps.
var (
	// ErrNoKey: the bytes were sealed under a key that is not in the ring.
	ErrNoKey = errors.New("sealed under a key that is not at hand")
	// ErrAltered: the bytes, or the row that they lie in, are not what was sealed.
	ErrAltered = errors.New("sealed bytes do not belong to this row")
)

// AD is what a sealed secret is bound to: it opens only where all of it is the same again.
type AD struct {
	Table, Row, Column string
	Owner              string   // user id; empty where nobody owns the row
	Extra              []string // token id, binding of the authority, …
}

// bytes writes the fields so that no two different ADs are the same bytes; the key id is one of them.
func (a AD) bytes(keyID []byte) []byte {
	out := []byte("berth seal 1")
	for _, field := range append([]string{string(keyID), a.Table, a.Row, a.Column, a.Owner}, a.Extra...) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(field)))
		out = append(out, field...)
	}
	return out
}

const (
	keySize    = 32
	keyIDSize  = 8
	sealFormat = 1 // first byte of sealed bytes; then key id, nonce, ciphertext with tag
	headerSize = 1 + keyIDSize + chacha20poly1305.NonceSizeX
)

// Keyring seals under its first key and opens under any of them. It is safe
// for concurrent use and does not print its keys.
type Keyring struct {
	keys []sealKey
}

type sealKey struct {
	id   []byte
	aead cipher.AEAD
}

// newKeyring makes a ring of 32-byte keys, the first being the current one.
func newKeyring(keys ...[]byte) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key given")
	}
	ring := &Keyring{}
	for _, master := range keys {
		k, err := newSealKey(master)
		if err != nil {
			return nil, err
		}
		if ring.find(k.id) != nil {
			return nil, errors.New("the same key is given twice")
		}
		ring.keys = append(ring.keys, *k)
	}
	return ring, nil
}

func newSealKey(master []byte) (*sealKey, error) {
	if len(master) != keySize {
		return nil, fmt.Errorf("a key has %d bytes, this one has %d", keySize, len(master))
	}
	id, err := hkdf.Key(sha256.New, master, nil, "berth key id 1", keyIDSize)
	if err != nil {
		return nil, fmt.Errorf("derive the key id: %w", err)
	}
	sealing, err := hkdf.Key(sha256.New, master, nil, "berth sealing key 1", chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	aead, err := chacha20poly1305.NewX(sealing)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	return &sealKey{id: id, aead: aead}, nil
}

func (k *Keyring) find(id []byte) *sealKey {
	for i := range k.keys {
		if bytes.Equal(k.keys[i].id, id) {
			return &k.keys[i]
		}
	}
	return nil
}

// String names the ring without its keys.
func (k *Keyring) String() string { return "keyring " + k.KeyID() }

// GoString is String, so that %#v shows no key either.
func (k *Keyring) GoString() string { return k.String() }

// KeyID is the id of the current key: 16 hex digits that say nothing about the key itself.
func (k *Keyring) KeyID() string { return hex.EncodeToString(k.keys[0].id) }

// Has reports whether the ring can open what was sealed under the key of that id.
func (k *Keyring) Has(keyID string) bool {
	id, err := hex.DecodeString(keyID)
	return err == nil && k.find(id) != nil
}

// Seal encrypts under the current key and binds the result to ad. The same
// secret sealed twice gives different bytes.
func (k *Keyring) Seal(plain []byte, ad AD) ([]byte, error) {
	key := &k.keys[0]
	out := make([]byte, headerSize, headerSize+len(plain)+chacha20poly1305.Overhead)
	out[0] = sealFormat
	copy(out[1:], key.id)
	nonce := out[1+keyIDSize : headerSize]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("make a nonce: %w", err)
	}
	return key.aead.Seal(out, nonce, plain, ad.bytes(key.id)), nil
}

// Open decrypts what Seal made for the same ad. Its error wraps ErrNoKey or ErrAltered.
func (k *Keyring) Open(sealed []byte, ad AD) ([]byte, error) {
	if len(sealed) < headerSize+chacha20poly1305.Overhead || sealed[0] != sealFormat {
		return nil, fmt.Errorf("open %s.%s: %w", ad.Table, ad.Column, ErrAltered)
	}
	key := k.find(sealed[1 : 1+keyIDSize])
	if key == nil {
		return nil, fmt.Errorf("open %s.%s: key %s: %w", ad.Table, ad.Column, SealedUnder(sealed), ErrNoKey)
	}
	plain, err := key.aead.Open(nil, sealed[1+keyIDSize:headerSize], sealed[headerSize:], ad.bytes(key.id))
	if err != nil {
		return nil, fmt.Errorf("open %s.%s: %w", ad.Table, ad.Column, ErrAltered)
	}
	return plain, nil
}

// SealedUnder is the id of the key that sealed the bytes; empty when they are not sealed bytes.
func SealedUnder(sealed []byte) string {
	if len(sealed) < headerSize || sealed[0] != sealFormat {
		return ""
	}
	return hex.EncodeToString(sealed[1 : 1+keyIDSize])
}
