package pve

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/secret"
)

var errNoSecret = errors.New("the answer has no secret in it")

// SignIn sends user name (user@realm) and password, once; Proxmox delays a
// refusal by three seconds. A password that looks like a ticket is refused
// before anything is sent. The identity is Username in what comes back.
func (c *Client) SignIn(ctx context.Context, user string, password secret.Text) (account.Login, error) {
	if LooksLikeTicket(password.Reveal()) {
		return account.Login{}, problem.Field("password", "This is not a password: it begins like a Proxmox ticket.")
	}
	if password.Empty() {
		return account.Login{}, problem.Field("password", "Enter the password.")
	}
	return c.ticket(ctx, user, params{"password": password.Reveal()})
}

// AnswerTFA sends the answer to a second factor: challenge is the whole Ticket
// that SignIn got, code what the person typed. A wrong code is Unauthorized.
func (c *Client) AnswerTFA(ctx context.Context, user string, challenge secret.Text, kind account.FactorKind, code secret.Text) (account.Login, error) {
	if !strings.HasPrefix(challenge.Reveal(), tfaPrefix) {
		return account.Login{}, problem.New(problem.Invalid, "There is no second factor to answer.", "Sign in again.")
	}
	answer := strings.TrimSpace(code.Reveal())
	switch kind {
	case account.TOTP:
		answer = strings.ReplaceAll(answer, " ", "")
		if len(answer) < 6 || len(answer) > 8 || strings.Trim(answer, "0123456789") != "" {
			return account.Login{}, problem.Field("code", "The code has six digits.")
		}
	case account.Recovery:
		if len(answer) < 8 || len(answer) > 64 || strings.Trim(answer, "0123456789abcdefABCDEF-") != "" {
			return account.Login{}, problem.Field("code", "A recovery key has groups of four letters and digits, with dashes between them.")
		}
	default:
		return account.Login{}, problem.Field("factor", "Berth cannot use this kind of second factor.")
	}
	l, err := c.ticket(ctx, user, params{"password": string(kind) + ":" + answer, "tfa-challenge": challenge.Reveal()})
	if err == nil && l.NeedTFA {
		return account.Login{}, problem.New(problem.Unauthorized, "Proxmox still wants a second factor.", "Sign in again.")
	}
	return l, err
}

// Renew exchanges a ticket for a fresh one of the same user. An answer with
// another name, or one that wants a second factor, is Unauthorized: root's
// ticket opens anybody's account, and must not do so here.
func (c *Client) Renew(ctx context.Context, user string, ticket secret.Text) (account.Login, error) {
	if ticket.Empty() {
		return account.Login{}, problem.New(problem.Unauthorized, "There is no login at Proxmox to renew.", "Give your password again.")
	}
	l, err := c.ticket(ctx, user, params{"password": ticket.Reveal()})
	switch {
	case err != nil:
		if p := problem.Of(err); p != nil && p.Kind == problem.Unauthorized {
			p.What, p.Remedy = "Proxmox did not renew your login.", "Give your password again."
		}
		return account.Login{}, err
	case l.NeedTFA || l.Username != user:
		return account.Login{}, problem.New(problem.Unauthorized, "Proxmox answered the renewal of your login with something else.", "Sign in again.")
	}
	return l, nil
}

// ticket is POST /access/ticket, which goes without other credentials.
func (c *Client) ticket(ctx context.Context, user string, p params) (account.Login, error) {
	if !validUser(user) {
		return account.Login{}, badUser()
	}
	p["username"] = user
	call := write("POST", "signing in", p, "access", "ticket")
	call.login = true
	var login account.Login
	err := c.do(ctx, call, func(body io.Reader) (err error) {
		v, err := readTree(body, maxTicket)
		if err == nil {
			login, err = readLogin(v)
		}
		return err
	})
	return login, err
}

func readLogin(v value) (account.Login, error) {
	l := account.Login{
		Username: v.get("username").raw(),
		Ticket:   secret.New(v.get("ticket").raw()),
		CSRF:     secret.New(v.get("CSRFPreventionToken").raw()),
		NeedTFA:  v.get("NeedTFA").bool(),
	}
	if !validUser(l.Username) || l.Ticket.Empty() || strings.ContainsFunc(l.CSRF.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return account.Login{}, errNoSecret
	}
	// A challenge is never a session, also where the flag beside it is missing.
	if l.NeedTFA || strings.HasPrefix(l.Ticket.Reveal(), tfaPrefix) {
		l.NeedTFA = true
		l.Factors = readFactors(l.Ticket.Reveal())
	}
	return l, nil
}

// tfaPrefix begins a ticket that is a challenge: "PVE:!tfa!<JSON>:<time>::<signature>".
const tfaPrefix = "PVE:!tfa!"

// maxTicket is for tickets whose challenge lists many WebAuthn keys.
const maxTicket = 32 << 10

// readFactors reads the challenge's JSON, in which colons are escaped. What
// cannot be read has no factors, and the page says that Berth cannot answer.
func readFactors(ticket string) account.Factors {
	inner, _, _ := strings.Cut(strings.TrimPrefix(ticket, tfaPrefix), ":")
	text, err := url.PathUnescape(inner)
	if err != nil {
		text = strings.ReplaceAll(strings.ReplaceAll(inner, "%3A", ":"), "%3a", ":")
	}
	v, err := newReader(strings.NewReader(text+"\n")).value(1, maxTreeNodes)
	if err != nil {
		return account.Factors{}
	}
	f := account.Factors{TOTP: offered(v.get("totp")), Recovery: offered(v.get("recovery"))}
	for _, kind := range []string{"webauthn", "u2f", "yubico"} {
		if offered(v.get(kind)) {
			f.Others = append(f.Others, kind)
		}
	}
	return f
}

// offered: true, a list with something in it (recovery keys left), a challenge object, or a word other than "unavailable".
func offered(v value) bool {
	switch v.kind {
	case array:
		return len(v.items) > 0
	case object:
		return true
	case text:
		return v.bool() && v.text != "unavailable"
	}
	return v.bool()
}
