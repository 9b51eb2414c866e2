// Package web is the house's front: the site map, and the way that every
// request goes before it reaches a page.
package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/web/kit"
)

// Options are what the server stands on.
type Options struct {
	Door  Door
	Pages Pages
	// Viewer finds who a request's session belongs to; a problem of kind
	// SignedOut means that there is none.
	Viewer func(r *http.Request) (account.Viewer, error)
	// TurnedAway hears of signed-in people whom a route refused: err says
	// whether for want of fresh proof, else they are no administrator. May be nil.
	TurnedAway func(ctx context.Context, v account.Viewer, address, route string, err error)
	// Locked says why stored secrets cannot be opened, which every page of a
	// signed-in person tells then; nil when they can. May be nil.
	Locked func() *problem.Problem
	// Running counts the jobs of a person that run now, for the sidebar; nil: it is not told.
	Running func(owner string) int
	// Ready reports whether the store answers.
	Ready        func(context.Context) error
	Metrics      *Metrics
	MetricsToken secret.Text // empty: /metrics is not served here
	Log          *slog.Logger
	Now          func() time.Time
}

// bodyWithin is how long a form may take to arrive, slowestBody the pace at
// which one that is larger than usual has to come.
const (
	bodyWithin  = 30 * time.Second
	slowestBody = 128 << 10 // bytes a second
)

// Server answers every request of Berth.
type Server struct {
	o       Options
	routes  []kit.Route
	pages   func(path string) bool
	handler http.Handler
	streams kit.Streams
}

// New builds the site map. It fails on a route that does not say who may have it.
func New(o Options) (*Server, error) {
	s := &Server{o: o, streams: kit.Streams{Most: maxStreams}, routes: append(probes(o), siteMap(o.Pages)...)}
	mux := http.NewServeMux()
	forms := map[string]kit.Form{}
	for _, r := range s.routes {
		if r.Access < kit.Public || r.Access > kit.Probe || r.Handle == nil {
			return nil, fmt.Errorf("route %s %s does not say who may have it", r.Method, r.Pattern)
		}
		mux.Handle(r.Method+" "+r.Pattern, s.route(r))
		if r.Access != kit.Probe {
			forms[r.Method+" "+r.Pattern] = r.Form
		}
	}
	s.pages = func(path string) bool {
		_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
		form, ok := forms[pattern]
		return ok && form == kit.PageRoute
	}
	mux.Handle("/", s.route(kit.Route{Pattern: "(none)", Access: kit.Public, Handle: s.lost(mux)}))
	cross := http.NewCrossOriginProtection()
	if u := o.Door.PublicURL; u != nil {
		if err := cross.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("public URL: %w", err)
		}
	}
	cross.SetDenyHandler(s.draw(kit.PageRoute, func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.Denied, "This request came from another site.", "Open the page in Berth and try again there.")
	}))
	zip, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.CompressionLevel(compression), gzhttp.ContentTypes(compressible))
	if err != nil {
		return nil, err
	}
	s.handler = s.enter(zip(cross.Handler(mux)))
	return s, nil
}

// maxStreams is how many streams of one kind a person may have open at once, on
// one replica: a wall of screens, and no more. Every page has one beside its own,
// for the sidebar. What costs more has a narrower limit of its own.
const maxStreams = 64

// compression is where most of a page's time goes: the first level costs a
// quarter less of it than the third, and a tenth more bytes (dashboard's BenchmarkPage).
const compression = 1

// compressible leaves out event streams, which must not wait in a compressor.
var compressible = []string{"text/html", "text/css", "text/javascript", "application/json", "image/svg+xml", "text/plain"}

// Routes is the site map, for the test that walks all of it.
func (s *Server) Routes() []kit.Route { return s.routes }

// IsPage reports whether a path is a page that one can be sent back to: a GET route of ours that is no data, stream or file.
func (s *Server) IsPage(path string) bool { return s.pages != nil && s.pages(path) }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// route makes the handler of one line of the site map: who asks, may they, then the page.
func (s *Server) route(route kit.Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		v.route, v.streams = route.Pattern, route.Form == kit.StreamRoute
		s.draw(route.Form, func(w http.ResponseWriter, r *http.Request) error {
			if route.Access == kit.Probe || route.Form == kit.AssetRoute {
				return route.Handle(w, r)
			}
			if !v.Secure && !v.Local {
				return insecure()
			}
			w.Header().Set("Cache-Control", "private, no-store")
			if route.Form == kit.StreamRoute && !s.o.Door.OwnOrigin(r, v.Visit) {
				return problem.New(problem.Denied, "This stream can only be opened by a page of Berth.", "")
			}
			r, err := s.admit(route, r)
			v.admitted = r
			bound(w, r, route)
			if err != nil {
				return s.turnAway(w, r, route, err)
			}
			if route.Form == kit.StreamRoute {
				leave, err := s.streams.Enter(string(kit.ViewerOf(r.Context()).User.ID) + " " + route.Pattern)
				if err != nil {
					return err
				}
				defer leave()
			}
			return route.Handle(w, r)
		}).ServeHTTP(w, r)
	})
}

// bound limits what is read of a form: its size, and how long it may take. A
// deadline on every request would end streams.
func bound(w http.ResponseWriter, r *http.Request, route kit.Route) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	size := max(route.MaxBody, kit.MaxForm)
	within := bodyWithin + time.Duration(size-kit.MaxForm)*time.Second/slowestBody
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within)) // readers of tests know none
	r.Body = http.MaxBytesReader(w, r.Body, size)
}

// admit finds the viewer and checks what the route asks of them. The request
// that it returns carries the viewer, also beside an error, so that the error
// is drawn inside the frame of who asked.
func (s *Server) admit(route kit.Route, r *http.Request) (*http.Request, error) {
	viewer, err := s.o.Viewer(r)
	switch {
	case err == nil:
		r = r.WithContext(kit.WithViewer(r.Context(), viewer))
		if s.o.Running != nil {
			r = r.WithContext(kit.WithRunning(r.Context(), s.o.Running(string(viewer.User.ID))))
		}
		if s.o.Locked != nil {
			r = r.WithContext(kit.WithLocked(r.Context(), s.o.Locked()))
		}
	case problem.Is(err, problem.SignedOut):
		if route.Access == kit.Public {
			return r, nil
		}
		return r, err
	default:
		return r, fmt.Errorf("finding the session: %w", err)
	}
	if route.Access == kit.Administrator && !viewer.User.Admin {
		// The same answer as for a page that is not there: who is no administrator learns nothing of what one sees.
		return r, s.refuse(r, route, viewer, problem.Missing())
	}
	if route.Proof && !viewer.Session.Proved(s.o.Now()) {
		return r, s.refuse(r, route, viewer, problem.New(problem.NeedProof, "Your password is needed again for this.", ""))
	}
	return r, nil
}

// refuse tells the trail. To be asked for the password on the way to a form is
// no refusal: only what would have been done without it is.
func (s *Server) refuse(r *http.Request, route kit.Route, viewer account.Viewer, err error) error {
	if s.o.TurnedAway != nil && (route.Method != http.MethodGet || !problem.Is(err, problem.NeedProof)) {
		s.o.TurnedAway(r.Context(), viewer, kit.ClientAddr(r.Context()), route.Method+" "+route.Pattern, err)
	}
	return err
}

// turnAway answers who may not pass: pages lead to the sign-in or the proof and back, data says 401.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, route kit.Route, err error) error {
	if route.Form != kit.PageRoute {
		return err
	}
	back := r.URL.RequestURI()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if route.Keep && problem.Is(err, problem.SignedOut) {
			return kit.KeepForm(w, r)
		}
		back = localReferer(r)
	}
	switch {
	case problem.Is(err, problem.SignedOut):
		return kit.Redirect(w, r, kit.URL.SignIn(back))
	case problem.Is(err, problem.NeedProof):
		return kit.Redirect(w, r, kit.URL.Proof(back))
	}
	return err
}

// draw turns a page's error into an answer, once, for all pages. What is not
// for people is logged under a reference, which is all that the page shows of it.
func (s *Server) draw(form kit.Form, h kit.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil || r.Context().Err() != nil {
			return
		}
		ctx, v, reference := r.Context(), visitOf(r.Context()), ""
		if problem.Of(err) == nil {
			reference = rand.Text()[:10]
			s.o.Log.ErrorContext(ctx, "a page failed", "route", v.route, "method", r.Method, "reference", reference, "err", err)
		} else {
			s.o.Log.DebugContext(ctx, "a page said no", "route", v.route, "method", r.Method, "err", err)
		}
		if v.wrote() {
			return // too late for another answer
		}
		if v.admitted != nil {
			r = v.admitted // carries the viewer, so that the error is drawn inside their frame
		}
		if err := kit.WriteError(w, r, form, err, reference); err != nil {
			s.o.Log.ErrorContext(ctx, "an error page could not be drawn", "err", err)
		}
	})
}

// lost answers what is not on the map: 405 where only the method is wrong, else 404.
func (s *Server) lost(mux *http.ServeMux) kit.Handler {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}
	return func(w http.ResponseWriter, r *http.Request) error {
		for _, m := range methods {
			probe := r.Clone(r.Context())
			probe.Method = m
			if _, pattern := mux.Handler(probe); pattern != "/" && pattern != "" && m != r.Method {
				w.Header().Add("Allow", m)
			}
		}
		if len(w.Header().Values("Allow")) > 0 {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return nil
		}
		return problem.Missing()
	}
}

func insecure() error {
	return problem.New(problem.Denied, "Berth is only served over HTTPS here.",
		"Open it with https://, or put it behind a proxy and declare that one with --trusted-proxy.")
}
