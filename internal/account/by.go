package account

// By is who does something and from where, as the audit trail names it.
type By struct {
	Viewer  Viewer
	Address string // the client's
}

// Owner is the id under which the person's things are stored.
func (b By) Owner() string { return string(b.Viewer.User.ID) }
