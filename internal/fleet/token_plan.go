package fleet

import (
	"fmt"
	"time"

	"berth/internal/authority"
)

// TokenWish is what token a person wants to have made with their own ticket.
type TokenWish struct {
	Tier  Tier
	Pools []string // empty: the whole cluster
	Name  string   // the part after "!"
	Days  int      // until it expires
}

// ExpiryDays are the expiries that are offered.
var ExpiryDays = []int{30, 90, 365}

// PlannedCall is one call to Proxmox, as it is shown before it is made.
type PlannedCall struct {
	Method, Path string
	Fields       []string // "privsep=1"
}

// TokenPlan is what making the token would do. Nothing was changed for it.
type TokenPlan struct {
	Host      string              // name of the sign-in host on which it is made
	Authority authority.Authority // of that host: the ticket goes nowhere else
	Ways      []authority.Address // those of the host where the found trust holds: the new entry's first addresses
	TokenID   string
	Finding   Finding
	Expires   time.Time
	Roles     []Tier  // that have to be made first
	Grants    []Grant // in the order in which they are given
	Calls     []PlannedCall
	// Lacks says what the person may not do of it, and Commands what somebody who may can run by hand.
	Lacks    []string
	Commands []string
}

// Digest stands for what a person confirms with a plan.
func (p TokenPlan) Digest() string {
	return fmt.Sprint(p.Finding.Digest(), p.TokenID, p.Roles, p.Grants)
}
