package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// drawIcons writes the icons named in src/icons.txt as one sprite of symbols
// with the ids i-NAME, which every page carries once.
func drawIcons(p places) error {
	list, err := os.ReadFile(filepath.Join(p.src, "icons.txt"))
	if err != nil {
		return err
	}
	names := strings.Fields(string(list))
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(`<svg class="sprite" width="0" height="0" aria-hidden="true" focusable="false">`)
	for _, name := range slices.Compact(names) {
		raw, err := os.ReadFile(filepath.Join(p.modules, "lucide-static", "icons", name+".svg"))
		if err != nil {
			return err
		}
		inner, err := shapes(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&b, "\n"+`<symbol id="i-%s" viewBox="0 0 24 24">%s</symbol>`, name, inner)
	}
	b.WriteString("\n</svg>\n")
	return os.WriteFile(filepath.Join(p.dist, "sprite.svg"), []byte(b.String()), 0o644)
}

// shapes are the drawing elements of an icon without their frame. An icon that holds anything else is refused.
func shapes(raw []byte) (string, error) {
	var icon struct {
		XMLName xml.Name `xml:"svg"`
		Shapes  []struct {
			XMLName xml.Name
			Attrs   []xml.Attr `xml:",any,attr"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(raw, &icon); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, s := range icon.Shapes {
		switch s.XMLName.Local {
		case "path", "circle", "rect", "line", "polyline", "polygon", "ellipse":
		default:
			return "", fmt.Errorf("unexpected element %s", s.XMLName.Local)
		}
		b.WriteString("<" + s.XMLName.Local)
		for _, a := range s.Attrs {
			if strings.ContainsAny(a.Value, `<>"&`) {
				return "", fmt.Errorf("unexpected value of %s", a.Name.Local)
			}
			b.WriteString(" " + a.Name.Local + `="` + a.Value + `"`)
		}
		b.WriteString("/>")
	}
	return b.String(), nil
}
