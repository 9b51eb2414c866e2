package containers

import (
	"context"
	"html"
	"io"
	"net/url"
	"strings"

	"github.com/a-h/templ"
)

// maxNotes is how much of a container's notes is shown.
const maxNotes = 16 << 10

// notes draws a container's notes. Of Markdown it knows headings, lists, quotes,
// code, emphasis and links to http and https; all else, raw HTML above all, is
// shown as the text that it is. Every byte of the notes goes through escaping.
func notes(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, markdown(text))
		return err
	})
}

// markdown makes markup of notes.
func markdown(text string) string {
	if len(text) > maxNotes {
		text = strings.ToValidUTF8(text[:maxNotes], "") + " …"
	}
	m := &marker{}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		if strings.HasPrefix(strings.TrimSpace(lines[i]), "```") {
			i = m.fence(lines, i)
			continue
		}
		m.line(lines[i])
	}
	m.close()
	return m.out.String()
}

// marker writes one block after the other.
type marker struct {
	out   strings.Builder
	block string   // the open one: "p", "ul", "ol", "blockquote" or none
	para  []string // lines of the open paragraph
}

func (m *marker) close() {
	switch m.block {
	case "p":
		m.out.WriteString("<p>" + strings.Join(m.para, "<br>") + "</p>")
	case "":
	default:
		m.out.WriteString("</" + m.block + ">")
	}
	m.block, m.para = "", nil
}

func (m *marker) open(block string) {
	if m.block == block {
		return
	}
	m.close()
	m.block = block
	if block != "p" {
		m.out.WriteString("<" + block + ">")
	}
}

// fence writes a block of code and returns its last line.
func (m *marker) fence(lines []string, i int) int {
	m.close()
	m.out.WriteString("<pre tabindex=\"0\"><code>")
	for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
		m.out.WriteString(html.EscapeString(lines[i]) + "\n")
	}
	m.out.WriteString("</code></pre>")
	return i
}

func (m *marker) line(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case trimmed == "":
		m.close()
		return
	case trimmed == "---" || trimmed == "***":
		m.close()
		m.out.WriteString("<hr>")
		return
	}
	if n := len(trimmed) - len(strings.TrimLeft(trimmed, "#")); n > 0 && n <= 6 && strings.HasPrefix(trimmed[n:], " ") {
		m.close()
		m.out.WriteString("<h3>" + inline(strings.TrimSpace(trimmed[n:])) + "</h3>")
		return
	}
	if rest, ok := item(trimmed, "- ", "* ", "+ "); ok {
		m.open("ul")
		m.out.WriteString("<li>" + inline(rest) + "</li>")
		return
	}
	if rest, ok := numbered(trimmed); ok {
		m.open("ol")
		m.out.WriteString("<li>" + inline(rest) + "</li>")
		return
	}
	if rest, ok := item(trimmed, "> ", ">"); ok {
		m.open("blockquote")
		m.out.WriteString("<p>" + inline(rest) + "</p>")
		return
	}
	m.open("p")
	m.para = append(m.para, inline(trimmed))
}

func item(line string, marks ...string) (rest string, ok bool) {
	for _, mark := range marks {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

func numbered(line string) (rest string, ok bool) {
	n, rest, ok := strings.Cut(line, ". ")
	if !ok || n == "" || len(n) > 3 || strings.Trim(n, "0123456789") != "" {
		return "", false
	}
	return strings.TrimSpace(rest), true
}

// inline writes emphasis, code and links within a line.
func inline(text string) string {
	var b strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "`*[hH")
		if i < 0 {
			break
		}
		b.WriteString(html.EscapeString(text[:i]))
		text = text[i:]
		markup, rest := span(text)
		if rest == text { // no markup after all
			markup, rest = html.EscapeString(text[:1]), text[1:]
		}
		b.WriteString(markup)
		text = rest
	}
	b.WriteString(html.EscapeString(text))
	return b.String()
}

// span reads one piece of markup at the beginning of text; the rest is text itself when there is none.
func span(text string) (markup, rest string) {
	switch {
	case strings.HasPrefix(text, "`"):
		if in, after, ok := strings.Cut(text[1:], "`"); ok && in != "" {
			return "<code>" + html.EscapeString(in) + "</code>", after
		}
	case strings.HasPrefix(text, "**"):
		if in, after, ok := strings.Cut(text[2:], "**"); ok && strings.TrimSpace(in) == in && in != "" {
			return "<strong>" + html.EscapeString(in) + "</strong>", after
		}
	case strings.HasPrefix(text, "*"):
		if in, after, ok := strings.Cut(text[1:], "*"); ok && strings.TrimSpace(in) == in && in != "" {
			return "<em>" + html.EscapeString(in) + "</em>", after
		}
	case strings.HasPrefix(text, "["):
		if words, after, ok := strings.Cut(text[1:], "]("); ok && !strings.ContainsAny(words, "[]\n") {
			if target, after, ok := strings.Cut(after, ")"); ok && words != "" {
				if a, ok := anchor(target, words); ok {
					return a, after
				}
			}
		}
	default:
		return bareLink(text)
	}
	return "", text
}

// bareLink reads an address that stands in the text.
func bareLink(text string) (markup, rest string) {
	if !strings.HasPrefix(text, "http://") && !strings.HasPrefix(text, "https://") {
		return "", text
	}
	end := strings.IndexAny(text, " \t<>\"'`|()[]")
	if end < 0 {
		end = len(text)
	}
	target := strings.TrimRight(text[:end], ".,;:!?*_")
	a, ok := anchor(target, target)
	if !ok {
		return "", text
	}
	return a, text[len(target):]
}

// anchor is a link that leads out of Berth; only http and https do, and never with a name and password in them.
func anchor(target, words string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(target))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", false
	}
	return `<a class="link" href="` + html.EscapeString(u.String()) + `" rel="noopener noreferrer nofollow" target="_blank">` + html.EscapeString(words) + `</a>`, true
}
