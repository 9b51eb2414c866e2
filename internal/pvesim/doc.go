// Package pvesim is a Proxmox VE that is not there: clusters of nodes that
// answer the part of the API that Berth calls, over TLS, as recordings of real
// nodes have it, with faults on demand.
//
// What it imitates and what it leaves out is listed in
// docs/simulator-differences.md. It knows nothing of Berth.
//
// # Connections
//
// Each node listens on an address of its own and speaks HTTP/1.1 only: idle
// connections are closed after five seconds, any after a hundred requests, and
// every answer of 400 or more closes its connection. Answers that PVE's daemon
// gives through its proxy ("protected" calls, among them /cluster/status and
// status/current) carry two Connection header lines, "close" and "Keep-Alive",
// as on real nodes: the connection does stay open, but a client that obeys the
// first line throws it away.
package pvesim
