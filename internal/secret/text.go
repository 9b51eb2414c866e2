// Package secret keeps what must not be read by others: Text does not print
// itself, and a Keyring seals bytes so that they open only in the row that they
// were sealed for.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Mask is what a Text is printed as, whatever it holds and also when empty.
const Mask = "[secret]"

// Text is a password, token secret, ticket or the like. It prints as Mask
// through fmt, slog and encoding/json, and cannot be decoded from it.
// The zero value is the empty secret.
//
// A Text is not comparable with == on purpose; use crypto/subtle on Reveal.
type Text struct {
	_ [0]func()
	// A pointer, since fmt calls no methods on a struct's unexported fields: it prints an address then, not the secret.
	p *string
}

// New wraps a secret.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{p: &s}
}

// Reveal gives the secret itself, for the one place that sends or seals it.
func (t Text) Reveal() string {
	if t.p == nil {
		return ""
	}
	return *t.p
}

// Empty reports whether there is no secret in it.
func (t Text) Empty() bool { return t.p == nil }

// String is Mask.
func (t Text) String() string { return Mask }

// Format prints Mask for every verb, %#v and %x included.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mask) }

// LogValue is Mask.
func (t Text) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalJSON is Mask as a JSON string.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// MarshalText is Mask, for encoders that ask for text.
func (t Text) MarshalText() ([]byte, error) { return []byte(Mask), nil }
