package kit

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/a-h/templ"
)

// Fixed is a component that is the same on every page and for everybody: it is
// drawn once, and its bytes are repeated.
func Fixed(c templ.Component) templ.Component {
	draw := sync.OnceValues(func() ([]byte, error) {
		var b bytes.Buffer
		err := c.Render(context.Background(), &b)
		return b.Bytes(), err
	})
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		html, err := draw()
		if err != nil {
			return err
		}
		_, err = w.Write(html)
		return err
	})
}
