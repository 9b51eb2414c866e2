package main

import (
	"net/http"
	"time"

	"berth/cmd/berth/reach"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/jobs"
	"berth/internal/ops/act"
	"berth/internal/ops/connect"
	"berth/internal/web"
	"berth/internal/web/actions"
	"berth/internal/web/activity"
	"berth/internal/web/containers"
	"berth/internal/web/dashboard"
	jobpages "berth/internal/web/jobs"
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

// work tells pages what is being done: by whom says the verb, that it changed the engine.
type work struct {
	acts   *act.Service
	engine *jobs.Engine
}

func (w work) Busy(owner string) map[fleet.ContainerID]fleet.Busy { return w.acts.Busy(owner) }

func (w work) Subscribe(owner string) (<-chan struct{}, func()) { return w.engine.Subscribe(owner) }

func (w work) Board(owner string) *job.Board { return w.engine.Board(owner) }

// site is every page of Berth behind one handler.
func (a *app) site(l *listener) (http.Handler, error) {
	var site *web.Server
	doors := signinpages.New(a.signin, func(path string) bool { return site.IsPage(path) })
	doing := work{a.act, a.jobs}
	board := dashboard.New(a.watcher, doing, a.signin, time.Now)
	single := containers.New(containers.Options{Eyes: a.watcher, Past: a.store, Work: doing, Sessions: a.signin, Now: time.Now})
	tasks := jobpages.New(jobpages.Options{Verbs: a.act, Store: a.store, News: a.jobs, Sessions: a.signin, PerNode: a.perNode, Now: time.Now})
	history := activity.New(activity.Options{Trail: a.store, Jobs: a.store, Work: doing, Pictures: a.watcher, Sessions: a.signin, Now: time.Now})
	a.streams = append(a.streams, board, single, tasks, history)
	a.nodes = nodes.New(a.connect, a.watcher, time.Now)
	written := templates.New(a.templates, time.Now)
	var err error
	site, err = web.New(web.Options{
		Door: l.door,
		Pages: web.Pages{
			SignIn:     doors,
			Dashboard:  board,
			Actions:    actions.New(actions.Options{Verbs: a.act, Pictures: a.watcher, Finder: board, Steps: a.store, Disks: single.Disks}),
			Jobs:       tasks,
			Containers: single,
			Nodes:      a.nodes,
			Templates:  written,
			Packages:   packages.New(a.templates, time.Now),
			Activity:   history,
			Settings:   settings.New(a.signin, time.Now),
			Kit:        routes(kit.Routes(board, written)),
		},
		Viewer:       doors.Viewer,
		TurnedAway:   a.signin.TurnedAway,
		Locked:       a.store.Locked,
		Running:      func(owner string) int { return a.jobs.Board(owner).Jobs },
		Ready:        a.store.Ping,
		Metrics:      a.metrics,
		MetricsToken: l.token,
		Log:          a.log,
		Now:          time.Now,
	})
	return site, err
}
