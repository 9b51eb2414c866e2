package pvesim

import (
	"math/rand/v2"
	"strconv"
	"unicode/utf8"
)

// obj is a JSON object. It is written with its keys in random order, as Perl
// does.
type obj []field

type field struct {
	key   string
	value any
}

// text is a number or boolean that a real node sends as a string at this place.
type text string

func (o obj) with(key string, value any) obj { return append(o, field{key, value}) }

// withIf adds the field only where there is something to say.
func (o obj) withIf(there bool, key string, value any) obj {
	if !there {
		return o
	}
	return append(o, field{key, value})
}

// appendJSON writes v as Perl's JSON module would: UTF-8 as it is, nothing
// escaped that need not be.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case obj:
		return appendObject(b, v)
	case []obj:
		return appendList(b, v)
	case []any:
		return appendList(b, v)
	case []string:
		return appendList(b, v)
	case string:
		return appendString(b, v)
	case text:
		return appendString(b, string(v))
	case bool:
		if v {
			return append(b, '1')
		}
		return append(b, '0')
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		return strconv.AppendFloat(b, v, 'g', 15, 64)
	case raw:
		return append(b, v...)
	}
	panic("pvesim: a value that has no JSON form here")
}

// raw is JSON that is written as it stands.
type raw string

func appendList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, v)
	}
	return append(b, ']')
}

func appendObject(b []byte, o obj) []byte {
	b = append(b, '{')
	var few [64]int
	idx := few[:0]
	for i := range o {
		idx = append(idx, i)
	}
	if len(o) > 1 {
		rand.Shuffle(len(idx), func(i, j int) { idx[i], idx[j] = idx[j], idx[i] })
	}
	for i, k := range idx {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, o[k].key)
		b = append(b, ':')
		b = appendJSON(b, o[k].value)
	}
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		ch := s[i]
		switch {
		case ch == '"' || ch == '\\':
			b = append(b, '\\', ch)
		case ch == '\n':
			b = append(b, '\\', 'n')
		case ch == '\r':
			b = append(b, '\\', 'r')
		case ch == '\t':
			b = append(b, '\\', 't')
		case ch < 0x20 || ch == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[ch>>4], hexDigits[ch&15])
		case ch < utf8.RuneSelf:
			b = append(b, ch)
		default:
			_, size := utf8.DecodeRuneInString(s[i:])
			b = append(b, s[i:i+size]...)
			i += size
			continue
		}
		i++
	}
	return append(b, '"')
}
