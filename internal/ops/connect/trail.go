package connect

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/problem"
)

// during runs an act between its intent in the audit trail and its result.
// When the intent cannot be written nothing is done.
func (s *Service) during(ctx context.Context, by account.By, kind audit.Kind, subject string, cluster fleet.ClusterID, act func() error) error {
	intent, err := s.write(ctx, audit.Entry{Owner: by.Owner(), Actor: by.Viewer.User.PVEUser, Address: by.Address,
		Kind: kind, Result: audit.Intent, Subject: subject, Cluster: string(cluster)})
	if err != nil {
		return err
	}
	err = act()
	result, detail := outcome(err)
	s.finish(ctx, intent, result, detail)
	return err
}

// finish writes how an intent came out. It outlives the request, since what was done stays done.
func (s *Service) finish(ctx context.Context, intent audit.Entry, result audit.Result, detail string) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	e := intent
	e.Of, e.Result, e.Detail, e.Seq, e.Prev, e.Hash = intent.ID, result, detail, 0, nil, nil
	if _, err := s.write(ctx, e); err != nil {
		s.log.Error("a result is missing in the audit trail", "intent", intent.ID, "result", result, "err", err)
	}
}

// lasting goes on when the browser is gone: for what has to be done after a call to Proxmox was made.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

func (s *Service) write(ctx context.Context, e audit.Entry) (audit.Entry, error) {
	e.ID, e.At = newID(), s.now()
	e.Actor, e.Subject, e.Detail = clean(e.Actor, 200), clean(e.Subject, 200), clean(e.Detail, 500)
	written, err := s.store.Audit(ctx, e)
	if err != nil {
		return e, fmt.Errorf("writing the audit trail: %w", err)
	}
	return written, nil
}

func outcome(err error) (audit.Result, string) {
	p := problem.Of(err)
	switch {
	case err == nil:
		return audit.OK, ""
	case p == nil:
		return audit.Failed, "Something went wrong in Berth."
	}
	switch p.Kind {
	case problem.OutcomeUnknown:
		return audit.Unknown, p.What
	case problem.Unauthorized, problem.Forbidden, problem.Denied, problem.TooMany, problem.Invalid, problem.Conflict, problem.Untrusted, problem.Blocked, problem.NeedProof:
		return audit.Refused, p.What
	}
	return audit.Failed, p.What
}

// clean takes control and direction characters out of foreign text and cuts it at most characters.
func clean(text string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}
