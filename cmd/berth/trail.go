package main

import (
	"context"
	"fmt"

	"berth/internal/web/kit"
)

// AuditCmd is about the audit trail.
type AuditCmd struct {
	Verify AuditVerifyCmd `cmd:"" help:"Check that no entry of the audit trail was changed, added or removed past Berth. Works while Berth runs."`
}

// AuditVerifyCmd walks the chain of the trail.
type AuditVerifyCmd struct {
	DataOptions `embed:""`
}

// Run is called by kong. A broken trail is an error, so that scripts notice.
func (c *AuditVerifyCmd) Run(ctx context.Context, s streams) error {
	st, err := c.beside(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	entries, broken, err := st.VerifyAudit(ctx)
	if err != nil {
		return err
	}
	if broken != 0 {
		return fmt.Errorf("the audit trail is broken at entry %d: it is missing, was altered, or does not follow from the one before", broken)
	}
	_, err = fmt.Fprintf(s.out, "ok: %s, each as it was written\n", kit.Count(int(entries), "entry", "entries"))
	return err
}
