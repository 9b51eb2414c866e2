package pvesim

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	ticketLife = 2 * time.Hour
	tfaLife    = 10 * time.Minute
	futureSlip = 5 * time.Minute
	tfaTries   = 8 // wrong codes in a row before a factor is locked
)

// user is an account in the simulated user.cfg.
type user struct {
	id       string
	password string
	totp     string
	lastStep int64 // the newest TOTP step that was used: a code counts once
	recovery []string
	webauthn bool
	wrong    int
	locked   bool
	comment  string
	email    string

	firstname, lastname string

	disabled bool
	expire   int64
	tokens   map[string]*token
}

type token struct {
	secret  string
	privsep bool
	expire  int64
	comment string
}

func (u *user) enabled(at time.Time) bool {
	return !u.disabled && (u.expire == 0 || u.expire > at.Unix())
}

// authenticate finds out who asks. A nil error with an empty who means that
// nobody needs to be anybody for this call.
func (c *Cluster) authenticate(cl *call, req *http.Request, ep *endpoint) *apiError {
	if ep != nil && ep.perm.kind == "world" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ticket, viaTicket := ticketOf(req)
	if viaTicket {
		who, ok := c.checkTicket(ticket, cl.at)
		if !ok || strings.HasPrefix(who, "!tfa!") || c.faultOn("ticket-expired", cl.via) {
			return unauthorized("Authentication failed!")
		}
		if req.Method != "GET" && !c.checkCSRF(req.Header.Get("CSRFPreventionToken"), who, cl.at) {
			return unauthorized("Permission denied - invalid csrf token")
		}
		cl.who = who
		return nil
	}
	auth := req.Header.Get("Authorization")
	tok, isToken := strings.CutPrefix(auth, "PVEAPIToken=")
	if !isToken {
		return unauthorized("No ticket")
	}
	id, secret, _ := strings.Cut(tok, "=")
	if !c.checkToken(id, secret, cl.at) || c.faultOn("token-revoked", cl.via) {
		return unauthorized("Authentication failed!")
	}
	cl.who, cl.token = id, true
	return nil
}

func unauthorized(reason string) *apiError {
	return &apiError{status: 401, message: reason}
}

// ticketOf finds a ticket in the cookie, else in the Authorization header. The
// cookie wins over a token.
func ticketOf(req *http.Request) (string, bool) {
	for _, line := range req.Header["Cookie"] {
		for _, part := range strings.Split(line, ";") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(part), "PVEAuthCookie="); ok {
				return unescape(v), true
			}
		}
	}
	if v, ok := strings.CutPrefix(req.Header.Get("Authorization"), "PVEAuthCookie="); ok {
		return unescape(v), true
	}
	return "", false
}

func (c *Cluster) checkToken(id, secret string, at time.Time) bool {
	owner, name, ok := strings.Cut(id, "!")
	if !ok {
		return false
	}
	u := c.users[owner]
	if u == nil || !u.enabled(at) {
		return false
	}
	t := u.tokens[name]
	if t == nil || t.expire != 0 && t.expire <= at.Unix() {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(t.secret), []byte(secret)) == 1
}

func (c *Cluster) sign(s string) string {
	m := hmac.New(sha256.New, c.ticketKey)
	m.Write([]byte(s))
	return strings.TrimRight(base64.StdEncoding.EncodeToString(m.Sum(nil)), "=")
}

// makeTicket makes PVE:<who>:<hex time>::<signature>.
func (c *Cluster) makeTicket(who string, at time.Time) string {
	plain := fmt.Sprintf("PVE:%s:%08X", who, at.Unix())
	return plain + "::" + c.sign(plain)
}

func (c *Cluster) checkTicket(ticket string, at time.Time) (who string, ok bool) {
	plain, sig, ok := strings.Cut(ticket, "::")
	if !ok || subtle.ConstantTimeCompare([]byte(c.sign(plain)), []byte(sig)) != 1 {
		return "", false
	}
	parts := strings.Split(plain, ":")
	if len(parts) != 3 || parts[0] != "PVE" {
		return "", false
	}
	life := ticketLife
	if strings.HasPrefix(parts[1], "!tfa!") {
		life = tfaLife
	} else if u := c.users[parts[1]]; u == nil || !u.enabled(at) {
		return "", false
	}
	return parts[1], fresh(parts[2], at, life)
}

func fresh(hexTime string, at time.Time, life time.Duration) bool {
	made, err := strconv.ParseInt(hexTime, 16, 64)
	if err != nil {
		return false
	}
	age := at.Sub(time.Unix(made, 0))
	return age < life && age > -futureSlip
}

func (c *Cluster) makeCSRF(who string, at time.Time) string {
	t := fmt.Sprintf("%08X", at.Unix())
	return t + ":" + c.sign("csrf:"+t+":"+who)
}

func (c *Cluster) checkCSRF(v, who string, at time.Time) bool {
	t, sig, ok := strings.Cut(v, ":")
	want := c.sign("csrf:" + t + ":" + who)
	return ok && subtle.ConstantTimeCompare([]byte(want), []byte(sig)) == 1 && fresh(t, at, ticketLife)
}

var errLogin = &apiError{status: 401, message: "authentication failure\n"}

// createTicket is POST /access/ticket: a password, a ticket as the password
// (renewal; root's opens anybody), or the answer to a second factor.
func createTicket(cl *call) (any, error) {
	c, at := cl.cluster, cl.at
	refuse := func() error {
		e := *errLogin
		e.after = max(c.sim.cfg.AuthDelay, 0)
		return &e
	}
	name := cl.args["username"]
	if realm := cl.args["realm"]; realm != "" && !strings.Contains(name, "@") {
		name += "@" + realm
	}
	u := c.users[name]
	if u == nil || !u.enabled(at) || u.locked && cl.args["tfa-challenge"] != "" {
		return nil, refuse()
	}
	password := cl.args["password"]
	switch {
	case cl.args["tfa-challenge"] != "":
		if !c.answersChallenge(u, cl.args["tfa-challenge"], password, at) {
			return nil, refuse()
		}
	case strings.HasPrefix(password, "PVE:"):
		who, ok := c.checkTicket(password, at)
		if !ok || who != name && who != "root@pam" || c.faultOn("ticket-expired", cl.via) {
			return nil, refuse()
		}
	case u.password == "" || subtle.ConstantTimeCompare([]byte(u.password), []byte(password)) != 1:
		return nil, refuse()
	case u.totp != "" || len(u.recovery) > 0 || u.webauthn:
		challenge := "!tfa!" + strings.ReplaceAll(challengeOf(u), ":", "%3A")
		return c.withName(name, obj{
			{"username", name}, {"NeedTFA", 1},
			{"ticket", c.makeTicket(challenge, at)},
			{"CSRFPreventionToken", c.makeCSRF(name, at)},
		}), nil
	}
	if path := cl.args["path"]; path != "" {
		for _, p := range splitList(cl.args["privs"]) {
			if _, ok := c.privileges(name, path)[p]; !ok {
				return nil, refuse()
			}
		}
	}
	return c.withName(name, obj{
		{"username", name}, {"ticket", c.makeTicket(name, at)},
		{"CSRFPreventionToken", c.makeCSRF(name, at)}, {"cap", c.capabilities(name)},
	}), nil
}

// withName adds the cluster's name for those who may see it.
func (c *Cluster) withName(who string, o obj) obj {
	return o.withIf(!c.standalone && c.may(who, "/", "Sys.Audit"), "clustername", c.name)
}

// challengeOf is the JSON inside a half ticket: the factors that are there.
func challengeOf(u *user) string {
	o := obj{}
	o = o.withIf(u.totp != "", "totp", raw("true"))
	if len(u.recovery) > 0 {
		left := []any{}
		for i, key := range u.recovery {
			if key != "" {
				left = append(left, i)
			}
		}
		o = o.withIf(len(left) > 0, "recovery", left)
	}
	o = o.withIf(u.webauthn, "webauthn", obj{{"publicKey", obj{{"challenge", randomHex(16)}, {"rpId", "pve.lab.internal"}}}})
	return string(appendJSON(nil, o))
}

func (c *Cluster) answersChallenge(u *user, challenge, response string, at time.Time) bool {
	who, ok := c.checkTicket(challenge, at)
	if !ok || !strings.HasPrefix(who, "!tfa!") {
		return false
	}
	kind, value, _ := strings.Cut(response, ":")
	good := false
	switch kind {
	case "totp":
		good = u.takesTOTP(value, at)
	case "recovery":
		for i, key := range u.recovery {
			if key != "" && key == value {
				u.recovery[i], good = "", true
			}
		}
	}
	if good {
		u.wrong = 0
		return true
	}
	if u.wrong++; u.wrong >= tfaTries {
		u.locked = true
	}
	return false
}

func (u *user) takesTOTP(code string, at time.Time) bool {
	if u.totp == "" || u.locked {
		return false
	}
	now := at.Unix() / 30
	for step := now - 1; step <= now+1; step++ {
		if step > u.lastStep && subtle.ConstantTimeCompare([]byte(TOTPCode(u.totp, time.Unix(step*30, 0))), []byte(code)) == 1 {
			u.lastStep = step
			return true
		}
	}
	return false
}

// TOTPCode is the six-digit code that an authenticator with this base32 secret
// shows at that time.
func TOTPCode(secret string, at time.Time) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.TrimRight(secret, "=")))
	if err != nil {
		return ""
	}
	m := hmac.New(sha1.New, key)
	binary.Write(m, binary.BigEndian, at.Unix()/30)
	sum := m.Sum(nil)
	off := sum[len(sum)-1] & 15
	n := binary.BigEndian.Uint32(sum[off:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1000000)
}
