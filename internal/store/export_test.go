package store

import (
	"context"
	"database/sql"
)

// Exec runs a statement past all that the store keeps, as a thief with the database would.
func (s *Store) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := s.engine.writer().ExecContext(ctx, statement, args...)
	return err
}

// Writer and Reader are the engine's pools.
func (s *Store) Writer() *sql.DB { return s.engine.writer() }
func (s *Store) Reader() *sql.DB { return s.engine.reader() }

// ProvesServer is the rule for remote databases.
var ProvesServer = provesServer
