package pvesim

import (
	"html"
	"regexp"
	"slices"
)

// respForm is the form of an answer, as the path asks for it: json is for
// programs, extjs and htmljs for Proxmox's own web page.
type respForm string

var apiURI = regexp.MustCompile(`^/api2/+([a-z][a-z0-9]+)(/.*)?$`)

// splitURI takes a path apart: what lies in the API, and in which form.
func splitURI(path string) (rel string, form respForm, inAPI bool) {
	m := apiURI.FindStringSubmatch(path)
	if m == nil {
		return "", "", false
	}
	if m[2] == "" {
		m[2] = "/"
	}
	return m[2], respForm(m[1]), true
}

func (f respForm) known() bool { return slices.Contains([]respForm{"json", "extjs", "htmljs"}, f) }

// forScripts reports whether the answer is a 200 whatever became of the call,
// with its success in the body.
func (f respForm) forScripts() bool { return f != "json" }

func (f respForm) contentType() string {
	if f == "htmljs" {
		return "text/html;charset=UTF-8"
	}
	return "application/json;charset=UTF-8"
}

func (f respForm) write(o obj) []byte {
	b := appendJSON(nil, o)
	if f == "htmljs" { // for a form in a frame, which would show it as a page
		return []byte(html.EscapeString(string(b)))
	}
	return b
}
