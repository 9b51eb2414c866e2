package signin

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

// begin writes the intent. When that fails nothing may be done.
func (s *Service) begin(ctx context.Context, e audit.Entry) (audit.Entry, error) {
	e.Result = audit.Intent
	return s.write(ctx, e)
}

// write appends one entry, with id and time.
func (s *Service) write(ctx context.Context, e audit.Entry) (audit.Entry, error) {
	e.ID, e.At = newID(), s.now()
	e.Actor, e.Subject, e.Detail = clean(e.Actor, 200), clean(e.Subject, 200), clean(e.Detail, 500)
	written, err := s.store.Audit(ctx, e)
	if err != nil {
		return e, fmt.Errorf("writing the audit trail: %w", err)
	}
	return written, nil
}

// end writes how an intent came out. It outlives the request, since what was done stays done.
func (s *Service) end(ctx context.Context, intent audit.Entry, result audit.Result, detail string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	e := intent
	e.Of, e.Result, e.Detail, e.Seq, e.Prev, e.Hash = intent.ID, result, detail, 0, nil, nil
	if _, err := s.write(ctx, e); err != nil {
		s.log.Error("a result is missing in the audit trail", "intent", intent.ID, "result", result, "error", err)
	}
}

// during runs an act between its intent and its result.
func (s *Service) during(ctx context.Context, e audit.Entry, act func() error) error {
	intent, err := s.begin(ctx, e)
	if err != nil {
		return err
	}
	err = act()
	detail := sentenceOf(err)
	if err == nil {
		detail = e.Detail
	}
	s.end(ctx, intent, resultOf(err), detail)
	return err
}

func resultOf(err error) audit.Result {
	p := problem.Of(err)
	switch {
	case err == nil:
		return audit.OK
	case p == nil:
		return audit.Failed
	}
	switch p.Kind {
	case problem.Unauthorized, problem.Denied, problem.TooMany, problem.Invalid, problem.Conflict, problem.Untrusted, problem.Blocked:
		return audit.Refused
	}
	return audit.Failed
}

func sentenceOf(err error) string {
	if err == nil {
		return ""
	}
	if p := problem.Of(err); p != nil {
		return p.What
	}
	return "Something went wrong in Berth."
}

// by is an entry of a signed-in person's act.
func by(v account.Viewer, from account.Client, kind audit.Kind, subject string) audit.Entry {
	return audit.Entry{Owner: string(v.User.ID), Actor: v.User.PVEUser, Address: from.Address, Kind: kind, Subject: subject}
}

// clean takes control and direction characters out of foreign text and cuts it at most bytes, at a rune.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && text[cut]&0xC0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}
