package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// ErrNewerSchema: the database was written by a newer Berth; this one leaves it alone.
var ErrNewerSchema = errors.New("the database was made by a newer Berth: use that version or a later one, or restore a backup made before it")

// ErrOlderSchema: a command beside a running Berth found a schema that is not its own.
var ErrOlderSchema = errors.New("the running Berth is older than this command: stop it first, or use its own version")

// migrate brings db to the newest migration that this binary knows. The caller holds the lock.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, files fs.FS) error {
	provider, err := newProvider(dialect, db, files)
	if err != nil {
		return err
	}
	switch current, target, err := provider.GetVersions(ctx); {
	case err != nil:
		return fmt.Errorf("read the schema's version: %w", err)
	case current > target:
		return fmt.Errorf("schema %d, this Berth knows %d: %w", current, target, ErrNewerSchema)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// sameSchema reports ErrNewerSchema or ErrOlderSchema when the schema is not this binary's.
func sameSchema(ctx context.Context, dialect goose.Dialect, db *sql.DB, files fs.FS) error {
	provider, err := newProvider(dialect, db, files)
	if err != nil {
		return err
	}
	switch current, target, err := provider.GetVersions(ctx); {
	case err != nil:
		return fmt.Errorf("read the schema's version: %w", err)
	case current > target:
		return ErrNewerSchema
	case current < target:
		return ErrOlderSchema
	}
	return nil
}

func newProvider(dialect goose.Dialect, db *sql.DB, files fs.FS) (*goose.Provider, error) {
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, folder, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}
