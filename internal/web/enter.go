package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"berth/internal/web/kit"
)

// visit is what the server itself keeps of one request.
type visit struct {
	Visit
	route    string
	admitted *http.Request // with the viewer, once the session was looked at
	streams  bool          // it goes on for as long as the page does, and bounds its writes itself
	status   int
	bytes    int64
	writing  time.Time // since the first byte of the answer
}

func (v *visit) wrote() bool { return v.status != 0 }

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// enter is the first thing that every request goes through: who asks, under
// which name, with which headers in the answer; and the last: the log.
func (s *Server) enter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.o.Now()
		v := &visit{Visit: s.o.Door.Visit(r)}
		nonce := newNonce()
		ctx := context.WithValue(r.Context(), visitKey{}, v)
		ctx = kit.WithNonce(ctx, nonce)
		ctx = kit.WithClientAddr(ctx, v.Client.String())
		ctx = kit.WithSecure(ctx, v.Secure)
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w, visit: v}
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.o.Log.ErrorContext(ctx, "a page panicked", "route", v.route, "panic", p, "stack", string(debug.Stack()))
				if !v.wrote() {
					rec.WriteHeader(http.StatusInternalServerError)
				}
			}
			s.leave(r, v, began)
		}()
		secureHeaders(w.Header(), nonce, v.Secure)
		if !s.o.Door.Knows(r) && !isProbe(r.URL.Path) {
			v.route = "(unknown host)"
			http.Error(rec, "Berth does not answer to this host name. Start it with --public-url or --allowed-host to change that.", http.StatusMisdirectedRequest)
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			// Nothing is read before the route says how much; whoever sends without being asked is not waited for.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin))
		}
		next.ServeHTTP(rec, r)
	})
}

// leave logs and counts. Only the path is logged, never the query: a set-up link or a search has no place in a log.
func (s *Server) leave(r *http.Request, v *visit, began time.Time) {
	took := s.o.Now().Sub(began)
	if s.o.Metrics != nil {
		s.o.Metrics.answered(v.route, v.status, took)
	}
	level := slog.LevelDebug
	if v.status >= 500 {
		level = slog.LevelWarn
	}
	s.o.Log.Log(r.Context(), level, "answered", "method", r.Method, "route", v.route, "status", v.status,
		"bytes", v.bytes, "took", took, "client", v.Client.String())
}

func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return base64.RawStdEncoding.EncodeToString(b[:])
}

func secureHeaders(h http.Header, nonce string, secure bool) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; style-src 'self'; img-src 'self'; font-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "+
		"require-trusted-types-for 'script'; trusted-types berth")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// localReferer is the path of the page that a form was sent from, to come back to; the dashboard when it is not ours.
func localReferer(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return kit.URL.Dashboard()
	}
	path, ok := kit.LocalPath(u.RequestURI())
	if !ok {
		return kit.URL.Dashboard()
	}
	return path
}

// How long a browser may take to read an answer: a start, and its size at the
// pace of a poor line. Who reads more slowly holds no goroutine and no buffer for longer.
const (
	readWithin  = time.Minute
	slowestRead = 16 << 10 // bytes a second
)

// bound sets until when the next bytes must be gone. A deadline on every connection would end streams.
func (w *recorder) bound(next int) {
	if w.visit.streams {
		return
	}
	if w.visit.writing.IsZero() {
		w.visit.writing = time.Now()
	}
	pace := time.Duration(w.visit.bytes+int64(next)) * time.Second / slowestRead
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(w.visit.writing.Add(readWithin + pace)) // writers of tests know none
}

// recorder remembers the status and the size of an answer, and bounds how long it may take. http.ResponseController reaches through it.
type recorder struct {
	http.ResponseWriter
	visit *visit
}

func (w *recorder) WriteHeader(status int) {
	if w.visit.status == 0 || w.visit.status < 200 {
		w.visit.status = status
	}
	w.bound(0)
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.visit.status == 0 {
		w.visit.status = http.StatusOK
	}
	w.bound(len(b))
	n, err := w.ResponseWriter.Write(b)
	w.visit.bytes += int64(n)
	return n, err
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
