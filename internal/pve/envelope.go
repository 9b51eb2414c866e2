package pve

import (
	"errors"
	"io"
)

// List is an answer of many rows, as far as it could be read.
type List[T any] struct {
	Rows []T
	// Skipped counts rows that made no sense and were left out.
	Skipped int
	// Cut: there were more rows than Berth reads (50,000); the rest is missing.
	Cut bool
	// Shortened counts strings that were cut at 4 KiB.
	Shortened int
	// Total is how many rows Proxmox says there are, where it gives them in pages; else 0.
	Total int
}

// rowFunc makes a typed row; ok is false for one that makes no sense.
type rowFunc[T any] func(v value) (row T, ok bool)

// readList reads {"data": [rows…]} as it streams past. Null for the list is an empty one.
func readList[T any](in io.Reader, row rowFunc[T]) (List[T], error) {
	return readListOf(newReader(in), row)
}

// readListOf is readList with a reader whose limits are its own.
func readListOf[T any](r *reader, row rowFunc[T]) (List[T], error) {
	var list List[T]
	found := false
	err := r.envelope(func(b byte) error {
		found = true
		if b != '[' {
			v, err := r.rest(b, 2)
			if err == nil && v.kind != null {
				err = r.fail("a list was expected")
			}
			return err
		}
		return readRows(r, &list, row)
	})
	list.Shortened, list.Total = r.shortened, r.total
	if errors.Is(err, errCut) {
		list.Cut, err = true, nil
	}
	if err == nil && !found {
		err = r.fail("it has no data")
	}
	return list, err
}

// errCut stops reading after the last row that is taken.
var errCut = errors.New("rows were cut")

func readRows[T any](r *reader, list *List[T], row rowFunc[T]) error {
	return r.elements(func(b byte) error {
		if len(list.Rows)+list.Skipped >= maxRows {
			return errCut
		}
		r.nodes = maxRowNodes
		v, err := r.row(b, 3)
		if err != nil {
			return err
		}
		if typed, ok := row(v); ok && r.nodes >= 0 {
			list.Rows = append(list.Rows, typed)
		} else {
			list.Skipped++
		}
		return nil
	})
}

// readTree reads {"data": anything} whole. Values past maxTreeNodes make it too large.
func readTree(in io.Reader, maxString int) (value, error) {
	r := newReader(in)
	r.maxString = maxString
	r.nodes = maxTreeNodes
	var data value
	err := r.envelope(func(b byte) (err error) {
		data, err = r.rest(b, 2)
		return err
	})
	if err == nil && r.nodes < 0 {
		err = errTooLarge
	}
	if err == nil && data.kind == absent {
		err = r.fail("it has no data")
	}
	return data, err
}

// envelope reads the object around each answer to its end; data gets the first byte of the value of its "data".
func (r *reader) envelope(data func(b byte) error) error {
	b, err := r.next()
	if err != nil {
		return err
	}
	if b != '{' {
		return r.fail("no object")
	}
	err = r.members(func(key string) error {
		b, err := r.next()
		if err != nil {
			return err
		}
		if key == "data" {
			return data(b)
		}
		r.nodes = maxRowNodes
		v, err := r.rest(b, 2)
		if key == "total" {
			r.total = count(v)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.end()
}

// failure is what Proxmox says in the body of an error.
type failure struct {
	known   bool // it has Proxmox's shape
	message string
	fields  map[string]string // of "errors": parameter to text
}

// readFailure reads an error's body. Many have none.
func readFailure(in io.Reader) (f failure) {
	r := newReader(in)
	v, err := r.value(1, maxRowNodes)
	if err != nil || v.kind != object || v.get("message").isNothing() && v.get("errors").isNothing() && v.get("data").kind == absent {
		return failure{}
	}
	f.known = true
	f.message = v.get("message").raw()
	for _, e := range v.get("errors").fields {
		if f.fields == nil {
			f.fields = map[string]string{}
		}
		if len(f.fields) < 100 {
			f.fields[words(e.key)] = words(e.value.raw())
		}
	}
	return f
}
