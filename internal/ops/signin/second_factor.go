package signin

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
	"berth/internal/secret"
)

// half keeps the challenge on the server and gives the browser a token for it.
func (s *Service) half(ctx context.Context, t try, login account.Login) (account.Progress, error) {
	if !login.Factors.Usable() {
		kinds := "a kind of second factor"
		if len(login.Factors.Others) > 0 {
			kinds = strings.Join(login.Factors.Others, " or ")
		}
		return account.Progress{}, problem.New(problem.Unsupported,
			"This account's second factor is "+clean(kinds, 80)+", which works only on Proxmox's own pages.",
			"Add a TOTP app or recovery keys to the account in Proxmox, then sign in here.")
	}
	token, hash := newToken(tokenSize)
	err := s.store.PutHalfLogin(ctx, account.HalfLogin{
		Hash: hash, Host: t.host.ID, PVEUser: login.Username, Challenge: login.Ticket,
		ReturnTo: t.returnTo, ExpiresAt: s.now().Add(account.HalfLoginFor),
	})
	if err != nil {
		return account.Progress{}, fmt.Errorf("keeping a sign-in that waits for its second factor: %w", err)
	}
	return account.Progress{Half: token, Factors: login.Factors, ReturnTo: t.returnTo}, nil
}

// halfGone is what a browser hears whose half-login ended, or that never had one.
func halfGone() *problem.Problem {
	return problem.New(problem.NotFound, "This sign-in took too long or had too many wrong codes.", "Sign in again.")
}

// SecondFactor takes the second step. Only the browser that gave the password
// has the token. A wrong code is a problem with the field "code"; when the
// half-login is over, or not this browser's, it is problem.NotFound.
func (s *Service) SecondFactor(ctx context.Context, half string, kind account.FactorKind, code secret.Text, from account.Client) (account.Progress, error) {
	hash, ok := hashToken(half, tokenSize)
	if !ok {
		return account.Progress{}, halfGone()
	}
	typed, err := cleanCode(kind, code)
	if err != nil {
		return account.Progress{}, err
	}
	h, err := s.store.TakeTry(ctx, hash, s.now())
	if problem.Is(err, problem.NotFound) {
		return account.Progress{}, halfGone()
	} else if err != nil {
		return account.Progress{}, err
	}
	t, err := s.resume(ctx, h, from)
	if err != nil {
		return account.Progress{}, err
	}
	refusal := problem.Field("code", "This code is wrong.")
	refusal.Kind = problem.Unauthorized
	if h.Tries >= account.HalfLoginTries {
		refusal = halfGone()
	}
	limits := codeLimits(h.Host, h.PVEUser)
	if err := s.allow(ctx, limits, t.entry); err != nil {
		return account.Progress{}, err
	}
	p, err := s.attempt(ctx, t, limits, refusal, func() (account.Login, error) {
		return s.pve.AnswerTFA(ctx, h.Authority, h.PVEUser, h.Challenge, kind, typed)
	})
	if err == nil || h.Tries >= account.HalfLoginTries {
		if dropErr := s.store.DropHalfLogin(ctx, hash); dropErr != nil {
			s.log.Warn("a half-login that is over was not removed; it ends by itself", "error", dropErr)
		}
	}
	return p, err
}

// resume makes a try of a half-login.
func (s *Service) resume(ctx context.Context, h account.HalfLogin, from account.Client) (try, error) {
	host, err := s.store.SignInHost(ctx, h.Host)
	if problem.Is(err, problem.NotFound) {
		return try{}, halfGone()
	} else if err != nil {
		return try{}, err
	}
	t := try{
		host: host, user: h.PVEUser, from: from, returnTo: h.ReturnTo, challenge: h.Challenge, known: true,
		entry: audit.Entry{Kind: audit.SignIn, Subject: host.Name, Address: from.Address, Actor: h.PVEUser},
	}
	if known, err := s.store.UserFor(ctx, h.Host, h.PVEUser); err == nil {
		t.entry.Owner = string(known.ID)
	} else if !problem.Is(err, problem.NotFound) {
		return try{}, err
	}
	// In a browser where the same person is signed in already it is a fresh proof, else a sign-in.
	token, ok := hashToken(from.Session, tokenSize)
	if !ok {
		return t, nil
	}
	session, user, err := s.store.SessionByToken(ctx, token)
	switch {
	case problem.Is(err, problem.NotFound):
		return t, nil
	case err != nil:
		return try{}, err
	case user.Host == h.Host && user.PVEUser == h.PVEUser:
		t.proof, t.entry.Kind = session, audit.Proof
	}
	return t, nil
}

var (
	totpGrammar     = regexp.MustCompile(`^[0-9]{6,8}$`)
	recoveryGrammar = regexp.MustCompile(`^[0-9A-Fa-f-]{8,64}$`)
)

// cleanCode checks the form of a code, so that a slip costs no try and nothing odd reaches Proxmox.
func cleanCode(kind account.FactorKind, code secret.Text) (secret.Text, error) {
	typed := strings.Join(strings.Fields(code.Reveal()), "")
	switch {
	case typed == "":
		return secret.Text{}, problem.Field("code", "Enter the code.")
	case kind == account.TOTP && !totpGrammar.MatchString(typed):
		return secret.Text{}, problem.Field("code", "A code has six digits.")
	case kind == account.Recovery && !recoveryGrammar.MatchString(typed):
		return secret.Text{}, problem.Field("code", "A recovery key has the digits 0–9 and letters a–f, in groups with hyphens.")
	case kind != account.TOTP && kind != account.Recovery:
		return secret.Text{}, problem.Field("code", "Berth cannot use this kind of second factor.")
	}
	return secret.New(typed), nil
}
