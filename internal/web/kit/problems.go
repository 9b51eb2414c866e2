package kit

import (
	"encoding/json"
	"net/http"

	"berth/internal/problem"
)

// StatusOf is the HTTP status that a problem of that kind is answered with.
// What went wrong between Berth and Proxmox is 502 or 504, never Berth's own 4xx.
func StatusOf(k problem.Kind) int {
	switch k {
	case problem.SignedOut:
		return http.StatusUnauthorized
	case problem.NotFound, problem.Forgotten:
		return http.StatusNotFound
	case problem.Invalid, problem.Parameters:
		return http.StatusUnprocessableEntity
	case problem.Conflict, problem.Busy, problem.State, problem.Protected, problem.Gone:
		return http.StatusConflict
	case problem.Denied, problem.NeedProof, problem.Forbidden:
		return http.StatusForbidden
	case problem.TooMany, problem.BudgetSpent:
		return http.StatusTooManyRequests
	case problem.Locked:
		return http.StatusServiceUnavailable
	case problem.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// errorView is what an error page says.
type errorView struct {
	status        int
	icon          string
	title         string
	text          string
	proxmox       string
	reference     string // of the request, to find it in the log
	retry         bool
	back          string
	signedIn      bool
	expected, got string
}

func viewOf(r *http.Request, err error, reference string) errorView {
	v := errorView{signedIn: ViewerOf(r.Context()).User.ID != "", back: URL.Dashboard()}
	p := problem.Of(err)
	if p == nil {
		v.status, v.icon, v.title = http.StatusInternalServerError, "circle-alert", "Something went wrong in Berth"
		v.text = "It is not your doing, and your containers are not touched by it. The cause is in Berth's log."
		v.reference, v.retry = reference, true
		return v
	}
	v.status, v.title, v.text, v.proxmox = StatusOf(p.Kind), p.What, p.Remedy, p.Proxmox
	v.expected, v.got = p.Expected, p.Got
	switch v.status {
	case http.StatusNotFound:
		v.icon = "circle-help"
	case http.StatusForbidden:
		v.icon = "lock"
	default:
		v.icon, v.retry = "triangle-alert", v.status != http.StatusUnprocessableEntity
	}
	return v
}

// WriteError draws an error as the route's form wants it: a page in the frame
// (or bare while nobody is signed in), or one JSON sentence. What is no
// *problem.Problem is a 500 that shows nothing but the reference, with which
// the caller has logged its cause.
func WriteError(w http.ResponseWriter, r *http.Request, form Form, err error, reference string) error {
	v := viewOf(r, err, reference)
	if form != PageRoute {
		return writeErrorData(w, r, v)
	}
	title := heading(v.status)
	if v.signedIn {
		return Render(w, r, v.status, Frame{Title: title, Narrow: true}, errorPage(v))
	}
	return RenderBare(w, r, v.status, title, errorPage(v))
}

// heading is what the page is called, in the window and above its sentence.
func heading(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Not found"
	case http.StatusForbidden:
		return "Not allowed"
	case http.StatusUnauthorized:
		return "Signed out"
	case http.StatusConflict:
		return "Changed meanwhile"
	case http.StatusTooManyRequests:
		return "Too many"
	case http.StatusUnprocessableEntity:
		return "Not understood"
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return "Proxmox did not do it"
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		return "Something is wrong"
	}
	return "Not possible"
}

func writeErrorData(w http.ResponseWriter, r *http.Request, v errorView) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "private, no-store")
	w.WriteHeader(v.status)
	sentence := v.title
	if v.text != "" {
		sentence += " " + v.text
	}
	return ignoreGone(r.Context(), json.NewEncoder(w).Encode(map[string]string{"error": sentence, "reference": v.reference}))
}
