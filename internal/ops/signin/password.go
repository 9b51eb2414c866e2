package signin

import (
	"context"
	"regexp"
	"strings"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/problem"
	"berth/internal/secret"
)

// Password takes the first step of a sign-in: it asks the registered host
// whether the password is right. The answer is a session, or a half-login when
// Proxmox wants a second factor.
func (s *Service) Password(ctx context.Context, c account.Credentials, from account.Client) (account.Progress, error) {
	host, err := s.store.SignInHost(ctx, c.Host)
	if problem.Is(err, problem.NotFound) {
		return account.Progress{}, problem.Field("host", "This sign-in host is no longer registered. Choose another.")
	} else if err != nil {
		return account.Progress{}, err
	}
	user, err := userID(c, host)
	if err != nil {
		return account.Progress{}, err
	}
	entry := audit.Entry{Kind: audit.SignIn, Subject: host.Name, Address: from.Address, Actor: "somebody"}
	if known, err := s.store.UserFor(ctx, host.ID, user); err == nil {
		entry.Owner, entry.Actor = string(known.ID), known.PVEUser
	} else if !problem.Is(err, problem.NotFound) {
		return account.Progress{}, err
	}
	t := try{host: host, user: user, from: from, returnTo: c.ReturnTo, entry: entry}
	return s.password(ctx, t, c.Password)
}

// try is one attempt at a sign-in or at a fresh proof.
type try struct {
	host     account.SignInHost
	user     string
	from     account.Client
	returnTo string
	// proof is the session that wants a fresh proof; empty at sign-in.
	proof account.Session
	entry audit.Entry
	// known goes before strangers in the queue: this browser has signed in before, or has given the password already.
	known bool
	// challenge is set when a password was right already.
	challenge secret.Text
}

func (s *Service) password(ctx context.Context, t try, password secret.Text) (account.Progress, error) {
	limits, known, err := s.passwordLimits(ctx, t.host.ID, t.user, t.from)
	t.known = known || t.proof.ID != ""
	if err != nil {
		return account.Progress{}, err
	}
	if err := s.allow(ctx, limits, t.entry); err != nil {
		return account.Progress{}, err
	}
	if password.Empty() {
		return account.Progress{}, problem.Field("password", "Enter your password.")
	}
	if len(password.Reveal()) > maxPassword {
		return account.Progress{}, wrong()
	}
	if isTicket(password) {
		// Proxmox takes a ticket for a password, and it skips the second factor.
		if err := s.count(ctx, limits); err != nil {
			return account.Progress{}, err
		}
		refusal := problem.Field("password", "This is a Proxmox ticket, not a password.")
		t.entry.Result, t.entry.Detail = audit.Refused, refusal.What
		if _, err := s.write(ctx, t.entry); err != nil {
			return account.Progress{}, err
		}
		return account.Progress{}, refusal
	}
	return s.attempt(ctx, t, limits, wrong(), func() (account.Login, error) {
		return s.pve.SignIn(ctx, t.host.Authority, t.user, password)
	})
}

// attempt asks Proxmox once, alone at that host, between intent and result, and goes on with the answer.
func (s *Service) attempt(ctx context.Context, t try, limits []limit, refusal *problem.Problem, ask func() (account.Login, error)) (account.Progress, error) {
	login, intent, err := s.ask(ctx, t, limits, ask)
	switch {
	case problem.Is(err, problem.Unauthorized):
		s.log.Info("a sign-in was refused", "host", t.host.Name, "client", t.from.Address)
		s.end(ctx, intent, audit.Refused, "Proxmox refused it.")
		return account.Progress{}, refusal
	case err != nil:
		if intent.ID != "" {
			s.end(ctx, intent, resultOf(err), sentenceOf(err))
		}
		return account.Progress{}, s.forStranger(t.host, err)
	}
	progress, result, err := s.proceed(ctx, t, login)
	if login.Username != "" && progress.Done() {
		intent.Actor, intent.Owner = progress.Viewer.User.PVEUser, string(progress.Viewer.User.ID)
	}
	switch {
	case err != nil:
		s.end(ctx, intent, resultOf(err), sentenceOf(err))
	default:
		s.end(ctx, intent, audit.OK, result)
	}
	return progress, err
}

// ask makes the call. Limits are looked at again in the lane, where nobody else can be between the look and the count.
func (s *Service) ask(ctx context.Context, t try, limits []limit, ask func() (account.Login, error)) (account.Login, audit.Entry, error) {
	leave, err := s.enter(ctx, t.host.ID, t.known)
	if err != nil {
		return account.Login{}, audit.Entry{}, err
	}
	defer leave()
	if err := s.allow(ctx, limits, t.entry); err != nil {
		return account.Login{}, audit.Entry{}, err
	}
	intent, err := s.begin(ctx, t.entry)
	if err != nil {
		return account.Login{}, audit.Entry{}, err
	}
	login, err := ask()
	if err := s.countFailure(ctx, limits, err); err != nil {
		return account.Login{}, intent, err
	}
	return login, intent, err
}

// proceed goes on from an answer that Proxmox gave with 200.
func (s *Service) proceed(ctx context.Context, t try, login account.Login) (account.Progress, string, error) {
	if !validUser(login.Username) || login.Ticket.Empty() {
		return account.Progress{}, "", problem.New(problem.Garbled, "Proxmox answered the sign-in with something that Berth cannot read.", "Try again; if it stays so, ask an administrator.")
	}
	challenge := login.NeedTFA || strings.HasPrefix(login.Ticket.Reveal(), "PVE:!tfa!")
	switch {
	case challenge && !t.challenge.Empty():
		return account.Progress{}, "", problem.New(problem.Garbled, "Proxmox asked for a second factor twice.", "Sign in from the start.")
	case challenge:
		p, err := s.half(ctx, t, login)
		return p, "The password was right; a second factor is wanted.", err
	case t.proof.ID != "":
		p, err := s.proved(ctx, t, login)
		return p, "", err
	}
	p, err := s.signedIn(ctx, t, login)
	return p, "", err
}

// forStranger leaves out of a failure what only administrators need to know.
func (s *Service) forStranger(host account.SignInHost, err error) error {
	p := problem.Of(err)
	if p == nil || p.Kind == problem.TooMany {
		return err
	}
	s.log.Warn("sign-in host did not answer as it should", "host", host.Name, "kind", p.Kind, "error", err)
	told := &problem.Problem{Kind: p.Kind, Err: err}
	switch p.Kind {
	case problem.Untrusted, problem.TLS, problem.Clock, problem.Redirected:
		told.What = "“" + host.Name + "” does not prove that it is the Proxmox that was registered."
		told.Remedy = "No password was sent. An administrator has to look at it."
	case problem.Unreachable, problem.Refused, problem.DNS, problem.Timeout, problem.NodeDown, problem.NodeBroken, problem.Blocked:
		told.What = "“" + host.Name + "” cannot be reached right now."
		told.Remedy = "Try again in a moment."
	default:
		told.What = "“" + host.Name + "” could not check the password."
		told.Remedy = "Try again in a moment; if it stays so, ask an administrator."
	}
	return told
}

// wrong is the one sentence for a wrong password, user or realm: which of them is nobody's business.
func wrong() *problem.Problem {
	const sentence = "The user name, realm or password is wrong."
	return &problem.Problem{Kind: problem.Unauthorized, What: sentence, Fields: map[string]string{"password": sentence}}
}

// maxPassword is more than Proxmox takes (64 in its own realm, 4096 in others).
const maxPassword = 4096

var ticketPrefix = regexp.MustCompile(`(?i)^\s*PVE[A-Z0-9]*:`)

func isTicket(password secret.Text) bool { return ticketPrefix.MatchString(password.Reveal()) }

var (
	realmGrammar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.\-_]*$`)
	nameGrammar  = regexp.MustCompile(`^[^\s:/!]+$`)
)

// maxUser is Proxmox's own limit for user@realm, in bytes.
const maxUser = 64

// validUser reports whether Proxmox could have such a user: user@realm, no token, nothing invisible.
func validUser(id string) bool {
	name, realm := account.SplitUser(id)
	return len(id) <= maxUser && nameGrammar.MatchString(name) && realmGrammar.MatchString(realm) && clean(id, maxUser) == id
}

// userID makes user@realm of what was typed.
func userID(c account.Credentials, host account.SignInHost) (string, error) {
	user, realm := strings.TrimSpace(c.User), strings.TrimSpace(c.Realm)
	if user == "" {
		return "", problem.Field("user", "Enter your Proxmox user name.")
	}
	// Who types root@pam means that realm, whatever the list shows.
	if _, typed := account.SplitUser(user); typed != "" && (realm == "" || hasRealm(host, typed) || typed == realm) {
		realm = ""
	}
	if realm != "" {
		user += "@" + realm
	}
	name, realm := account.SplitUser(user)
	switch {
	case realm == "":
		return "", problem.Field("realm", "Enter the realm of your account, such as pam or pve.")
	case !realmGrammar.MatchString(realm):
		return "", problem.Field("realm", "A realm begins with a letter and has letters, digits, dots, hyphens and underscores.")
	case len(user) > maxUser:
		return "", problem.Field("user", "A Proxmox user name with its realm has at most 64 characters.")
	case !nameGrammar.MatchString(name) || !validUser(user):
		return "", problem.Field("user", "A Proxmox user name has no blanks, colons, slashes or exclamation marks.")
	}
	for _, r := range host.Realms {
		if r.Name == realm && !r.Usable() {
			return "", problem.Field("realm", "Berth cannot sign in through this realm: it leads through another site's page.")
		}
	}
	return user, nil
}

func hasRealm(host account.SignInHost, name string) bool {
	for _, r := range host.Realms {
		if r.Name == name {
			return true
		}
	}
	return false
}
