package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/job"
	"berth/internal/web/kit"
)

// guests are something for the command palette to find.
type guests struct{}

func (guests) PaletteItems(context.Context) iter.Seq[kit.PaletteItem] {
	return func(yield func(kit.PaletteItem) bool) {
		for i, name := range []string{"pve1", "pve2", "pve3", "attic"} {
			if !yield(kit.PaletteItem{Kind: "node", Title: name, Note: []string{"lab", "lab", "lab", "standalone"}[i], URL: kit.URL.DashboardOf("c1/" + name)}) {
				return
			}
		}
		for i, name := range []string{"gitea", "jellyfin", "postgres-main", "web-staging", "vaultwarden", "build-runner", "adguard", "docs-old"} {
			if !yield(kit.PaletteItem{Kind: "container", Title: name, Note: fmt.Sprintf("%d on pve%d", 101+i*3, i%3+1), Find: "prod", URL: kit.URL.Dashboard()}) {
				return
			}
		}
	}
}

// trail is an audit trail with one entry of most kinds.
type trail struct{}

func (trail) AuditEntries(context.Context, audit.Filter) ([]audit.Entry, error) {
	now := time.Now()
	at := func(d time.Duration) time.Time { return now.Add(-d) }
	return []audit.Entry{
		{Seq: 9, ID: "9", At: at(40 * time.Second), Owner: "u", Actor: "Berth", Kind: audit.NodeUnreachable, Result: audit.OK, Subject: "pve3", Detail: "pve1 cannot reach pve3 (595). Its 14 containers are shown as last seen."},
		{Seq: 8, ID: "8", At: at(12 * time.Minute), Owner: "u", Actor: "alexandra@pve", Address: "192.0.2.17", Kind: audit.ClusterAdd, Result: audit.OK, Subject: "lab", Detail: "Cluster of 3 members with token berth@pve!berth."},
		{Seq: 7, ID: "7", At: at(13 * time.Minute), Owner: "u", Actor: "alexandra@pve", Address: "192.0.2.17", Kind: audit.Probe, Result: audit.Refused, Subject: "169.254.169.254:80", Detail: "Berth does not connect to link-local addresses."},
		{Seq: 6, ID: "6", At: at(time.Hour), Owner: "u", Actor: "alexandra@pve", Address: "192.0.2.17", Kind: audit.TokenCreate, Result: audit.Unknown, Subject: "berth@pve!berth"},
		{Seq: 5, ID: "5", At: at(3 * time.Hour), Owner: "u", Actor: "alexandra@pve", Address: "2001:db8:4a::17", Kind: audit.SignIn, Result: audit.Failed, Subject: "lab", Detail: "The password was wrong."},
		{Seq: 4, ID: "4", At: at(4 * time.Hour), Owner: "", Actor: "root@pam", Address: "192.0.2.4", Kind: audit.SignInHostEdit, Result: audit.OK, Subject: "lab"},
		{Seq: 3, ID: "3", At: at(50 * time.Hour), Owner: "u", Actor: "alexandra@pve", Address: "192.0.2.17", Kind: audit.SignIn, Result: audit.OK, Subject: "lab"},
	}, nil
}

func (trail) Jobs(context.Context, job.Filter) ([]job.Job, error) {
	now := time.Now()
	return []job.Job{{ID: "j1", Title: "Start 48 containers", Actor: "alexandra@pve", State: job.Running, StartedAt: now.Add(-34 * time.Second), Tally: job.Tally{Waiting: 20, Active: 8, Done: 19, Failed: 1}},
		{ID: "j2", Title: "Reboot web1", Actor: "alexandra@pve", State: job.Running, StartedAt: now.Add(-4 * time.Second), Tally: job.Tally{Active: 1}}}, nil
}

func (trail) Steps(context.Context, job.Filter) ([]job.Step, error) { return nil, nil }
func (trail) Board(string) *job.Board                               { return &job.Board{Jobs: 2} }
func (trail) Subscribe(string) (<-chan struct{}, func())            { return nil, func() {} }
func (trail) Picture(string) *fleet.Picture                         { return &fleet.Picture{} }
func (trail) SessionStands(context.Context, string) (bool, error)   { return true, nil }
