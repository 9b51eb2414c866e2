package pve

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/internal/problem"
	"berth/internal/secret"
)

// Role is a named set of privileges.
type Role struct {
	ID         string
	Privileges []string
	Special    bool // one of Proxmox's own, which cannot be changed
}

// Roles lists all roles; it needs no privilege.
func (c *Client) Roles(ctx context.Context) ([]Role, error) {
	l, err := list(ctx, c, get("reading its roles", "access", "roles"), func(v value) (Role, bool) {
		r := Role{ID: v.get("roleid").line(), Special: v.get("special").bool(), Privileges: commaList(v.get("privs").line())}
		return r, r.ID != ""
	})
	return l.Rows, err
}

func commaList(s string) []string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
	slices.Sort(parts)
	return parts
}

// CreateRole makes a role. It needs Sys.Modify on /access, and quorum. A used name is a Parameters problem or Failed one.
func (c *Client) CreateRole(ctx context.Context, id string, privileges []string) error {
	if !validWord(id) {
		return problem.New(problem.Invalid, "This is not the name of a role.", "")
	}
	return c.change(ctx, write("POST", "making the role "+id, params{"roleid": id, "privs": strings.Join(privileges, ",")}, "access", "roles"))
}

// DeleteRole removes a role. It needs Sys.Modify on /access, and quorum.
func (c *Client) DeleteRole(ctx context.Context, id string) error {
	if !validWord(id) {
		return problem.New(problem.Invalid, "This is not the name of a role.", "")
	}
	return c.change(ctx, write("DELETE", "removing the role "+id, nil, "access", "roles", id))
}

// change carries out a write of whose answer nothing is needed.
func (c *Client) change(ctx context.Context, call call) error {
	return c.do(ctx, call, func(body io.Reader) error {
		_, err := readTree(body, maxString)
		return err
	})
}

// CreateToken makes a privilege-separated token, which starts with no
// privileges, and gives its secret, which Proxmox shows only now. For oneself it
// needs a ticket and no privilege; it needs quorum. Expire is zero for never. A
// used name is a Parameters problem.
func (c *Client) CreateToken(ctx context.Context, user, name, comment string, expire time.Time) (secret.Text, error) {
	if err := checkToken(user, name); err != nil {
		return secret.Text{}, err
	}
	p := params{"privsep": flag(true), "comment": cut(clean(comment), 200), "expire": "0"}
	if !expire.IsZero() {
		p["expire"] = strconv.FormatInt(expire.Unix(), 10)
	}
	call := write("POST", "making the token "+user+"!"+name, p, "access", "users", user, "token", name)
	var made secret.Text
	err := c.do(ctx, call, func(body io.Reader) error {
		v, err := readTree(body, maxString)
		made = secret.New(v.get("value").raw())
		if err == nil && CheckTokenSecret(made) != nil {
			return errNoSecret
		}
		return err
	})
	return made, err
}

// HasToken reports whether the user has a token of that name; for oneself it needs no privilege.
func (c *Client) HasToken(ctx context.Context, user, name string) (bool, error) {
	if err := checkToken(user, name); err != nil {
		return false, err
	}
	_, err := c.tree(ctx, get("looking for the token "+user+"!"+name, "access", "users", user, "token", name))
	if p := problem.Of(err); p != nil && strings.Contains(p.Proxmox, "no such token") {
		return false, nil
	}
	return err == nil, err
}

// DeleteToken removes a token; for oneself it needs no privilege. ACL lines of it may remain, which is harmless.
func (c *Client) DeleteToken(ctx context.Context, user, name string) error {
	if err := checkToken(user, name); err != nil {
		return err
	}
	return c.change(ctx, write("DELETE", "removing the token "+user+"!"+name, nil, "access", "users", user, "token", name))
}

func checkToken(user, name string) error {
	if !validUser(user) {
		return badUser()
	}
	if !validTokenName(name) {
		return problem.Field("token", "The name of a token begins with a letter and has letters, digits, dots, dashes and underscores.")
	}
	if len(user)+1+len(name) > maxUser {
		return problem.Field("token", "The whole token id, user@realm!name, has at most 64 characters.")
	}
	return nil
}

func badUser() error {
	return problem.Field("username", "A user has the form name@realm, such as root@pam.")
}

// ACL is one line of rights for a token.
type ACL struct {
	Path      string // "/vms/100"
	Role      string
	Token     string // user@realm!name
	Propagate bool
}

// PutACL gives the token the role on the path. It needs Permissions.Modify
// there (or less on /vms, /storage and /pool), and quorum.
func (c *Client) PutACL(ctx context.Context, a ACL) error {
	if _, _, err := ParseTokenID(a.Token); err != nil {
		return err
	}
	if !validACLPath(a.Path) || !validWord(a.Role) {
		return problem.New(problem.Invalid, "This is not a path of Proxmox's permissions, or not a role.", "")
	}
	return c.change(ctx, write("PUT", "giving the token rights on "+a.Path,
		params{"path": a.Path, "roles": a.Role, "tokens": a.Token, "propagate": flag(a.Propagate)}, "access", "acl"))
}

func validACLPath(s string) bool {
	return strings.HasPrefix(s, "/") && len(s) <= 256 && !strings.Contains(s, "//") && !strings.Contains(s, "..") &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"'\;,&=?#%`, r)
		})
}
