package templates

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
)

// during runs an act between its intent in the audit trail and its result.
// When the intent cannot be written nothing is done.
func (s *Service) during(ctx context.Context, by account.By, kind audit.Kind, subject string, act func() error) error {
	e := audit.Entry{ID: newID(), At: s.now(), Owner: by.Owner(), Actor: clean(by.Viewer.User.PVEUser, 200), Address: by.Address,
		Kind: kind, Result: audit.Intent, Subject: clean(subject, 200)}
	intent, err := s.store.Audit(ctx, e)
	if err != nil {
		return fmt.Errorf("writing the audit trail: %w", err)
	}
	err = act()
	e.ID, e.Of, e.At = newID(), intent.ID, s.now()
	e.Result, e.Detail = outcome(err)
	// The result outlives the request, since what was done stays done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if _, werr := s.store.Audit(ctx, e); werr != nil {
		s.log.Error("a result is missing in the audit trail", "intent", intent.ID, "result", e.Result, "err", werr)
	}
	return err
}

func outcome(err error) (audit.Result, string) {
	p := problem.Of(err)
	switch {
	case err == nil:
		return audit.OK, ""
	case p == nil:
		return audit.Failed, "Something went wrong in Berth."
	case p.Kind == problem.Failed:
		return audit.Failed, clean(p.What, 500)
	}
	return audit.Refused, clean(p.What, 500)
}

// clean takes control and direction characters out of a person's text and cuts it.
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
