// Package problem is the one error that people get to see: what happened, to
// what, and what to do. Everything that is not a Problem is internal: it is
// logged whole and drawn as "something went wrong in Berth".
package problem

import (
	"errors"
	"strings"
)

// Kind says what sort of thing went wrong; callers branch on it, never on text.
type Kind string

// Kinds of Berth's own.
const (
	NotFound  Kind = "not-found"  // absent, or another person's: the two are never told apart
	Invalid   Kind = "invalid"    // a form was filled wrongly; Fields says where
	Conflict  Kind = "conflict"   // somebody or something changed it meanwhile
	Denied    Kind = "denied"     // Berth does not let this person do it
	TooMany   Kind = "too-many"   // a limit on attempts or on numbers
	SignedOut Kind = "signed-out" // there is no live session
	NeedProof Kind = "proof"      // the password has to be given again first
	Locked    Kind = "locked"     // secrets cannot be opened: the key is missing or another
)

// Kinds that a connection to Proxmox may end in.
const (
	Blocked     Kind = "blocked"     // the address is one that Berth must not connect to
	DNS         Kind = "dns"         // the name has no address
	Unreachable Kind = "unreachable" // no route, no answer to a connection attempt
	Refused     Kind = "refused"     // the machine answers, nothing listens on the port
	Timeout     Kind = "timeout"     // connected, but no whole answer within the deadline
	TLS         Kind = "tls"         // the handshake failed for another reason than trust
	Untrusted   Kind = "untrusted"   // the certificate is not the one that was pinned: Expected and Got are set
	Clock       Kind = "clock"       // a certificate is not valid at this machine's time
	Redirected  Kind = "redirected"  // it answered with a redirect, which is never followed
	NotProxmox  Kind = "not-proxmox" // something answers, and it is not Proxmox VE
	TooLarge    Kind = "too-large"   // the answer went past a limit
	Garbled     Kind = "garbled"     // an answer that cannot be read; never called unreachable
)

// Kinds that Proxmox's own answers have.
const (
	Unauthorized   Kind = "unauthorized"     // 401: ticket, token or password refused
	SecondFactor   Kind = "second-factor"    // the password was right and a second factor is wanted
	Forbidden      Kind = "forbidden"        // 403: a privilege is missing
	Parameters     Kind = "parameters"       // 400: Fields has Proxmox's words by parameter
	Failed         Kind = "failed"           // 500 and the like: Proxmox says what
	Unsupported    Kind = "unsupported"      // 501, or a version that is too old for this
	NodeDown       Kind = "node-down"        // 595: the answering node cannot reach the other one
	NodeBroken     Kind = "node-broken"      // 596 or 599: the way between two nodes broke
	OutcomeUnknown Kind = "outcome-unknown"  // a write whose answer was lost: it may have been carried out
	QuorumLost     Kind = "quorum-lost"      // the cluster has no quorum and refuses to write
	Busy           Kind = "busy"             // another task holds the container, or a lock is set on it
	State          Kind = "state"            // the container's state is not one for this: it runs already, does not run, is a template
	Protected      Kind = "protected"        // protection forbids deleting it
	Gone           Kind = "gone"             // the container is not on that node any more: moved or deleted
	Forgotten      Kind = "forgotten"        // Proxmox does not have that task, or its log, any more
	BudgetSpent    Kind = "budget-exhausted" // Berth's own limit on requests to this cluster
)

// Problem is an error with a sentence for people.
type Problem struct {
	Kind    Kind
	What    string            // a full sentence without trailing period trouble: "pve3 cannot be reached."
	Remedy  string            // what to do, a full sentence; empty when nothing can be done
	Proxmox string            // Proxmox's own words, already cleaned of control characters; may be empty
	Fields  map[string]string // form field or Proxmox parameter → sentence
	Node    string            // the node that is meant, where one is
	// Privilege is the missing one with its path, as Proxmox named it, when Kind is Forbidden: "Sys.Audit on /".
	Privilege string
	// Expected and Got are SHA-256 fingerprints (AA:BB:…) when Kind is Untrusted.
	Expected, Got string
	Err           error // the cause, for the log; never shown
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(string(p.Kind))
	if p.What != "" {
		b.WriteString(": " + p.What)
	}
	if p.Proxmox != "" {
		b.WriteString(" (Proxmox: " + p.Proxmox + ")")
	}
	if p.Err != nil {
		b.WriteString(": " + p.Err.Error())
	}
	return b.String()
}

func (p *Problem) Unwrap() error { return p.Err }

// Sentence is what a person reads: what happened, Proxmox's own words, and what to do.
func (p *Problem) Sentence() string {
	parts := []string{p.What}
	if p.Proxmox != "" {
		parts = append(parts, "Proxmox says: “"+p.Proxmox+"”.")
	}
	if p.Remedy != "" {
		parts = append(parts, p.Remedy)
	}
	return strings.Join(parts, " ")
}

// New makes a Problem from its kind and the two sentences that people read.
func New(kind Kind, what, remedy string) *Problem {
	return &Problem{Kind: kind, What: what, Remedy: remedy}
}

// Field makes an Invalid problem about one form field.
func Field(field, sentence string) *Problem {
	return &Problem{Kind: Invalid, What: sentence, Fields: map[string]string{field: sentence}}
}

// Of finds the Problem in err's chain; nil when there is none, which means that the error is internal.
func Of(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// Is reports whether err's chain has a Problem of that kind.
func Is(err error, kind Kind) bool {
	p := Of(err)
	return p != nil && p.Kind == kind
}

// Missing is the one answer for what is absent and for what is another person's.
func Missing() *Problem {
	return New(NotFound, "There is nothing here.", "It may have been removed, or the address is mistyped.")
}
