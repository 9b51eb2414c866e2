package main

import (
	"context"
	"net/http"
	"time"

	"berth/cmd/berth/reach"
	"berth/internal/ops/connect"
	"berth/internal/ops/signin"
	"berth/internal/web"
	"berth/internal/web/dashboard"
	"berth/internal/web/kit"
	"berth/internal/web/nodes"
	"berth/internal/web/settings"
	signinpages "berth/internal/web/signin"
)

func newConnect(a *app) *connect.Service {
	return connect.New(connect.Options{Store: a.store, Proxmox: reach.Proxmox{Guard: a.guard}, Watcher: a.watcher, Now: time.Now, Log: a.log})
}

// rooms are pages that are given as a list of routes.
type rooms []kit.Route

func (r rooms) Routes() []kit.Route { return r }

// standing tells the dashboard's streams whether their session still stands.
type standing struct{ *signin.Service }

func (s standing) SessionStands(ctx context.Context, sessionID string) (bool, error) {
	return s.Alive(ctx, sessionID), nil
}

// site is every page of Berth behind one handler.
func (a *app) site(l *listener) (http.Handler, error) {
	var site *web.Server
	doors := signinpages.New(a.signin, func(path string) bool { return site.IsPage(path) })
	board := dashboard.New(a.watcher, standing{a.signin}, time.Now)
	a.streams = board
	var err error
	site, err = web.New(web.Options{
		Door: l.door,
		Rooms: []web.Rooms{
			doors,
			board,
			nodes.New(a.connect, a.watcher, time.Now),
			settings.New(a.signin, time.Now),
			rooms(kit.Routes(board)),
		},
		Viewer:       doors.Viewer,
		Ready:        a.store.Ping,
		Metrics:      a.metrics,
		MetricsToken: l.token,
		Log:          a.log,
		Now:          time.Now,
	})
	return site, err
}
