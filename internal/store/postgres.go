package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

type postgres struct {
	db     *sql.DB
	config *pgx.ConnConfig
	log    *slog.Logger
}

// startLock is the advisory lock under which replicas migrate and agree on the
// key, one after the other. It is the first eight bytes of "berth up".
const startLock = 0x6265727468207570

// channel is where replicas announce; PostgreSQL keeps channels apart by database.
const channel = "berth"

func openPostgres(ctx context.Context, address string, log *slog.Logger) (engine, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		// pgx takes passwords out of its error.
		return nil, fmt.Errorf("read the database's address: %w", err)
	}
	if err := provesServer(config); err != nil {
		return nil, err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "berth"
	}
	e := &postgres{db: stdlib.OpenDB(*config), config: config, log: log}
	e.db.SetMaxOpenConns(16)
	e.db.SetMaxIdleConns(4)
	e.db.SetConnMaxIdleTime(5 * time.Minute)
	if err := e.db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach the database: %w", err), e.close())
	}
	return e, nil
}

// provesServer refuses a remote server whose certificate would not be checked
// against its name: whoever sits in between would have every row.
func provesServer(config *pgx.ConnConfig) error {
	check := func(host string, t *tls.Config) error {
		if isLocal(host) || t != nil && !t.InsecureSkipVerify && t.ServerName != "" {
			return nil
		}
		return fmt.Errorf("the database on %s must prove who it is: add sslmode=verify-full to its address, and sslrootcert= when its certificate authority is your own", host)
	}
	if err := check(config.Host, config.TLSConfig); err != nil {
		return err
	}
	for _, f := range config.Fallbacks {
		if err := check(f.Host, f.TLSConfig); err != nil {
			return err
		}
	}
	return nil
}

func isLocal(host string) bool {
	if strings.HasPrefix(host, "/") || host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (e *postgres) reader() *sql.DB { return e.db }
func (e *postgres) writer() *sql.DB { return e.db }
func (e *postgres) shared() bool    { return true }
func (e *postgres) close() error    { return e.db.Close() }

func (e *postgres) migrate(ctx context.Context) error {
	return migrate(ctx, goose.DialectPostgres, e.db, migrationFiles)
}

func (e *postgres) alone(ctx context.Context, f func() error) error {
	// A connection of its own: the lock belongs to it and goes with it.
	conn, err := pgx.ConnectConfig(ctx, e.config.Copy())
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(startLock)); err != nil {
		return fmt.Errorf("wait for other replicas to start: %w", err)
	}
	return f()
}

// shred leaves it to PostgreSQL: vacuum overwrites deleted rows in its own time, and its log has them until it is recycled.
func (e *postgres) shred(context.Context) error { return nil }

func (e *postgres) announce(ctx context.Context, topic, id string) error {
	_, err := e.db.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, topic+" "+id)
	return err
}

// listen keeps one connection for LISTEN and makes a new one when it is lost.
func (e *postgres) listen(ctx context.Context, heard func(topic, id string)) error {
	const longest = 10 * time.Second
	pause := 100 * time.Millisecond
	for {
		begun := time.Now()
		err := e.listenOnce(ctx, heard)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(begun) > time.Minute {
			pause = 100 * time.Millisecond
		}
		e.log.Warn("announcements of other replicas are not heard", "error", err, "again_in", pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

func (e *postgres) listenOnce(ctx context.Context, heard func(topic, id string)) error {
	conn, err := pgx.ConnectConfig(ctx, e.config.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	heard(Resync, "")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		topic, id, _ := strings.Cut(n.Payload, " ")
		heard(topic, id)
	}
}
