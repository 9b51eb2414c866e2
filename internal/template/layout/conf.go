package layout

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"berth/internal/template"
)

// conf is a template.conf, read: values by key, each with the line it begins in.
type conf struct {
	file     string
	values   map[string]string
	lines    map[string]int
	findings []template.Finding
}

var keyGrammar = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// readConf reads KEY=VALUE lines as a shell would, without running anything:
// quotes, comments, and ${VAR:-default}. What a shell would have to run is an error.
func readConf(file string, data []byte) *conf {
	c := &conf{file: file, values: map[string]string{}, lines: map[string]int{}}
	if len(data) > maxConf {
		c.wrong(0, "The file is larger than 512 KiB.", "")
		return c
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		c.wrong(0, "The file has bytes that are no text.", "Save it as UTF-8.")
		return c
	}
	r := &confReader{conf: c, text: text, line: 1}
	for r.pos < len(r.text) {
		r.statement()
	}
	return c
}

func (c *conf) wrong(line int, text, remedy string) {
	c.findings = append(c.findings, template.Finding{Level: template.Error, Rule: "conf", File: c.file, Line: line, Text: text, Remedy: remedy})
}

func (c *conf) warn(line int, text, remedy string) {
	c.findings = append(c.findings, template.Finding{Level: template.Warning, Rule: "conf", File: c.file, Line: line, Text: text, Remedy: remedy})
}

type confReader struct {
	*conf
	text string
	pos  int
	line int
	// spent is how many bytes came out of expansions: a few short lines could ask for any number.
	spent int
}

const (
	maxConf      = 512 << 10 // bytes of a template.conf
	maxConfValue = 64 << 10  // bytes of a value
	maxExpanded  = 256 << 10 // bytes of all expansions together
	maxNested    = 8         // depth of ${A:-${B:-…}}
)

func (r *confReader) peek() byte {
	if r.pos < len(r.text) {
		return r.text[r.pos]
	}
	return 0
}

func (r *confReader) next() byte {
	if r.pos >= len(r.text) {
		return 0
	}
	b := r.text[r.pos]
	r.pos++
	if b == '\n' {
		r.line++
	}
	return b
}

func (r *confReader) blanks() {
	for r.peek() == ' ' || r.peek() == '\t' {
		r.pos++
	}
}

// restOfLine goes behind the line's end and returns what stood before it.
func (r *confReader) restOfLine() string {
	end := strings.IndexByte(r.text[r.pos:], '\n')
	if end < 0 {
		rest := r.text[r.pos:]
		r.pos = len(r.text)
		return rest
	}
	rest := r.text[r.pos : r.pos+end]
	r.pos += end + 1
	r.line++
	return rest
}

// statement reads one line, or more where a quoted value has several.
func (r *confReader) statement() {
	r.blanks()
	switch r.peek() {
	case '\n':
		r.next()
		return
	case '#':
		r.restOfLine()
		return
	case 0:
		r.restOfLine()
		return
	}
	line, start := r.line, r.pos
	if rest, ok := strings.CutPrefix(r.text[r.pos:], "export "); ok {
		r.pos = len(r.text) - len(rest)
		r.blanks()
	}
	keyStart := r.pos
	for b := r.peek(); b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'; b = r.peek() {
		r.pos++
	}
	key := r.text[keyStart:r.pos]
	if !keyGrammar.MatchString(key) || r.peek() != '=' {
		r.pos = start
		r.noAssignment(line, r.restOfLine())
		return
	}
	r.pos++
	value, ok := r.word(line)
	if !ok {
		return // said already; the reader is behind the line
	}
	r.blanks()
	if tail := r.restOfLine(); tail != "" && !strings.HasPrefix(tail, "#") {
		r.wrong(line, "Behind the value of "+key+" stands something else.", "Put a value with spaces into quotes.")
		return
	}
	if _, twice := r.values[key]; twice {
		r.warn(line, key+" is set twice; the last one counts.", "")
	}
	r.values[key], r.lines[key] = value, line
}

func (r *confReader) noAssignment(line int, text string) {
	if key, _, ok := strings.Cut(text, "="); ok && keyGrammar.MatchString(strings.TrimSpace(key)) {
		r.wrong(line, "There are spaces around the = of "+strings.TrimSpace(key)+".", "Write KEY=VALUE without them.")
		return
	}
	r.wrong(line, "This line is no KEY=VALUE.", "Only assignments and comments can stand here; nothing is run.")
}

// word reads a value up to a blank or the line's end outside of quotes.
func (r *confReader) word(line int) (string, bool) {
	var b strings.Builder
	for {
		switch c := r.peek(); {
		case r.pos >= len(r.text) || c == '\n' || c == ' ' || c == '\t':
			return b.String(), true
		case c == '\'':
			r.next()
			end := strings.IndexByte(r.text[r.pos:], '\'')
			if end < 0 {
				return r.unfinished(line, "The ' of this line is never closed.")
			}
			r.line += strings.Count(r.text[r.pos:r.pos+end], "\n")
			b.WriteString(r.text[r.pos : r.pos+end])
			r.pos += end + 1
		case c == '"':
			r.next()
			if !r.doubleQuoted(line, &b) {
				return "", false
			}
		case c == '\\':
			r.next()
			if escaped := r.next(); escaped != '\n' && escaped != 0 {
				b.WriteByte(escaped)
			}
		case c == '$' || c == '`':
			if !r.expansion(line, &b, 0) {
				return "", false
			}
		case strings.IndexByte(";&|<>()", c) >= 0:
			return r.unfinished(line, fmt.Sprintf("A shell would take the %c of this line for a command.", c))
		default:
			b.WriteByte(r.next())
		}
	}
}

// unfinished says what is wrong with a value and goes behind its line.
func (r *confReader) unfinished(line int, text string) (string, bool) {
	r.wrong(line, text, "Put the value into quotes; nothing is run.")
	r.restOfLine()
	return "", false
}

func (r *confReader) doubleQuoted(line int, b *strings.Builder) bool {
	for {
		if r.pos >= len(r.text) {
			r.unfinished(line, "The \" of this line is never closed.")
			return false
		}
		switch c := r.peek(); c {
		case '"':
			r.next()
			return true
		case '\\':
			r.next()
			escaped := r.next()
			switch escaped {
			case '"', '\\', '$', '`':
				b.WriteByte(escaped)
			case '\n', 0:
			default:
				b.WriteByte('\\')
				b.WriteByte(escaped)
			}
		case '$', '`':
			if !r.expansion(line, b, 0) {
				return false
			}
		default:
			b.WriteByte(r.next())
		}
	}
}

// expansion reads $NAME, ${NAME} and ${NAME:-default}: a name that was set above
// has its value, else the default counts. Everything else would have to be run.
func (r *confReader) expansion(line int, b *strings.Builder, depth int) bool {
	if r.next() == '`' || r.peek() == '(' {
		r.unfinished(line, "This value would have to be run to be known.")
		return false
	}
	if r.peek() != '{' {
		name := r.name()
		if name == "" {
			b.WriteByte('$') // as a shell does with a lone one
			return true
		}
		return r.known(line, name, b)
	}
	r.next()
	name := r.name()
	if name == "" || depth > maxNested {
		r.unfinished(line, "This ${…} cannot be read.")
		return false
	}
	switch {
	case r.peek() == '}':
		r.next()
		return r.known(line, name, b)
	case strings.HasPrefix(r.text[r.pos:], ":-"):
		r.pos += 2
	case r.peek() == '-':
		r.pos++
	default:
		r.unfinished(line, "Only ${NAME} and ${NAME:-default} can be read.")
		return false
	}
	var fallback strings.Builder
	if !r.fallback(line, &fallback, depth) {
		return false
	}
	if v := r.values[name]; v != "" {
		return r.expanded(line, v, b)
	}
	return r.expanded(line, fallback.String(), b)
}

func (r *confReader) expanded(line int, v string, b *strings.Builder) bool {
	if r.spent += len(v); r.spent > maxExpanded {
		r.unfinished(line, "The values that are put into others are too long together.")
		return false
	}
	b.WriteString(v)
	return true
}

// fallback reads the default of ${NAME:-default} and the } behind it.
func (r *confReader) fallback(line int, b *strings.Builder, depth int) bool {
	quote := byte(0)
	for {
		if r.pos >= len(r.text) {
			r.unfinished(line, "The ${ of this line is never closed.")
			return false
		}
		switch c := r.peek(); {
		case c == '}' && quote == 0:
			r.next()
			return true
		case quote != 0 && c == quote:
			quote = 0
			r.next()
		case quote == 0 && (c == '\'' || c == '"'):
			quote = r.next()
		case c == '\\' && quote != '\'':
			r.next()
			if escaped := r.next(); escaped != 0 {
				b.WriteByte(escaped)
			}
		case (c == '$' || c == '`') && quote != '\'':
			if !r.expansion(line, b, depth+1) {
				return false
			}
		default:
			b.WriteByte(r.next())
		}
	}
}

func (r *confReader) name() string {
	start := r.pos
	for b := r.peek(); b == '_' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || r.pos > start && b >= '0' && b <= '9'; b = r.peek() {
		r.pos++
	}
	return r.text[start:r.pos]
}

func (r *confReader) known(line int, name string, b *strings.Builder) bool {
	v, ok := r.values[name]
	if !ok {
		r.unfinished(line, "$"+name+" is not set above.")
		return false
	}
	return r.expanded(line, v, b)
}

var bareGrammar = regexp.MustCompile(`^[A-Za-z0-9._/:@%+,-]+$`)

// quoted is the value as template.conf has it: any shell and readConf read it back as it was.
func quoted(value string) string {
	switch {
	case value == "":
		return `""`
	case bareGrammar.MatchString(value):
		return value
	case !strings.ContainsAny(value, "\"\\$`"):
		return `"` + value + `"`
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
