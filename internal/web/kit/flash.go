package kit

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"
)

// Tone is what a toast, banner or pill means; it has a colour and an icon, and never a colour alone.
type Tone string

const (
	Info    Tone = "info"
	Success Tone = "ok"
	Warning Tone = "warn"
	Failure Tone = "bad"
	Busy    Tone = "busy"
	Neutral Tone = "neutral"
)

// Toast is one sentence about what just happened, drawn by the server on the next page.
type Toast struct {
	Kind Tone   `json:"k"`
	Text string `json:"t"`
	// Undo, where set, is a button that takes back what was just done.
	Undo *Undo `json:"u,omitempty"`
}

// Undo is a small form that takes something back. All of it has to fit into a
// cookie: what is longer is better drawn by the page itself.
type Undo struct {
	URL    string            `json:"u"` // a local path that ends with /put-back
	Fields map[string]string `json:"f"`
}

// valid drops what Flash would not have written: a cookie must not lead a press anywhere else.
func (u *Undo) valid() *Undo {
	if u == nil || len(u.Fields) > 8 {
		return nil
	}
	path, ok := LocalPath(u.URL)
	if !ok || path != u.URL || !strings.HasSuffix(path, "/put-back") {
		return nil
	}
	return u
}

const (
	maxToasts    = 4
	maxToastText = 300
)

// Flash leaves toasts for the next page that this browser asks for. A later call in the same answer replaces an earlier one.
// The cookie is no proof of anything: whatever comes back is cut, cleaned and drawn as text.
func Flash(w http.ResponseWriter, r *http.Request, toasts ...Toast) {
	raw, err := json.Marshal(cleanToasts(toasts))
	if err != nil {
		return // fields of plain text always marshal
	}
	setCookie(w, r, flashName(r), base64.RawURLEncoding.EncodeToString(raw), 60)
}

// takeToasts reads and forgets what Flash left; anything that it did not write is nothing.
func takeToasts(w http.ResponseWriter, r *http.Request) []Toast {
	c, err := r.Cookie(flashName(r))
	if err != nil || c.Value == "" {
		return nil
	}
	setCookie(w, r, flashName(r), "", -1)
	if len(c.Value) > 4000 {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	var toasts []Toast
	if json.Unmarshal(raw, &toasts) != nil {
		return nil
	}
	return cleanToasts(toasts)
}

func cleanToasts(in []Toast) []Toast {
	var out []Toast
	for _, t := range in {
		switch t.Kind {
		case Info, Success, Warning, Failure:
		default:
			t.Kind = Info
		}
		t.Text, t.Undo = cleanLine(t.Text, maxToastText), t.Undo.valid()
		if t.Text != "" && len(out) < maxToasts {
			out = append(out, t)
		}
	}
	return out
}

// cleanLine drops what could disguise a line (control and format characters such as bidi marks) and cuts it.
func cleanLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit-1]) + "…"
	}
	return strings.TrimSpace(s)
}

func flashName(r *http.Request) string {
	if Secure(r.Context()) {
		return "__Host-flash"
	}
	return "flash"
}

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: Secure(r.Context()), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// Redirect sends the browser on after a form was handled (303), so that a reload does not send it again.
func Redirect(w http.ResponseWriter, r *http.Request, url string) error {
	http.Redirect(w, r, url, http.StatusSeeOther)
	return nil
}
