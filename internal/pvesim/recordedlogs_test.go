package pvesim

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

// TestTaskLogsAsRecorded does again what was done on the recorded node and wants
// the same lines, numbers aside.
func TestTaskLogsAsRecorded(t *testing.T) {
	crash := func(d *desk) { d.act(100, "crash") }
	onFiles := func(d *desk) { d.act(100, "set rootfs local:100/vm-100-disk-0.raw,size=1G") }
	noQuorum := func(d *desk) func() { return set(d.T, d.sim, "no-quorum", "") }
	remove := func(d *desk, form ...string) string {
		upid, refused := d.write("DELETE", "/nodes/pve1/lxc/100", form...)
		if refused != "" {
			d.Fatal(refused)
		}
		return upid
	}
	power := func(d *desk, verb string, form ...string) string {
		upid, refused := d.power(verb, 100, form...)
		if refused != "" {
			d.Fatal(refused)
		}
		return upid
	}
	scenes := map[string]func(*desk) string{
		"delete-running-force-task-log": func(d *desk) string { onFiles(d); return remove(d, "force", "1", "purge", "1") },
		"delete-plain-task-log":         func(d *desk) string { onFiles(d); crash(d); return remove(d) },
		"delete-purge-unreferenced-task-log": func(d *desk) string {
			onFiles(d)
			crash(d)
			return remove(d, "purge", "1", "destroy-unreferenced-disks", "1")
		},
		"noquorum-delete-task-log": func(d *desk) string { onFiles(d); crash(d); noQuorum(d); return remove(d) },
		"noquorum-delete-proof-start-later-task-log": func(d *desk) string {
			onFiles(d)
			crash(d)
			undo := noQuorum(d)
			remove(d)
			d.clock.advance(time.Minute)
			undo()
			return power(d, "start")
		},
		"race-delete-while-start-task-log": func(d *desk) string { crash(d); power(d, "start"); return remove(d) },
		"lock-held-delete-task-log":        func(d *desk) string { crash(d); set(d.T, d.sim, "lock-held", ""); return remove(d) },
		"locked-start-task-log":            func(d *desk) string { crash(d); d.act(100, "lock backup"); return power(d, "start") },
		"start-debian-task-log":            func(d *desk) string { crash(d); return power(d, "start") },
		"stop-running-task-log":            func(d *desk) string { return power(d, "stop") },
		"reboot-task-log":                  func(d *desk) string { return power(d, "reboot", "timeout", "30") },
		"shutdown-task-log":                func(d *desk) string { return power(d, "shutdown") },
		"shutdown-timeout-0-task-log":      func(d *desk) string { return power(d, "shutdown", "timeout", "0", "forceStop", "1") },
		"shutdown-timeout-fails-task-log":  func(d *desk) string { return power(d, "shutdown", "timeout", "1") },
	}
	played := 0
	for _, e := range recordedLive(t) {
		scene := scenes[e.Case]
		if scene == nil {
			continue
		}
		played++
		t.Run(e.Case, func(t *testing.T) {
			d := newDesk(t)
			upid := scene(d)
			d.clock.advance(time.Minute)
			var recorded struct{ Data []struct{ T string } }
			if err := json.Unmarshal(e.Body, &recorded); err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, line := range recorded.Data {
				want = append(want, digits.ReplaceAllString(line.T, "N"))
			}
			for _, line := range d.log(upid) {
				got = append(got, digits.ReplaceAllString(line, "N"))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, recorded %q", got, want)
			}
		})
	}
	if played != len(scenes) {
		t.Errorf("%d of %d scenes were recorded", played, len(scenes))
	}
}
