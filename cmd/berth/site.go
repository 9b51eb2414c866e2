package main

import (
	"net/http"
	"time"

	"berth/cmd/berth/reach"
	"berth/internal/ops/connect"
	"berth/internal/web"
	"berth/internal/web/activity"
	"berth/internal/web/dashboard"
	"berth/internal/web/kit"
	"berth/internal/web/nodes"
	"berth/internal/web/packages"
	"berth/internal/web/settings"
	signinpages "berth/internal/web/signin"
	"berth/internal/web/templates"
)

func newConnect(a *app) *connect.Service {
	return connect.New(connect.Options{Store: a.store, Proxmox: reach.Proxmox{Guard: a.guard}, Watcher: attentive{a.watcher, a.act}, Now: time.Now, Log: a.log, Refused: a.signin.NoteRefusal})
}

// routes are a room that is given as a list.
type routes []kit.Route

func (r routes) Routes() []kit.Route { return r }

// site is every page of Berth behind one handler.
func (a *app) site(l *listener) (http.Handler, error) {
	var site *web.Server
	doors := signinpages.New(a.signin, func(path string) bool { return site.IsPage(path) })
	board := dashboard.New(a.watcher, a.signin, time.Now)
	a.streams = board
	a.nodes = nodes.New(a.connect, a.watcher, time.Now)
	var err error
	site, err = web.New(web.Options{
		Door: l.door,
		Pages: web.Pages{
			SignIn:    doors,
			Dashboard: board,
			Nodes:     a.nodes,
			Templates: templates.New(),
			Packages:  packages.New(),
			Activity:  activity.New(a.store, time.Now),
			Settings:  settings.New(a.signin, time.Now),
			Kit:       routes(kit.Routes(board)),
		},
		Viewer:       doors.Viewer,
		TurnedAway:   a.signin.TurnedAway,
		Locked:       a.store.Locked,
		Ready:        a.store.Ping,
		Metrics:      a.metrics,
		MetricsToken: l.token,
		Log:          a.log,
		Now:          time.Now,
	})
	return site, err
}
