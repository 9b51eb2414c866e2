package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"berth/internal/account"
	"berth/internal/audit"
	"berth/internal/fleet"
	"berth/internal/jobs"
	"berth/internal/ops/act"
	"berth/internal/ops/connect"
	"berth/internal/ops/signin"
	"berth/internal/ops/templates"
	"berth/internal/problem"
	"berth/internal/pve"
	"berth/internal/secret"
	"berth/internal/store"
	"berth/internal/watch"
	"berth/internal/web"
	"berth/internal/web/kit"
	"berth/internal/web/nodes"

	"berth/cmd/berth/source"
)

// app is one running Berth: the hands, the eyes and the verbs, fitted to each other.
type app struct {
	dir       string
	shared    bool // the database may serve other replicas too
	log       *slog.Logger
	store     *store.Store
	guard     *pve.Guard
	watcher   *watch.Watcher
	signin    *signin.Service
	connect   *connect.Service
	act       *act.Service
	jobs      *jobs.Engine
	perNode   int // how many actions go on at once on one node
	templates *templates.Service
	imports   *os.Root // nil: no folder of the server is imported from
	metrics   *web.Metrics
	streams   []interface{ Close() } // of pages; set with the site
	nodes     *nodes.Pages           // set with the site
}

// open opens the store and fits everything that needs no listener.
func open(ctx context.Context, d DataOptions, w WatchOptions, log *slog.Logger) (*app, error) {
	st, err := d.openStore(ctx, store.Options{SessionIdle: w.SessionIdle, Log: log})
	if err != nil {
		return nil, err
	}
	guard, err := w.guard(d)
	if err != nil {
		_ = st.Close()
		return nil, err
	}
	a := &app{dir: d.Data, shared: d.Database != "", log: log, store: st, guard: guard, metrics: web.NewMetrics()}
	holder := uuid.Must(uuid.NewV7()).String()
	a.watcher = watch.New(watch.Options{Store: st, Dial: a.dial, Now: time.Now, Log: log, Holder: holder, Alone: d.Database == ""})
	a.signin = signin.New(signin.Options{Store: st, Proxmox: pve.SignInHosts{Guard: guard}, Now: time.Now, Log: log,
		IdleFor: w.SessionIdle, Lifetime: w.SessionLife, Ended: a.personChanged, Back: a.personChanged})
	a.newWork(w.WorkOptions, holder)
	a.connect = newConnect(a)
	if err := a.newTemplates(w.TemplateOptions); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return a, nil
}

// openStore opens the store with the key of the first place that has one. o says how.
func (d DataOptions) openStore(ctx context.Context, o store.Options) (*store.Store, error) {
	keyFile := d.keyFile()
	sources := []secret.Source{secret.Env(secret.KeyEnv), secret.Credential(), secret.File(keyFile)}
	if d.ownKey {
		sources = sources[2:]
	}
	ring, _, err := secret.LoadKey(sources...)
	if err != nil && !errors.Is(err, secret.ErrKeyAbsent) {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	o.Database, o.Keyring, o.Now = d.Database, ring, time.Now
	if d.Database == "" {
		o.Dir = d.Data
	}
	if d.Database == "" && !o.Beside {
		o.MakeKey = func() (*secret.Keyring, error) {
			o.Log.Info("making a new key; without it the stored secrets cannot be read, so keep a copy apart from the database", "file", keyFile)
			return secret.CreateKeyFile(keyFile)
		}
	}
	return store.Open(ctx, o)
}

func (d DataOptions) keyFile() string {
	if d.KeyFile != "" {
		return d.KeyFile
	}
	return filepath.Join(d.Data, secret.KeyFileName)
}

// guard makes the one dialer. Berth's own database is never dialled by it.
func (w WatchOptions) guard(d DataOptions) (*pve.Guard, error) {
	o := pve.GuardOptions{Only: w.OnlyAllowed}
	for _, s := range w.AllowNode {
		rule, err := pve.ParseRule(s)
		if err != nil {
			return nil, fmt.Errorf("--allow-node: %w", err)
		}
		o.Allow = append(o.Allow, rule)
	}
	if d.Database != "" {
		db, err := pgconn.ParseConfig(d.Database)
		if err != nil {
			return nil, errors.New("--database is no postgres:// URL") // err would print the password
		}
		o.OwnNames = append(o.OwnNames, net.JoinHostPort(db.Host, strconv.Itoa(int(db.Port))))
		for _, f := range db.Fallbacks {
			o.OwnNames = append(o.OwnNames, net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))))
		}
	}
	return pve.NewGuard(o), nil
}

// dial makes what the watcher asks a cluster through.
func (a *app) dial(ctx context.Context, c fleet.Cluster) (watch.Source, error) {
	if a.store.Locked() != nil {
		return nil, problem.New(problem.Locked, "Berth cannot use its token without the key.", "") // every page says what to do
	}
	token, err := a.store.ClusterSecret(ctx, c.Owner, c.ID)
	if err != nil {
		return nil, err
	}
	client, err := pve.New(pve.Options{Authority: c.Authority, Guard: a.guard, Auth: pve.Token{ID: c.TokenID, Secret: token},
		OnAnswer:  func(x pve.Answer) { a.metrics.Asked(x.Status, x.Duration, x.Bytes, x.NewConn) },
		OnRenewal: func(r pve.Renewal) { a.renewed(context.WithoutCancel(ctx), c, r) }})
	if err != nil {
		return nil, err
	}
	return source.Of(client), nil
}

// renewed leaves the event that a certificate was renewed under the CA that the
// person pinned. A client that starts anew compares with what was confirmed at
// first, and would tell of the same renewal again.
func (a *app) renewed(ctx context.Context, c fleet.Cluster, r pve.Renewal) {
	detail := r.Address.String() + " has a new certificate of the same authority: " + r.New + "."
	told, err := a.store.AuditEntries(ctx, audit.Filter{Owner: c.Owner, Cluster: c.ID, Kind: audit.CertRenewed, Limit: 50})
	if err == nil && slices.ContainsFunc(told, func(e audit.Entry) bool { return e.Detail == detail }) {
		return
	}
	_, err = a.store.Audit(ctx, audit.Entry{At: time.Now(), Owner: c.Owner, Actor: "Berth", Kind: audit.CertRenewed, Result: audit.OK,
		Subject: c.Name, Cluster: string(c.ID), Detail: detail})
	if err != nil {
		a.log.Error("noting a renewed certificate", "err", err)
	}
}

// personChanged starts or ends the loops of a person who was let in again or shut out.
func (a *app) personChanged(account.UserID) {
	a.watcher.Reload("")
	a.act.Recheck()
}

// firstLink is the set-up link of a Berth that has no administrator yet; empty
// when it has one. Of replicas that start together one prints it, since each new link voids the one before.
func (a *app) firstLink(ctx context.Context, base string) (string, error) {
	n, err := a.store.Administrators(ctx)
	if err != nil || n > 0 {
		return "", err
	}
	if a.shared {
		now := time.Now()
		won, err := a.store.Claim(ctx, "set-up-link", uuid.NewString(), now.Add(time.Minute), now)
		if err != nil {
			return "", err
		}
		if !won {
			a.log.Info("another replica printed the set-up link; “berth setup-link” makes a new one")
			return "", nil
		}
	}
	return setUpLink(ctx, a.store, base)
}

// setUpLink makes a new one; the one before is void.
func setUpLink(ctx context.Context, st *store.Store, base string) (string, error) {
	link, _, err := signin.New(signin.Options{Store: st}).SetUpLink(ctx)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(base, "/") + kit.URL.SetUp() + "?" + url.Values{"link": {link.Reveal()}}.Encode(), nil
}

// background is what runs beside the server until the context ends.
func (a *app) background() []func(context.Context) error {
	return []func(context.Context) error{
		a.watcher.Run,
		a.jobs.Run,
		func(ctx context.Context) error { a.signin.Run(ctx); return nil },
		func(ctx context.Context) error { a.nodes.Run(ctx, a.signin.SessionStands); return nil },
	}
}

// newTemplates fits the verbs of templates.
func (a *app) newTemplates(o TemplateOptions) error {
	if o.ImportRoot != "" {
		root, err := os.OpenRoot(o.ImportRoot)
		if err != nil {
			return fmt.Errorf("--import-root: %w", err)
		}
		a.imports = root
	}
	a.templates = templates.New(templates.Options{Store: a.store, Now: time.Now, Log: a.log, ImportRoot: a.imports})
	return nil
}

func (a *app) close() {
	if a.imports != nil {
		_ = a.imports.Close() // nothing was written through it
	}
	if err := a.store.Close(); err != nil {
		a.log.Error("closing the store", "err", err)
	}
}
