// Command gallery serves every component of the kit in the real frame, to look
// at while working on them: go run ./test/gallery, then open the address. It is no part of Berth.
package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/web/activity"
	"berth/internal/web/kit"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8099", "address")
	flag.Parse()
	mux := http.NewServeMux()
	all := slices.Concat(kit.Routes(guests{}), routes(), activity.New(activity.Options{Trail: trail{}, Jobs: trail{}, Work: trail{}, Pictures: trail{}, Sessions: trail{}, Now: time.Now}).Routes())
	for _, r := range all {
		mux.HandleFunc(r.Method+" "+r.Pattern, serve(r))
	}
	fmt.Println("http://" + *listen + "/")
	server := http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// serve does what Berth's server does around a handler, as far as looks go.
func serve(route kit.Route) http.HandlerFunc {
	viewer := account.Viewer{User: account.User{ID: "u", PVEUser: "alexandra@pve", Admin: true}, Host: "lab.example.net"}
	return func(w http.ResponseWriter, r *http.Request) {
		nonce := rand.Text()
		ctx := kit.WithNonce(r.Context(), nonce)
		if !strings.HasPrefix(r.URL.Path, "/bare") {
			ctx = kit.WithViewer(ctx, viewer)
		}
		r = r.WithContext(ctx)
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types berth")
		if theme := r.URL.Query().Get("theme"); theme != "" {
			r.AddCookie(&http.Cookie{Name: "theme", Value: theme})
		}
		if err := route.Handle(w, r); err != nil {
			if err := kit.WriteError(w, r, route.Form, err, "01k9-7f3a"); err != nil {
				log.Print(err)
			}
		}
	}
}

func routes() []kit.Route {
	now := time.Now()
	page := func(pattern string, handle kit.Handler) kit.Route {
		return kit.Route{Method: "GET", Pattern: pattern, Access: kit.SignedIn, Handle: handle}
	}
	return []kit.Route{
		page("/{$}", func(w http.ResponseWriter, r *http.Request) error {
			kit.Flash(w, r, kit.Toast{Kind: kit.Success, Text: "lab was added: 3 nodes, 42 containers."})
			return kit.Render(w, r, 200, kit.Frame{Title: "Components", Subtitle: "Every one of them, in one place", Section: kit.SectionDashboard,
				Crumbs:  []kit.Crumb{{Text: "Settings", URL: kit.URL.Settings()}},
				Tabs:    []kit.Tab{{Text: "Overview", URL: "/", Current: true}, {Text: "Services", URL: "/"}, {Text: "Events", URL: "/"}},
				Actions: headActions(), Beside: kit.Pill(kit.Success, "play", "Running")}, gallery(now))
		}),
		page("/forms", func(w http.ResponseWriter, r *http.Request) error {
			return kit.Render(w, r, 200, kit.Frame{Title: "Add node", Section: kit.SectionSettings, Narrow: true,
				Crumbs: []kit.Crumb{{Text: "Settings", URL: kit.URL.Settings()}, {Text: "Nodes", URL: kit.URL.Nodes()}}}, forms())
		}),
		page("/bare", func(w http.ResponseWriter, r *http.Request) error {
			return kit.RenderBare(w, r, 200, "Sign in", signIn())
		}),
		page("/golden/{page}/{name}", func(w http.ResponseWriter, r *http.Request) error {
			// The golden pages of a package, in the frame: how its fixtures look.
			dir, err := os.OpenRoot("internal/web")
			if err != nil {
				return err
			}
			defer dir.Close()
			raw, err := dir.ReadFile(r.PathValue("page") + "/testdata/" + r.PathValue("name") + ".golden.html")
			if err != nil {
				return problem.Missing()
			}
			return kit.Render(w, r, 200, kit.Frame{Title: "Containers", Subtitle: r.PathValue("name"), Section: kit.SectionDashboard}, templ.Raw(string(raw)))
		}),
		page("/404", func(http.ResponseWriter, *http.Request) error { return problem.Missing() }),
		page("/bare/404", func(http.ResponseWriter, *http.Request) error { return problem.Missing() }),
		page("/500", func(http.ResponseWriter, *http.Request) error { return fmt.Errorf("the cause, for the log") }),
		page("/403", func(http.ResponseWriter, *http.Request) error {
			return problem.New(problem.Denied, "Only administrators manage sign-in hosts.", "Ask an administrator of this Berth.")
		}),
	}
}
