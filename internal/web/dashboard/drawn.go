package dashboard

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/a-h/templ"
)

// drawn is a row's markup with the words in it that age. A row never changes,
// so the markup is made once and sent to every page until those words do.
type drawn struct {
	words string
	html  []byte
}

// once draws a row's component, or repeats what was drawn of it before.
func (r *row) once(kept *atomic.Pointer[drawn], now time.Time, draw func(*row, time.Time) templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		words := r.up(now)
		if r.Stale {
			words += ago(r.Seen, now)
		}
		d := kept.Load()
		if d == nil || d.words != words {
			var b bytes.Buffer
			if err := draw(r, now).Render(ctx, &b); err != nil {
				return err
			}
			d = &drawn{words, bytes.Clone(b.Bytes())}
			kept.Store(d)
		}
		_, err := w.Write(d.html)
		return err
	})
}

func drawnCard(r *row, now time.Time) templ.Component { return r.once(&r.card, now, card) }

func drawnTableRow(r *row, now time.Time) templ.Component { return r.once(&r.line, now, tableRow) }
