package pve

import (
	"context"
	"io"
	"math"
	"strconv"
	"time"

	"berth/internal/fleet"
)

// Actions on one container. Each is sent once and never repeated. Proxmox
// answers before the work with the UPID of a task: whether it was done, and how
// it ended, is what TaskStatus says. A lost or unreadable answer is an
// OutcomeUnknown problem. For a VMID that is not on the node, start, suspend and
// resume are answered with a UPID all the same, and the task fails.

// PowerOptions are for Shutdown; the zero value is Proxmox's default.
type PowerOptions struct {
	// Timeout is how long the container has to end by itself; zero leaves it to Proxmox, which waits 60 s.
	Timeout time.Duration
	// Force stops it hard when it has not ended by then.
	Force bool
}

// Start boots a stopped container (POST …/status/start). It needs VM.PowerMgmt
// on it, as do all actions but Destroy. One that runs is a State problem, a
// locked one a task that fails.
func (c *Client) Start(ctx context.Context, node string, id fleet.VMID) (UPID, error) {
	return c.power(ctx, "starting", "start", nil, node, id)
}

// Stop ends a running container at once, as pulling the plug does (POST
// …/status/stop). One that does not run, or is not there, is a State problem.
func (c *Client) Stop(ctx context.Context, node string, id fleet.VMID) (UPID, error) {
	return c.power(ctx, "stopping", "stop", nil, node, id)
}

// Shutdown asks a running container to end by itself (POST …/status/shutdown).
// Without Force its task can end well while the container still runs.
func (c *Client) Shutdown(ctx context.Context, node string, id fleet.VMID, o PowerOptions) (UPID, error) {
	p := timeoutParam(o.Timeout)
	if o.Force {
		p["forceStop"] = flag(true)
	}
	return c.power(ctx, "shutting down", "shutdown", p, node, id)
}

// Reboot shuts a running container down and starts it again (POST
// …/status/reboot); a timeout of zero leaves the wait to Proxmox. Without quorum
// the container is stopped and does not start again.
func (c *Client) Reboot(ctx context.Context, node string, id fleet.VMID, timeout time.Duration) (UPID, error) {
	return c.power(ctx, "rebooting", "reboot", timeoutParam(timeout), node, id)
}

// Suspend writes a running container's memory to disk by CRIU and ends it (POST
// …/status/suspend). Proxmox calls it experimental; on many nodes the task fails.
func (c *Client) Suspend(ctx context.Context, node string, id fleet.VMID) (UPID, error) {
	return c.power(ctx, "suspending", "suspend", nil, node, id)
}

// Resume brings a suspended container back (POST …/status/resume).
func (c *Client) Resume(ctx context.Context, node string, id fleet.VMID) (UPID, error) {
	return c.power(ctx, "resuming", "resume", nil, node, id)
}

// DestroyOptions are for Destroy. There is no force: what runs is stopped first, as an action of its own.
type DestroyOptions struct {
	// Purge also takes it out of HA and replication; backups stay in any case.
	Purge bool
	// UnreferencedDisks also destroys volumes with its VMID that its configuration does not name.
	UnreferencedDisks bool
}

// Destroy deletes a stopped container with its disks (DELETE /nodes/{node}/lxc/{vmid});
// it needs VM.Allocate on it. A running one is a State problem, a protected one
// a Protected one. Never without quorum: the disks are destroyed and the task
// fails all the same.
func (c *Client) Destroy(ctx context.Context, node string, id fleet.VMID, o DestroyOptions) (UPID, error) {
	p := params{"purge": flag(o.Purge), "destroy-unreferenced-disks": flag(o.UnreferencedDisks)}
	call, err := writeGuest("DELETE", "deleting CT "+id.String(), p, node, id)
	if err != nil {
		return UPID{}, err
	}
	return c.task(ctx, call)
}

func (c *Client) power(ctx context.Context, doing, verb string, p params, node string, id fleet.VMID) (UPID, error) {
	call, err := writeGuest("POST", doing+" CT "+id.String(), p, node, id, "status", verb)
	if err != nil {
		return UPID{}, err
	}
	return c.task(ctx, call)
}

// timeoutParam is in whole seconds, rounded up, so that a short one does not become none.
func timeoutParam(d time.Duration) params {
	if d <= 0 {
		return params{}
	}
	return params{"timeout": strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)}
}

// task carries out a write that starts a task. An answer without a UPID is a
// lost one: it was taken, and nobody knows what became of it.
func (c *Client) task(ctx context.Context, call call) (u UPID, err error) {
	err = c.do(ctx, call, func(body io.Reader) error {
		v, err := readTree(body, maxString)
		if err == nil {
			u, err = ParseUPID(v.raw())
		}
		return err
	})
	if err != nil {
		return UPID{}, err
	}
	return u, nil
}
