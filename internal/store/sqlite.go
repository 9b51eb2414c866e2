package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// FileName is the database's name in the data folder.
const FileName = "berth.db"

type sqlite struct {
	read, write *sql.DB
	lock        *os.File // nil: opened beside a running Berth
	hub         hub
}

func openSQLite(ctx context.Context, dir string, beside bool) (engine, error) {
	if err := prepareFolder(dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil && (!beside || !errors.Is(err, ErrFolderInUse)) {
		return nil, err
	}
	e := &sqlite{lock: lock}
	if err := e.connect(ctx, filepath.Join(dir, FileName)); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// connect opens one writer and several readers: SQLite lets one write at a
// time, and a second one would only wait inside the database with its
// connection held.
func (e *sqlite) connect(ctx context.Context, path string) error {
	// SQLite gives the -wal and -shm files the mode of the database.
	if err := ensureFile(path); err != nil {
		return err
	}
	var err error
	if e.write, err = sql.Open("sqlite", sqliteDSN(path, url.Values{"_txlock": {"immediate"}}, "journal_mode(WAL)")); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	e.write.SetMaxOpenConns(1)
	if err := e.write.PingContext(ctx); err != nil { // before the readers: it sets the journal's mode
		return fmt.Errorf("open the database %s: %w", path, err)
	}
	if e.read, err = sql.Open("sqlite", sqliteDSN(path, nil, "query_only(ON)")); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	readers := max(4, min(8, runtime.NumCPU()))
	e.read.SetMaxOpenConns(readers)
	e.read.SetMaxIdleConns(readers)
	return nil
}

func sqliteDSN(path string, values url.Values, pragmas ...string) string {
	if values == nil {
		values = url.Values{}
	}
	// busy_timeout first: setting the journal's mode may have to wait already.
	// secure_delete overwrites what is deleted; synchronous FULL keeps what was acknowledged over a power cut.
	for _, p := range append([]string{"busy_timeout(10000)", "foreign_keys(ON)", "secure_delete(ON)", "synchronous(FULL)", "trusted_schema(OFF)", "journal_size_limit(8388608)"}, pragmas...) {
		values.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: values.Encode()}).String()
}

func (e *sqlite) reader() *sql.DB { return e.read }
func (e *sqlite) writer() *sql.DB { return e.write }
func (e *sqlite) shared() bool    { return false }

func (e *sqlite) migrate(ctx context.Context) error {
	if e.lock == nil {
		return sameSchema(ctx, goose.DialectSQLite3, e.write, migrationFiles)
	}
	return migrate(ctx, goose.DialectSQLite3, e.write, migrationFiles)
}

// alone needs nothing more than the folder's lock.
func (e *sqlite) alone(_ context.Context, f func() error) error { return f() }

// shred empties the journal: deleted rows are overwritten in the database
// itself (secure_delete), but the journal still has them as they were.
func (e *sqlite) shred(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var busy, pages, done int
	if err := e.write.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done); err != nil {
		return fmt.Errorf("empty the journal: %w", err)
	}
	if busy != 0 {
		return errors.New("empty the journal: a reader holds it")
	}
	return nil
}

func (e *sqlite) announce(_ context.Context, topic, id string) error {
	e.hub.announce(topic, id)
	return nil
}

func (e *sqlite) listen(ctx context.Context, heard func(topic, id string)) error {
	return e.hub.listen(ctx, heard)
}

func (e *sqlite) close() error {
	var errs []error
	for _, db := range []*sql.DB{e.read, e.write} { // the writer last: it checkpoints the journal
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if e.lock != nil {
		if err := e.lock.Close(); !errors.Is(err, os.ErrClosed) { // closing twice is no error, as with sql.DB
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// hub carries announcements within one process.
type hub struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
}

type listener struct {
	heard  chan [2]string
	missed chan struct{} // holds one mark when heard was full
}

func (h *hub) announce(topic, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		select {
		case l.heard <- [2]string{topic, id}:
		default:
			select {
			case l.missed <- struct{}{}:
			default:
			}
		}
	}
}

func (h *hub) listen(ctx context.Context, heard func(topic, id string)) error {
	l := &listener{heard: make(chan [2]string, 256), missed: make(chan struct{}, 1)}
	h.mu.Lock()
	if h.listeners == nil {
		h.listeners = map[*listener]struct{}{}
	}
	h.listeners[l] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.listeners, l)
		h.mu.Unlock()
	}()
	heard(Resync, "")
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.missed:
			heard(Resync, "")
		case m := <-l.heard:
			heard(m[0], m[1])
		}
	}
}
