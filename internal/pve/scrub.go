package pve

import (
	"errors"
	"strings"

	"berth/internal/problem"
	"berth/internal/secret"
)

// A peer may say back what it was sent: in an error's text, in a reason, in
// bytes that are no HTTP. What Berth hands on, shows and logs must not have it.

// secretsOf lists what a call sends that nobody may read: of the credentials, and of the form.
func secretsOf(call call, auth Credentials) []string {
	var all []string
	if !call.anonymous && !call.login {
		switch a := auth.(type) {
		case Token:
			all = append(all, a.Secret.Reveal())
		case Ticket:
			all = append(all, a.Ticket.Reveal(), a.CSRF.Reveal())
		}
	}
	if call.login {
		password := call.params["password"]
		_, code, _ := strings.Cut(password, ":") // of "totp:123456"
		all = append(all, password, code, call.params["tfa-challenge"])
	}
	return all
}

// scrub masks the secrets in whatever an error would show.
func scrub(err error, secrets []string) error {
	p := problem.Of(err)
	if p == nil {
		return err
	}
	var pairs []string
	for _, s := range secrets {
		// Shorter ones are in every text; a password of three letters is no secret to save.
		if len(s) > 3 {
			pairs = append(pairs, s, secret.Mask)
			if e := escape(s); e != s {
				pairs = append(pairs, e, secret.Mask)
			}
		}
	}
	if len(pairs) == 0 {
		return err
	}
	mask := strings.NewReplacer(pairs...).Replace
	clean := *p
	clean.What, clean.Remedy, clean.Proxmox, clean.Privilege = mask(p.What), mask(p.Remedy), mask(p.Proxmox), mask(p.Privilege)
	if len(p.Fields) > 0 {
		clean.Fields = make(map[string]string, len(p.Fields))
		for k, v := range p.Fields {
			clean.Fields[mask(k)] = mask(v)
		}
	}
	if p.Err != nil {
		if text := p.Err.Error(); mask(text) != text {
			clean.Err = errors.New(mask(text))
		}
	}
	return &clean
}
