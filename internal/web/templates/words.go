package templates

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"berth/internal/template"
	"berth/internal/web/kit"
)

// pageStart reads which card a page begins with; whatever does not fit is the first.
func pageStart(text string, n int) int {
	from, err := strconv.Atoi(text)
	if err != nil || from < 0 || from >= n {
		return 0
	}
	return from - from%perPage
}

// address is the list with this filter, from that card on.
func (v listView) address(from int) string {
	q := url.Values{}
	for key, value := range map[string]string{"q": v.Query, "tag": v.Tag} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if v.Mine {
		q.Set("of", "mine")
	}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	if len(q) == 0 {
		return kit.URL.Templates()
	}
	return kit.URL.Templates() + "?" + q.Encode()
}

// resources are what a container gets, in a line.
func resources(cores, memory, disk int) string {
	return kit.Count(cores, "core", "cores") + " · " + mib(memory) + " memory · " + strconv.Itoa(disk) + " GiB disk"
}

func mib(n int) string { return kit.Bytes(int64(n) << 20) }

// counts are what a template has, in a line; "Nothing to install or run" when it has nothing.
func counts(c template.Counts) string {
	var parts []string
	for _, one := range []struct {
		n         int
		one, many string
	}{{c.Scripts, "script", "scripts"}, {c.Packages, "package", "packages"}, {c.Files, "file", "files"}, {c.Inputs, "input", "inputs"}} {
		if one.n > 0 {
			parts = append(parts, kit.Count(one.n, one.one, one.many))
		}
	}
	if len(parts) == 0 {
		return "Nothing to install or run"
	}
	return strings.Join(parts, " · ")
}

// sourceText says where a template came from.
func sourceText(s template.Source) string {
	switch s.Kind {
	case template.Imported:
		return "Imported from " + s.From
	case template.Starter:
		return "From the starter set"
	case template.Copied:
		return "Copy of " + s.From
	}
	return "Made here"
}

// policyText says what happens when a file is there already.
func policyText(p template.Policy) string {
	switch p {
	case template.Replace:
		return "Replace when it differs"
	case template.Backup:
		return "Keep the old one as a backup, then write"
	}
	return "Only when there is none"
}

func policyOptions() (out []kit.Option) {
	for _, p := range template.Policies {
		out = append(out, kit.Option{Value: string(p), Text: policyText(p)})
	}
	return out
}

func kindText(k template.Kind) string {
	switch k {
	case template.Number:
		return "Number"
	case template.Choice:
		return "Choice"
	case template.Secret:
		return "Secret"
	case template.Boolean:
		return "Yes or no"
	}
	return "Text"
}

func kindOptions() (out []kit.Option) {
	for _, k := range template.Kinds {
		out = append(out, kit.Option{Value: string(k), Text: kindText(k)})
	}
	return out
}

// managerText names what installs a package.
func managerText(m template.Manager) string {
	if m == template.Custom {
		return "Custom commands"
	}
	return string(m)
}

// managerHint shows how a line of that manager's list looks.
func managerHint(m template.Manager) string {
	switch m {
	case template.Apt:
		return "nginx or nginx=1.22.*"
	case template.Apk:
		return "nginx or nginx=1.26.2-r0"
	case template.Dnf:
		return "nginx or nginx-1.26"
	case template.Npm:
		return "typescript or typescript@5"
	case template.Pip:
		return "httpie or httpie==3.2.4"
	}
	return "name|check command|install command, with |seconds where 300 are too few"
}

func modeText(mode uint32) string { return fmt.Sprintf("%04o", mode) }

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

func orDefault(s string) string {
	if s == "" {
		return "The node's default"
	}
	return s
}

// isText reports whether a file can be shown and edited as text: a browser's
// text field keeps neither NUL nor a carriage return of its own.
func isText(content []byte) bool {
	s := string(content)
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return false
	}
	lf, crlf, cr := strings.Count(s, "\n"), strings.Count(s, "\r\n"), strings.Count(s, "\r")
	return cr == crlf && (crlf == 0 || crlf == lf)
}

func lineCount(text string) string {
	n := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		n++
	}
	return kit.Count(n, "line", "lines")
}

// paragraphs are a description's parts between empty lines.
func paragraphs(text string) []string { return strings.Split(text, "\n\n") }

// defaultText says what stands for an input that is left empty.
func defaultText(in template.Input) string {
	switch {
	case in.Kind == template.Boolean:
		return yesNo(in.Default == "1")
	case in.Default != "":
		return in.Default
	case in.Optional:
		return "Nothing"
	}
	return "Has to be answered"
}
