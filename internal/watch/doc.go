// Package watch is Berth's eyes: one loop per cluster, whatever the number of
// pages and tabs, asks Proxmox within a budget and keeps an immutable picture
// that pages read without ever waiting for Proxmox.
//
// Data flows one way. A loop's agenda says which call is due (agenda.go), the
// Source makes it (source.go), the sight of the cluster takes the answer in
// (sight.go, merge.go, nodes.go, tasks.go), a picture is drawn of it (draw.go)
// and published to its owner's subscribers (watcher.go). With several replicas a
// lease per cluster names the one that asks; the others read its rows (row.go).
package watch
