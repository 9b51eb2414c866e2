package kit

import (
	"context"
	_ "embed"
	"io"

	"github.com/a-h/templ"
)

//go:embed dist/sprite.svg
var spriteSVG string

// sprite holds every icon once; Icon refers to it. It is inline and not a file of its own, so that no icon comes late.
func sprite() templ.Component { return templ.Raw(spriteSVG) }

// Icon draws one of the icons listed in src/icons.txt, hidden from screen
// readers: the word beside it says what it means. Its size is that of the text.
func Icon(name string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><use href="#i-`+templ.EscapeString(name)+`"></use></svg>`)
		return err
	})
}
