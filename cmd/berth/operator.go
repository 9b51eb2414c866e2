package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/secret"
	"berth/internal/store"
)

// VersionCmd prints what was built.
type VersionCmd struct{}

// version is set by the linker in releases.
var version = ""

// Run is called by kong.
func (VersionCmd) Run(s streams) error {
	_, err := fmt.Fprintf(s.out, "berth %s (%s, %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "development"
}

// beside opens the store for a short command, also while Berth runs.
func (d DataOptions) beside(ctx context.Context) (*store.Store, error) {
	return d.openStore(ctx, store.Options{Beside: true, Log: slog.New(slog.DiscardHandler)})
}

// SetupLinkCmd prints a new set-up link.
type SetupLinkCmd struct {
	DataOptions `embed:""`
	PublicURL   *url.URL `name:"public-url" help:"The address that people type." default:"http://127.0.0.1:8080" env:"BERTH_PUBLIC_URL"`
}

// Run is called by kong.
func (c *SetupLinkCmd) Run(ctx context.Context, s streams) error {
	st, err := c.beside(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	link, err := setUpLink(ctx, st, c.PublicURL.String())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, link)
	return err
}

// AdminCmd changes administrators without anybody being signed in.
type AdminCmd struct {
	List   AdminListCmd   `cmd:"" help:"List everybody who ever signed in."`
	Grant  AdminGrantCmd  `cmd:"" help:"Make a person an administrator."`
	Revoke AdminRevokeCmd `cmd:"" help:"Make an administrator an ordinary person."`
	Pin    AdminPinCmd    `cmd:"" help:"Confirm a sign-in host's new certificate when nobody can sign in any more."`
}

// AdminListCmd lists people.
type AdminListCmd struct {
	DataOptions `embed:""`
}

// Run is called by kong.
func (c *AdminListCmd) Run(ctx context.Context, s streams) error {
	st, err := c.beside(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	users, err := st.Users(ctx)
	if err != nil {
		return err
	}
	hosts, err := st.SignInHosts(ctx)
	if err != nil {
		return err
	}
	return printPeople(s.out, users, hosts)
}

func printPeople(w io.Writer, users []account.User, hosts []account.SignInHost) error {
	names := map[account.HostID]string{}
	for _, h := range hosts {
		names[h.ID] = h.Name
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tUSER\tSIGN-IN HOST\tROLE\tLAST SIGN-IN")
	for _, u := range users {
		role := "person"
		if u.Admin {
			role = "administrator"
		}
		if !u.DisabledAt.IsZero() {
			role += ", disabled"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.ID, u.PVEUser, names[u.Host], role, u.SignedInAt.UTC().Format(time.DateTime))
	}
	return table.Flush()
}

// AdminGrantCmd raises a person.
type AdminGrantCmd struct {
	DataOptions `embed:""`
	ID          string `arg:"" help:"The person's id, as berth admin list shows it."`
}

// Run is called by kong.
func (c *AdminGrantCmd) Run(ctx context.Context, s streams) error {
	return c.setAdmin(ctx, s, c.ID, true)
}

// AdminRevokeCmd lowers an administrator.
type AdminRevokeCmd struct {
	DataOptions `embed:""`
	ID          string `arg:"" help:"The person's id, as berth admin list shows it."`
}

// Run is called by kong.
func (c *AdminRevokeCmd) Run(ctx context.Context, s streams) error {
	return c.setAdmin(ctx, s, c.ID, false)
}

// setAdmin does it with an entry in the audit trail before and after.
func (d DataOptions) setAdmin(ctx context.Context, s streams, id string, admin bool) error {
	st, err := d.beside(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	user, err := st.User(ctx, account.UserID(id))
	if err != nil {
		return err
	}
	kind, done := audit.AdminGrant, "is an administrator now"
	if !admin {
		kind, done = audit.AdminRevoke, "is no administrator any more"
	}
	e := audit.Entry{At: time.Now(), Actor: "command line", Kind: kind, Result: audit.Intent, Subject: user.PVEUser}
	intent, err := st.Audit(ctx, e)
	if err != nil {
		return err
	}
	e.Of, e.Result = intent.ID, audit.OK
	err = st.SetAdmin(ctx, user.ID, admin)
	if err != nil {
		e.Result = audit.Failed
	}
	if _, werr := st.Audit(ctx, e); werr != nil {
		return errors.Join(err, werr)
	}
	if err == nil {
		_, err = fmt.Fprintf(s.out, "%s %s.\n", user.PVEUser, done)
	}
	return err
}

// KeyCmd is about the key that seals secrets.
type KeyCmd struct {
	New    KeyNewCmd    `cmd:"" help:"Make a key file. Berth with --database never makes one by itself."`
	Rotate KeyRotateCmd `cmd:"" help:"Seal every secret anew with the first key of the key file."`
	GiveUp KeyGiveUpCmd `cmd:"" help:"The key is lost: remove the secrets that nobody can open any more, and begin anew. Nodes stay and ask for their secret."`
}

// KeyNewCmd makes a key file.
type KeyNewCmd struct {
	File string `arg:"" help:"The file to make; an existing one is never replaced." type:"path"`
}

// Run is called by kong.
func (c *KeyNewCmd) Run(s streams) error {
	if _, err := secret.CreateKeyFile(c.File); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "Made %s. Whoever has it and the database has every stored secret; without it, nobody has.\n", c.File)
	return err
}

// KeyRotateCmd seals all secrets with the current key, after a new one was put first in the key file.
type KeyRotateCmd struct {
	DataOptions `embed:""`
}

// Run is called by kong.
func (c *KeyRotateCmd) Run(ctx context.Context, s streams) error {
	st, err := c.openStore(ctx, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer st.Close()
	// With SQLite opening has done it already, so a count would say nothing.
	if p := st.Locked(); p != nil {
		return p
	}
	if _, err := st.Reseal(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "Every secret is sealed with key %s now. Older keys can be taken out of the key file.\n", st.KeyID())
	return err
}

// KeyGiveUpCmd begins anew with another key when the one before is lost.
type KeyGiveUpCmd struct {
	DataOptions `embed:""`
}

// Run is called by kong.
func (c *KeyGiveUpCmd) Run(ctx context.Context, s streams) error {
	st, err := c.openStore(ctx, store.Options{GiveUp: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer st.Close()
	_, err = fmt.Fprintf(s.out, "The lost key is given up; secrets are sealed with key %s from now on. Enter each node's token secret again.\n", st.KeyID())
	return err
}
