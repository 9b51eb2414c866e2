// Package kit is what every page of Berth is made with: the frame around it,
// components, addresses, formatting, assets, toasts, the theme and the command
// palette. It knows no page; pages know it.
package kit

import (
	"context"
	"net/http"

	"berth/internal/account"
	"berth/internal/problem"
)

// Handler answers one route. An error is drawn by the server: a
// *problem.Problem with its sentence and status, anything else as a 500 whose
// cause is only logged.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Access says who gets to a route. The zero value is nobody, so that a forgotten one is found at start.
type Access int

const (
	Public        Access = iota + 1 // everybody: sign-in, set-up, assets
	SignedIn                        // a live session
	Administrator                   // a live session of an administrator
	Probe                           // machines: health and metrics
)

// Form says what a route answers with, and so how a refusal looks.
type Form int

const (
	PageRoute   Form = iota // a page; without a session the browser is sent to sign in
	APIRoute                // data; without a session 401
	StreamRoute             // server-sent events; without a session 401
	AssetRoute              // an embedded file
)

// MaxForm is the largest form that a page takes unless its route says more, in bytes.
const MaxForm = 1 << 20

// Route is one line of the site map.
type Route struct {
	Method  string // "GET" also answers HEAD
	Pattern string // as net/http.ServeMux reads it, without the method
	Access  Access
	Form    Form
	Proof   bool // the password must have been given within account.ProofFor
	// MaxBody is the largest form that it takes, in bytes; 0: MaxForm.
	MaxBody int64
	// Keep says that a form much is typed into is not lost when the session has
	// ended meanwhile: it is shown again, to be sent once more after signing in.
	Keep   bool
	Handle Handler
}

type contextKey int

const (
	viewerKey contextKey = iota
	nonceKey
	addressKey
	secureKey
	runningKey
	lockedKey
)

// WithViewer is for the server: it puts the signed-in person into a request's context.
func WithViewer(ctx context.Context, v account.Viewer) context.Context {
	return context.WithValue(ctx, viewerKey, v)
}

// ViewerOf is the person who asks. It is the zero Viewer on routes that need
// nobody to be signed in.
func ViewerOf(ctx context.Context) account.Viewer {
	v, _ := ctx.Value(viewerKey).(account.Viewer)
	return v
}

// WithRunning is for the server: how many jobs of the viewer's run now, said in the sidebar of every page.
func WithRunning(ctx context.Context, jobs int) context.Context {
	return context.WithValue(ctx, runningKey, jobs)
}

// runningOf is what WithRunning was given; known is false when it was not called.
func runningOf(ctx context.Context) (jobs int, known bool) {
	jobs, known = ctx.Value(runningKey).(int)
	return jobs, known
}

// WithLocked is for the server: why Berth cannot open what it has stored, said on every page; nil when it can.
func WithLocked(ctx context.Context, why *problem.Problem) context.Context {
	if why == nil {
		return ctx
	}
	return context.WithValue(ctx, lockedKey, why)
}

func lockedOf(ctx context.Context) *problem.Problem {
	p, _ := ctx.Value(lockedKey).(*problem.Problem)
	return p
}

// WithNonce is for the server: the value of this answer's `script-src 'nonce-…'`.
func WithNonce(ctx context.Context, nonce string) context.Context {
	return context.WithValue(ctx, nonceKey, nonce)
}

// Nonce is what a script element of this answer must carry.
func Nonce(ctx context.Context) string {
	s, _ := ctx.Value(nonceKey).(string)
	return s
}

// WithClientAddr is for the server: the client's address, after trusted proxies were believed.
func WithClientAddr(ctx context.Context, addr string) context.Context {
	return context.WithValue(ctx, addressKey, addr)
}

// ClientAddr is the client's IP address without port.
func ClientAddr(ctx context.Context) string {
	s, _ := ctx.Value(addressKey).(string)
	return s
}

// WithSecure is for the server: whether the browser speaks HTTPS to Berth or to its declared proxy.
func WithSecure(ctx context.Context, secure bool) context.Context {
	return context.WithValue(ctx, secureKey, secure)
}

// Secure reports whether the browser speaks HTTPS, and so whether cookies are `__Host-` ones.
func Secure(ctx context.Context) bool {
	b, _ := ctx.Value(secureKey).(bool)
	return b
}
