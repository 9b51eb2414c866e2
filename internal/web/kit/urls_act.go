package kit

import (
	"net/url"
	"strconv"

	"berth/internal/fleet"
	"berth/internal/job"
)

// Container is the page of one container; its sub-pages and actions hang below it.
func (urls) Container(id fleet.ContainerID) string {
	return under("/containers", string(id.Cluster), id.VMID.String())
}

// ContainerAction is the page that asks before an action, and where that action is sent.
func (u urls) ContainerAction(id fleet.ContainerID, a fleet.Action) string {
	return u.Container(id) + "/" + url.PathEscape(string(a))
}

// Actions is where what is done to many containers is chosen and sent.
func (urls) Actions() string { return "/actions" }

// Job is the page of a job: its plan, its progress, its result.
func (urls) Job(id job.ID) string { return under("/jobs", string(id)) }

// JobLive is the stream of what changes on a job's page.
func (u urls) JobLive(id job.ID) string { return u.Job(id) + "/live" }

// JobPart is where something is done to a job: "begin", "destroy", "cancel", "retry".
func (urls) JobPart(id job.ID, part string) string { return under("/jobs", string(id), part) }

// JobStep is the page of one step with its log.
func (u urls) JobStep(id job.ID, n int) string { return u.Job(id) + "/" + strconv.Itoa(n) }

// JobStepLog is a step's whole log as a file.
func (u urls) JobStepLog(id job.ID, n int) string { return u.JobStep(id, n) + "/log" }

// JobStepPart is where something is done about a step: "dismiss", "force".
func (u urls) JobStepPart(id job.ID, n int, part string) string {
	return u.JobStep(id, n) + "/" + url.PathEscape(part)
}

// ActivityLive is the stream that keeps the sidebar's badge current.
func (urls) ActivityLive() string { return "/activity/live" }

// ActivityOf is the activity of one container.
func (urls) ActivityOf(id fleet.ContainerID) string {
	return "/activity?" + url.Values{"container": {id.String()}}.Encode()
}

// ContainerEvents is the timeline of one container.
func (u urls) ContainerEvents(id fleet.ContainerID) string { return u.Container(id) + "/events" }

// ContainerLive is the stream of what changes on a container's page.
func (u urls) ContainerLive(id fleet.ContainerID) string { return u.Container(id) + "/live" }

// ContainerRead is where Proxmox is asked for everything about a container now.
func (u urls) ContainerRead(id fleet.ContainerID) string { return u.Container(id) + "/read" }

// ContainerTaskLog is where the log of one of Proxmox's tasks is asked for.
func (u urls) ContainerTaskLog(id fleet.ContainerID) string { return u.Container(id) + "/tasks/log" }
