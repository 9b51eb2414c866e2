package watch

import (
	"context"
	"slices"

	"berth/internal/fleet"
	"berth/internal/problem"
)

// ReadTaskLog reads the log of one of Proxmox's tasks on a container, because a
// person asked for it, and keeps it. Only a task that is remembered of that container can be read.
func (w *Watcher) ReadTaskLog(ctx context.Context, ownerID string, id fleet.ContainerID, upid string) error {
	c := w.closer(ctx, ownerID, id)
	if c == nil {
		return problem.Missing()
	}
	tasks, err := w.options.Store.GuestTasks(ctx, ownerID, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tasks, func(t fleet.KeptTask) bool { return t.UPID == upid })
	if i < 0 {
		return problem.Missing()
	}
	if why := w.whyNotAskNode(c, tasks[i].Node); why != nil {
		return why
	}
	c.mu.Lock()
	may := c.agenda.extra(w.now())
	c.mu.Unlock()
	if !may {
		return problem.New(problem.BudgetSpent, "Berth has asked about this container often enough just now.", "Try again in a few seconds.")
	}
	l := &looking{closer: c, log: w.log}
	if err := l.dial(ctx); err != nil {
		return err
	}
	defer l.source.Close()
	ctx, cancel := context.WithTimeout(ctx, closeDeadline)
	defer cancel()
	lines, err := l.source.TaskLog(ctx, upid)
	if err != nil {
		if p := problem.Of(err); p != nil && halting(p.Kind) {
			l.tell(p)
		}
		return err
	}
	return w.options.Store.KeepGuestTaskLog(ctx, ownerID, id, upid, lines, w.now())
}

// whyNotAskNode is what speaks against asking a node about a task; nil: nothing.
// The container itself may be gone, or on another node.
func (w *Watcher) whyNotAskNode(c *closer, node string) error {
	for _, p := range w.Picture(c.owner).Clusters {
		if p.Cluster != c.id.Cluster {
			continue
		}
		t := p.Trouble
		if n, ok := p.Node(node); t == nil && ok && n.State == fleet.Unreachable {
			t = n.Trouble
			if t == nil {
				t = &fleet.Trouble{Kind: string(problem.NodeDown), What: n.Title() + " cannot be reached."}
			}
		}
		if t != nil {
			return &problem.Problem{Kind: problem.Kind(t.Kind), What: t.What, Remedy: t.Remedy, Proxmox: t.Proxmox}
		}
	}
	return nil
}

// maxFresh is how many tasks are kept of one list; real ones have 25 for each
// node. What a list has beyond it comes with the next.
const maxFresh = 1000

// remember keeps the tasks on containers that a list of the cluster's has and
// that were not kept like this yet. Of a container that is not in the picture only
// the end of what was kept before is: a list may name a thousand million of them.
func (l *loop) remember(ctx context.Context, tasks []Task) {
	fresh := map[fleet.VMID][]fleet.Task{}
	kept, n := make(map[string]string, len(tasks)), 0
	for _, t := range tasks {
		id, ok := containerOf(t)
		if !ok || id == 0 || len(t.UPID) > 512 {
			continue
		}
		if status, known := l.remembered[t.UPID]; known && status == t.Status {
			kept[t.UPID] = status
			continue
		} else if !known && l.sight.find(id) < 0 || n == maxFresh {
			continue
		}
		n++
		fresh[id] = append(fresh[id], fleet.Task{UPID: t.UPID, Node: t.Node, User: clean(t.User, 128), Token: clean(t.Token, 128), Type: clean(t.Type, 64),
			ID: t.ID, StartedAt: t.Start, EndedAt: t.End, Status: clean(t.Status, 1000)})
		kept[t.UPID] = t.Status
	}
	if len(fresh) > 0 {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		if err := l.w.options.Store.KeepGuestTasks(ctx, l.id, fresh); err != nil {
			l.log.Warn("watch: tasks were not remembered", "err", err)
			return // with the next list
		}
	}
	l.remembered = kept
}
