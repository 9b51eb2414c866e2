package kit

import "net/http"

// Theme is which colours the browser is told to use.
type Theme string

const (
	SystemTheme Theme = "system" // as the person's system says
	LightTheme  Theme = "light"
	DarkTheme   Theme = "dark"
)

// Themes are all of them, in the order in which they are offered.
var Themes = []Theme{SystemTheme, LightTheme, DarkTheme}

// Title is the theme's name on the screen.
func (t Theme) Title() string {
	switch t {
	case LightTheme:
		return "Light"
	case DarkTheme:
		return "Dark"
	}
	return "System"
}

func (t Theme) icon() string {
	switch t {
	case LightTheme:
		return "sun"
	case DarkTheme:
		return "moon"
	}
	return "monitor"
}

// ThemeOf is the theme that this browser chose, the system's when it chose none.
func ThemeOf(r *http.Request) Theme {
	if c, err := r.Cookie("theme"); err == nil {
		switch t := Theme(c.Value); t {
		case LightTheme, DarkTheme:
			return t
		}
	}
	return SystemTheme
}

func sidebarCollapsed(r *http.Request) bool {
	c, err := r.Cookie("sidebar")
	return err == nil && c.Value == "icons"
}

const yearInSeconds = 365 * 24 * 3600

// savePreferences keeps how this browser wants to see Berth. It changes nothing but two cookies, and so needs no session.
func savePreferences(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	switch t := Theme(r.PostFormValue("theme")); t {
	case SystemTheme, LightTheme, DarkTheme:
		setCookie(w, r, "theme", string(t), yearInSeconds)
	}
	switch s := r.PostFormValue("sidebar"); s {
	case "icons", "full":
		setCookie(w, r, "sidebar", s, yearInSeconds)
	}
	if Scripted(r) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	to, ok := LocalPath(r.PostFormValue("return"))
	if !ok {
		to = URL.Dashboard()
	}
	return Redirect(w, r, to)
}
