// Package store is Berth's memory: users, sessions, clusters, pictures, leases
// and the audit trail, on SQLite (a file in the data folder) or on PostgreSQL
// (several replicas), with one set of queries and migrations for both.
//
// Every query that touches a person's things takes the owner; what is absent
// and what is another's are the same problem.Missing. Secrets are sealed with
// the row that they belong to and never leave the package but by a method that
// says so. Times are kept to the millisecond.
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/store/query"
)

// DefaultSessionIdle is how long an unused session lives when Options do not say.
const DefaultSessionIdle = 12 * time.Hour

// Options say where the store is and with what it seals.
type Options struct {
	// Dir is the data folder: made when absent, mode 0700, locked while the
	// store is open. Unused when Database is set.
	Dir string
	// Database is a postgres:// URL. A remote one must use sslmode=verify-full.
	Database string
	// Keyring seals and opens secrets; nil when no key was found.
	Keyring *secret.Keyring
	// MakeKey makes the first key of a new data folder when Keyring is nil. It
	// is called only with SQLite, and only when nothing was ever sealed there.
	MakeKey func() (*secret.Keyring, error)
	// GiveUp is for a lost key: when the store would be locked, everything that
	// cannot be opened any more is removed, and Keyring, or with SQLite a key of
	// MakeKey, begins anew. A store that is not locked is an error.
	GiveUp bool
	// Beside opens a data folder even while a running Berth holds it, for a
	// short command; nothing is migrated then. Where none runs it makes no difference.
	Beside bool
	// SessionIdle is how long an unused session lives.
	SessionIdle time.Duration
	Now         func() time.Time
	Log         *slog.Logger
}

// Store is safe for concurrent use.
type Store struct {
	engine engine
	reads  *query.Queries
	writes *query.Queries
	vault  vault
	idle   time.Duration
	now    func() time.Time
	log    *slog.Logger
}

// engine is what differs between the two databases.
type engine interface {
	reader() *sql.DB
	writer() *sql.DB
	// migrate brings the schema to this binary's version, or refuses a newer one.
	migrate(ctx context.Context) error
	// alone runs f while no other process of Berth runs it on the same database.
	alone(ctx context.Context, f func() error) error
	// shared says that other replicas may use the same database.
	shared() bool
	// shred sees to it that what was deleted is not readable in the database's files, as far as the engine can.
	shred(ctx context.Context) error
	announce(ctx context.Context, topic, id string) error
	listen(ctx context.Context, heard func(topic, id string)) error
	close() error
}

// Open opens the store, migrates it and checks its key. With PostgreSQL a
// missing or other key is an error; with SQLite the store opens locked (see
// Locked), unless it is new, where MakeKey makes the key.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SessionIdle == 0 {
		o.SessionIdle = DefaultSessionIdle
	}
	e, err := openEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, reads: query.New(e.reader()), writes: query.New(e.writer()),
		idle: o.SessionIdle, now: o.Now, log: o.Log}
	err = e.alone(ctx, func() error {
		if err := e.migrate(ctx); err != nil {
			return err
		}
		if !e.shared() && !o.Beside {
			// Whoever held a lease in this folder is dead, since its lock is ours.
			if err := s.writes.PruneLeases(ctx, math.MaxInt64); err != nil {
				return failed("end the leases of the last run", err)
			}
		}
		if o.GiveUp {
			if err := s.giveUp(ctx, o.Keyring); err != nil {
				return err
			}
		}
		return s.openVault(ctx, o.Keyring, o.MakeKey)
	})
	if err == nil && !e.shared() && !o.Beside {
		err = s.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return s, nil
}

// prepare compiles every query once. SQLite's compiler takes longer than most of
// our queries run; PostgreSQL's driver keeps what it prepared by itself.
func (s *Store) prepare(ctx context.Context) (err error) {
	if s.reads, err = query.Prepare(ctx, s.engine.reader()); err != nil {
		return err
	}
	s.writes, err = query.Prepare(ctx, s.engine.writer())
	return err
}

func openEngine(ctx context.Context, o Options) (engine, error) {
	switch {
	case o.Database != "":
		return openPostgres(ctx, o.Database, o.Log)
	case o.Dir != "":
		return openSQLite(ctx, o.Dir, o.Beside)
	}
	return nil, errors.New("open the store: neither a data folder nor a database is given")
}

// Close ends all connections and gives the data folder free.
func (s *Store) Close() error { return s.engine.close() }

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.engine.reader().PingContext(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// tx runs f in one writing transaction.
func (s *Store) tx(ctx context.Context, f func(q *query.Queries) error) error {
	t, err := s.engine.writer().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(s.writes.WithTx(t)); err != nil {
		_ = t.Rollback() // the first error is the one that matters
		return err
	}
	return t.Commit()
}

// shredded runs after a deletion that was carried out: a failure is no reason to say that it was not.
func (s *Store) shredded(ctx context.Context) {
	if err := s.engine.shred(context.WithoutCancel(ctx)); err != nil {
		s.log.Warn("what was deleted may be readable in the database's files for a while", "error", err)
	}
}

// failed wraps a database error with what was being done. No row becomes
// problem.Missing, and so does an id that no row can have; problems pass as they are.
func failed(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows), unsayable(err):
		return problem.Missing()
	case problem.Of(err) != nil:
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// changedOne is failed, and problem.Missing when no row was changed.
func changedOne(doing string, rows int64, err error) error {
	if err == nil && rows == 0 {
		return problem.Missing()
	}
	return failed(doing, err)
}

// millis is a time as kept: unix milliseconds, 0 for never.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is what millis wrote, in UTC.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// plain makes foreign text fit for either engine: PostgreSQL takes neither NUL nor invalid UTF-8.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode a stored value: %w", err)
	}
	return plain(string(b)), nil
}

func decode(text string, v any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("decode a stored value: %w", err)
	}
	return nil
}

// nameKey is what makes two names the same one.
func nameKey(name string) string { return strings.ToLower(strings.TrimSpace(plain(name))) }
