// Package pve is Berth's hand to Proxmox VE: a client for one authority (a
// cluster, a standalone host or a sign-in host), the guard through which every
// outgoing connection is dialled, and the look at an address before it is
// trusted.
//
// What a caller may rely on:
//   - No header leaves before the peer's certificate satisfied the authority's
//     trust. Redirects, proxy variables and cookies are never followed.
//   - Every call ends within Options.Deadline, whatever the peer does, and reads
//     no more than the limits in limits.go.
//   - Every error is a *problem.Problem with a sentence for people, and holds no
//     secret. Only the caller's own cancellation is handed back as it is.
//   - Answers are decoded leniently: a number may come as a string, a boolean as
//     1 or "1", any key may be absent. One odd row never loses a list.
//
// docs/pve-api.md lists every endpoint, the privilege it needs and its traps.
package pve
