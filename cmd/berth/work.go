package main

import (
	"context"
	"time"

	"berth/cmd/berth/reach"
	"berth/internal/fleet"
	"berth/internal/jobs"
	"berth/internal/ops/act"
	"berth/internal/pve"
	"berth/internal/watch"
)

// WorkOptions say how much is done to a cluster at once.
type WorkOptions struct {
	ActionsPerNode    int `help:"How many actions go on at once on one node." default:"4" env:"BERTH_ACTIONS_PER_NODE"`
	DeletesPerStorage int `help:"How many containers are deleted from one storage at once." default:"2" env:"BERTH_DELETES_PER_STORAGE"`
}

// newWork fits the engine of jobs and the verbs that give it something to do.
func (a *app) newWork(o WorkOptions, holder string) {
	a.act = act.New(act.Options{Store: a.store, Watcher: seer{a.watcher}, Dial: a.dialToAct, Now: time.Now, Log: a.log, Refused: a.signin.NoteRefusal,
		DeletesPerStorage: o.DeletesPerStorage})
	works := map[string]jobs.Work{}
	for _, kind := range act.Kinds() {
		works[kind] = jobs.WorkFunc(func(ctx context.Context, h *jobs.Handle) jobs.Outcome { return jobs.Outcome(a.act.Run(ctx, h)) })
	}
	perNode := o.ActionsPerNode
	if perNode <= 0 {
		perNode = 4
	}
	a.perNode = perNode
	a.jobs = jobs.New(jobs.Options{Store: a.store, Works: works, LaneLimit: func(string, string) int { return perNode },
		Taken: act.Taken, Holder: holder, Now: time.Now, Log: a.log})
	a.act.Use(a.jobs)
}

// dialToAct makes what actions on a cluster's containers go through. It is not
// the watcher's connection: an action does not wait for its budget.
func (a *app) dialToAct(ctx context.Context, c fleet.Cluster) (act.Connection, error) {
	token, err := a.store.ClusterSecret(ctx, c.Owner, c.ID)
	if err != nil {
		return nil, err
	}
	client, err := pve.New(pve.Options{Authority: c.Authority, Guard: a.guard, Auth: pve.Token{ID: c.TokenID, Secret: token},
		OnAnswer:  func(x pve.Answer) { a.metrics.Asked(x.Status, x.Duration, x.Bytes, x.NewConn) },
		OnRenewal: func(r pve.Renewal) { a.renewed(context.WithoutCancel(ctx), c, r) }})
	if err != nil {
		return nil, err
	}
	return reach.Act(client, c.TokenID), nil
}

// attentive is the watcher as the verbs of nodes know it: what they change, actions under way learn at once.
type attentive struct {
	*watch.Watcher
	act *act.Service
}

// Reload implements connect.Watcher.
func (a attentive) Reload(id fleet.ClusterID) {
	a.Watcher.Reload(id)
	a.act.Recheck()
}

// seer is the watcher as the verbs of containers know it.
type seer struct{ watcher *watch.Watcher }

func (s seer) Picture(owner string) *fleet.Picture { return s.watcher.Picture(owner) }

func (s seer) Saw(ctx context.Context, owner string, c fleet.Container) {
	s.watcher.Saw(ctx, owner, c.ID, watch.Guest{Node: c.Node, Name: c.Hostname, Status: string(c.Status), Template: c.Template, Lock: c.Lock, Tags: c.Tags,
		HA: c.HA, CPU: c.CPU, CPUs: c.CPUs, Mem: c.Mem, MaxMem: c.MaxMem, Disk: c.Disk, MaxDisk: c.MaxDisk, Uptime: c.Uptime})
}
