package web

import (
	"net/http"

	"berth/internal/web/kit"
)

// Rooms is a package of pages: Routes is its part of the site map.
type Rooms interface{ Routes() []kit.Route }

// Pages are all rooms of Berth. To add one: a folder, and a line here and in siteMap.
type Pages struct {
	SignIn     Rooms // /login, /set-up, /sign-out
	Dashboard  Rooms // /, /live, /fleet.json
	Containers Rooms // /containers/{cluster}/{vmid}
	Actions    Rooms // /containers/…/{action}, /actions
	Jobs       Rooms // /jobs
	Nodes      Rooms // /settings/nodes
	Templates  Rooms // /templates
	Packages   Rooms // /templates/packages
	Activity   Rooms // /activity
	Settings   Rooms // /settings, and all below it but nodes
	Kit        Rooms // /assets, /preferences, /palette.json
}

// siteMap is every route of every room.
func siteMap(p Pages) []kit.Route {
	var all []kit.Route
	for _, r := range []Rooms{p.SignIn, p.Dashboard, p.Containers, p.Actions, p.Jobs, p.Nodes, p.Templates, p.Packages, p.Activity, p.Settings, p.Kit} {
		if r != nil {
			all = append(all, r.Routes()...)
		}
	}
	return all
}

// isProbe tells the paths that a load balancer asks by address, whatever Host it sends.
func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" }

// probes are for machines: they say nothing but yes or no.
func probes(o Options) []kit.Route {
	routes := []kit.Route{
		{Method: "GET", Pattern: "/healthz", Access: kit.Probe, Handle: say("ok", nil)},
		{Method: "GET", Pattern: "/readyz", Access: kit.Probe, Handle: func(w http.ResponseWriter, r *http.Request) error {
			return say("ready", o.Ready(r.Context()))(w, r)
		}},
	}
	if o.Metrics != nil && !o.MetricsToken.Empty() {
		metrics := behind(o.MetricsToken, o.Metrics.Handler())
		routes = append(routes, kit.Route{Method: "GET", Pattern: "/metrics", Access: kit.Probe, Handle: func(w http.ResponseWriter, r *http.Request) error {
			metrics.ServeHTTP(w, r)
			return nil
		}})
	}
	return routes
}

func say(yes string, err error) kit.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			yes = "not ready"
		}
		_, werr := w.Write([]byte(yes + "\n"))
		return werr
	}
}
