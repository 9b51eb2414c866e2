package pvesim

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"
)

// addUsers fills the accounts; root@pam is always there.
func (c *Cluster) addUsers(seed uint64, specs []UserSpec) {
	if c.major == 8 {
		eightDiffers(c.roles)
	}
	root := false
	for _, u := range specs {
		root = root || u.ID == "root@pam"
	}
	if !root {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], mix(seed, 1))
		specs = append([]UserSpec{{ID: "root@pam", Password: "root-" + hex.EncodeToString(b[:])}}, specs...)
	}
	for _, spec := range specs {
		c.AddUser(spec)
	}
}

// AddUser adds an account, or replaces one of that name.
func (c *Cluster) AddUser(spec UserSpec) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := &user{
		id: spec.ID, password: spec.Password, totp: spec.TOTPSecret, webauthn: spec.WebAuthn,
		recovery: append([]string(nil), spec.Recovery...),
		comment:  spec.Comment, email: spec.Email, disabled: spec.Disabled, expire: spec.Expire,
		tokens: map[string]*token{},
	}
	c.users[u.id] = u
	for _, g := range spec.Groups {
		if c.groups[g] == nil {
			c.groups[g] = map[string]bool{}
		}
		c.groups[g][u.id] = true
	}
	for _, a := range spec.ACL {
		c.setACL(aclEntry{path: a.Path, kind: "user", who: u.id, role: a.Role, propagate: !a.NoPropagate}, false)
	}
	for _, t := range spec.Tokens {
		c.addToken(u, t)
	}
	c.aclCache = nil
}

// AddToken gives a user a token, or another secret to the one of that id, and
// returns the secret; "" when there is no such user.
func (c *Cluster) AddToken(userID, id string, spec TokenSpec) (secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.users[userID]
	if u == nil {
		return ""
	}
	spec.ID = id
	return c.addToken(u, spec)
}

func (c *Cluster) addToken(u *user, spec TokenSpec) string {
	if spec.Secret == "" {
		spec.Secret = uuid.NewString()
	}
	u.tokens[spec.ID] = &token{secret: spec.Secret, privsep: spec.PrivSep, expire: spec.Expire, comment: spec.Comment}
	for _, a := range spec.ACL {
		c.setACL(aclEntry{path: a.Path, kind: "token", who: u.id + "!" + spec.ID, role: a.Role, propagate: !a.NoPropagate}, false)
	}
	c.aclCache = nil
	return spec.Secret
}

// RemoveToken takes a token away, as an administrator elsewhere would.
func (c *Cluster) RemoveToken(userID, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u := c.users[userID]; u != nil {
		delete(u.tokens, id)
		c.aclCache = nil
	}
}

// SetACL gives a role on a path to a user ("a@pve"), token ("a@pve!t") or group
// ("@admins"). An empty role takes away everything that who has on that path.
func (c *Cluster) SetACL(path, who, role string, propagate bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := "user"
	if strings.Contains(who, "!") {
		kind = "token"
	} else if strings.HasPrefix(who, "@") {
		kind, who = "group", who[1:]
	}
	if role != "" {
		c.setACL(aclEntry{path: path, kind: kind, who: who, role: role, propagate: propagate}, false)
		return
	}
	for _, e := range append([]aclEntry(nil), c.acl...) {
		if e.path == path && e.kind == kind && e.who == who {
			c.setACL(e, true)
		}
	}
}

// Password returns a user's password, for whoever prints the credentials.
func (c *Cluster) Password(userID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u := c.users[userID]; u != nil {
		return u.password
	}
	return ""
}
