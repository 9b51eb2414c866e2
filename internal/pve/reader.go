package pve

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errTooLarge = errors.New("the answer is larger than Berth reads")
	errTooDeep  = fmt.Errorf("%w: nested too deeply", errTooLarge)
	errOdd      = errors.New("more values in one row than Berth reads")
)

// syntaxError is JSON that is none, with the place in the decompressed answer.
type syntaxError struct {
	at   int64
	what string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("no JSON at byte %d: %s", e.at, e.what) }

// reader takes JSON from a stream value by value. Unlike encoding/json it holds
// to limits while it reads: strings past their limit are cut as they pass, so
// that a hostile answer costs time up to the deadline, and never memory.
type reader struct {
	in        *bufio.Reader
	at        int64
	maxString int
	nodes     int // values that may still be made
	shortened int // strings that were cut
	total     int // of the envelope
	keys      map[string]string
	scratch   []byte
	spare     []field // of the row before
}

func newReader(in io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(in, 16<<10), maxString: maxString, keys: map[string]string{}}
}

func (r *reader) fail(what string) error { return &syntaxError{r.at, what} }

func (r *reader) byte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.at++
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

func (r *reader) back() {
	_ = r.in.UnreadByte() // always follows a ReadByte
	r.at--
}

// next is the first byte that is no white space.
func (r *reader) next() (byte, error) {
	for {
		b, err := r.byte()
		if err != nil || b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return b, err
		}
	}
}

// end checks that nothing but white space follows.
func (r *reader) end() error {
	for {
		b, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return r.fail("more after its end")
		}
	}
}

// value reads one whole value. When it has more parts than allowed it is read
// to its end all the same, and errOdd says that it is not to be used.
func (r *reader) value(depth, nodes int) (value, error) {
	r.nodes = nodes
	b, err := r.next()
	if err != nil {
		return value{}, err
	}
	v, err := r.rest(b, depth)
	if err == nil && r.nodes < 0 {
		return value{}, errOdd
	}
	return v, err
}

// rest reads the value that begins with b.
func (r *reader) rest(b byte, depth int) (v value, err error) {
	if depth > maxDepth {
		return value{}, errTooDeep
	}
	r.nodes--
	switch {
	case b == '{':
		v.kind = object
		err = r.members(func(key string) error {
			item, err := r.following(depth + 1)
			if r.nodes >= 0 {
				v.fields = append(v.fields, field{key, item})
			}
			return err
		})
	case b == '[':
		v.kind = array
		err = r.elements(func(b byte) error {
			item, err := r.rest(b, depth+1)
			if r.nodes >= 0 {
				v.items = append(v.items, item)
			}
			return err
		})
	case b == '"':
		v.kind = text
		v.text, err = r.string()
	case b == '-' || b >= '0' && b <= '9':
		v.kind = number
		v.text, err = r.number(b)
	default:
		v, err = r.word(b)
	}
	return v, err
}

// row reads an element of a list. It is good until the next one is read: rows
// are made into something typed at once, and so share their fields' memory.
func (r *reader) row(b byte, depth int) (value, error) {
	if b != '{' {
		return r.rest(b, depth)
	}
	v := value{kind: object, fields: r.spare[:0]}
	err := r.members(func(key string) error {
		item, err := r.following(depth + 1)
		if r.nodes >= 0 {
			v.fields = append(v.fields, field{key, item})
		}
		return err
	})
	r.spare = v.fields
	return v, err
}

// following reads the value after white space.
func (r *reader) following(depth int) (value, error) {
	b, err := r.next()
	if err != nil {
		return value{}, err
	}
	return r.rest(b, depth)
}

// members reads an object after its brace; each must read that key's value.
func (r *reader) members(each func(key string) error) error {
	for first := true; ; first = false {
		b, err := r.next()
		if err != nil {
			return err
		}
		if b == '}' && first {
			return nil
		}
		if b != '"' {
			return r.fail("a key was expected")
		}
		key, err := r.key()
		if err != nil {
			return err
		}
		if b, err = r.next(); err != nil {
			return err
		}
		if b != ':' {
			return r.fail("a colon was expected")
		}
		if err := each(key); err != nil {
			return err
		}
		if more, err := r.more('}'); err != nil || !more {
			return err
		}
	}
}

// elements reads an array after its bracket; each gets an element's first byte and must read the rest.
func (r *reader) elements(each func(b byte) error) error {
	for first := true; ; first = false {
		b, err := r.next()
		if err != nil {
			return err
		}
		if b == ']' && first {
			return nil
		}
		if err := each(b); err != nil {
			return err
		}
		if more, err := r.more(']'); err != nil || !more {
			return err
		}
	}
}

// more reads the comma, or the end of the object or array.
func (r *reader) more(end byte) (bool, error) {
	switch b, err := r.next(); {
	case err != nil:
		return false, err
	case b == ',':
		return true, nil
	case b == end:
		return false, nil
	}
	return false, r.fail("a comma was expected")
}

// key is a string of which only the beginning counts when it is absurdly long.
func (r *reader) key() (string, error) {
	if err := r.fill(maxKey); err != nil {
		return "", err
	}
	return r.known(), nil
}

// known is scratch as a string; keys and words such as "running" come in every row and are kept once.
func (r *reader) known() string {
	if s, ok := r.keys[string(r.scratch)]; ok {
		return s
	}
	s := string(r.scratch)
	if len(r.keys) < 1000 {
		r.keys[s] = s
	}
	return s
}

func (r *reader) string() (string, error) {
	if err := r.fill(r.maxString); err != nil {
		return "", err
	}
	if len(r.scratch) <= maxShort {
		return r.known(), nil
	}
	return string(r.scratch), nil
}

// fill reads a string after its quote into scratch, cut at limit bytes.
func (r *reader) fill(limit int) error {
	r.scratch = r.scratch[:0]
	over := false
	for {
		b, err := r.byte()
		if err != nil {
			return err
		}
		switch {
		case b == '"':
			r.tidy(limit, over)
			return nil
		case b == '\\':
			if err := r.escape(); err != nil {
				return err
			}
		case b < ' ':
			return r.fail("a control character in a string")
		default:
			r.scratch = append(r.scratch, b)
			r.run()
		}
		if len(r.scratch) > limit+utf8.UTFMax {
			// More than the limit is known to be there: the tail goes as it comes.
			r.scratch, over = r.scratch[:limit+1], true
		}
	}
}

// run takes the plain characters of a string that are at hand, up to its end or an escape.
func (r *reader) run() {
	ready, _ := r.in.Peek(r.in.Buffered()) // what is buffered can be peeked at
	n := 0
	for n < len(ready) && ready[n] != '"' && ready[n] != '\\' && ready[n] >= ' ' {
		n++
	}
	r.scratch = append(r.scratch, ready[:n]...)
	_, _ = r.in.Discard(n)
	r.at += int64(n)
}

// tidy replaces what is no UTF-8, which makes it longer, and then cuts.
func (r *reader) tidy(limit int, over bool) {
	if !utf8.Valid(r.scratch) {
		r.scratch = []byte(string([]rune(string(r.scratch))))
	}
	if over || len(r.scratch) > limit {
		r.shortened++
		r.scratch = r.scratch[:len(cut(string(r.scratch), limit))]
	}
}

func (r *reader) escape() error {
	b, err := r.byte()
	if err != nil {
		return err
	}
	switch b {
	case '"', '\\', '/':
	case 'b':
		b = '\b'
	case 'f':
		b = '\f'
	case 'n':
		b = '\n'
	case 'r':
		b = '\r'
	case 't':
		b = '\t'
	case 'u':
		return r.unicode()
	default:
		return r.fail("an unknown escape")
	}
	r.scratch = append(r.scratch, b)
	return nil
}

// unicode reads \uXXXX, and the second half of a pair after it.
func (r *reader) unicode() error {
	var digits [4]byte
	for i := range digits {
		b, err := r.byte()
		if err != nil {
			return err
		}
		digits[i] = b
	}
	c, ok := hex4(digits[:])
	if !ok {
		return r.fail("a bad \\u escape")
	}
	if utf16.IsSurrogate(c) {
		c = utf8.RuneError // unless the other half follows
		if next, err := r.in.Peek(6); err == nil && next[0] == '\\' && next[1] == 'u' {
			low, ok := hex4(next[2:])
			high, _ := hex4(digits[:])
			if pair := utf16.DecodeRune(high, low); ok && pair != utf8.RuneError {
				_, _ = r.in.Discard(6) // just peeked
				r.at += 6
				c = pair
			}
		}
	}
	r.scratch = utf8.AppendRune(r.scratch, c)
	return nil
}

func hex4(digits []byte) (c rune, ok bool) {
	for _, b := range digits {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b >= 'a' && b <= 'f':
			b -= 'a' - 10
		case b >= 'A' && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		c = c<<4 | rune(b)
	}
	return c, true
}

// number takes what looks like one; value.float and value.int judge it. One that
// is absurdly long is none: empty.
func (r *reader) number(b byte) (string, error) {
	r.scratch = append(r.scratch[:0], b)
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		r.at++
		switch {
		case b >= '0' && b <= '9', b == '.', b == 'e', b == 'E', b == '+', b == '-':
			if len(r.scratch) <= maxNumber {
				r.scratch = append(r.scratch, b)
			}
		default:
			r.back()
			if len(r.scratch) > maxNumber {
				return "", nil
			}
			return string(r.scratch), nil
		}
	}
}

func (r *reader) word(b byte) (value, error) {
	for _, w := range [...]struct {
		word string
		v    value
	}{
		{"true", value{kind: boolean, text: "true"}},
		{"false", value{kind: boolean, text: "false"}},
		{"null", value{kind: null}},
	} {
		if b != w.word[0] {
			continue
		}
		for i := 1; i < len(w.word); i++ {
			b, err := r.byte()
			if err != nil {
				return value{}, err
			}
			if b != w.word[i] {
				return value{}, r.fail("an unknown word")
			}
		}
		return w.v, nil
	}
	return value{}, r.fail("a value was expected")
}
