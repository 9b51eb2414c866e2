package containers

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"regexp"

	"github.com/a-h/templ"
)

var (
	seed = maphash.MakeSeed()
	ages = regexp.MustCompile(`data-age>[^<]*`)
)

// slot is a part of the page that the stream can draw anew by its name. What a
// part looks like names it: a stream sends those that look otherwise than on the page.
func slot(name string, body templ.Component) templ.Component { return slotBy(name, "", body) }

// slotBy is a slot that is drawn anew only when its key changed, whatever else moves in it.
func slotBy(name, key string, body templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		p, err := drawPart(ctx, part{name, key, body})
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, `<div class="slot" data-part="%s" data-look="%s">`, p.name, p.look); err != nil {
			return err
		}
		if _, err := w.Write(p.markup); err != nil {
			return err
		}
		_, err = io.WriteString(w, "</div>")
		return err
	})
}

// part is what goes into a slot.
type part struct {
	name, key string
	body      templ.Component
}

// drawn is a part as markup.
type drawn struct {
	name, look string
	markup     []byte
}

func drawPart(ctx context.Context, p part) (drawn, error) {
	var b bytes.Buffer
	if err := p.body.Render(ctx, &b); err != nil {
		return drawn{}, err
	}
	// Ages go on by themselves in the browser; only their times count.
	of := ages.ReplaceAll(b.Bytes(), nil)
	if p.key != "" {
		of = []byte(p.key)
	}
	return drawn{p.name, fmt.Sprintf("%x", maphash.Bytes(seed, of)), b.Bytes()}, nil
}
