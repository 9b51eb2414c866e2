package store

import (
	"context"
	"database/sql"
	"sync"

	"berth/internal/store/query"
)

// statements keeps the queries of a SQLite database prepared: it parses a text
// anew each time else, which is half the work of a small query. Texts come
// from internal/store/query alone, so there are some two hundred at most. PostgreSQL's driver does this by itself.
type statements struct {
	db *sql.DB

	mu     sync.RWMutex
	of     map[string]*sql.Stmt
	wanted map[string]bool // met within a transaction, which holds the only connection
}

func newStatements(db *sql.DB) *statements {
	return &statements{db: db, of: map[string]*sql.Stmt{}}
}

func (s *statements) known(text string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.of[text]
}

// prepared is the statement of a text; nil when it cannot be prepared now.
func (s *statements) prepared(ctx context.Context, text string) *sql.Stmt {
	if st := s.known(text); st != nil {
		return st
	}
	st, err := s.db.PrepareContext(ctx, text)
	if err != nil {
		return nil // the query itself says why
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.of[text]; first != nil {
		_ = st.Close() // somebody else was faster
		return first
	}
	s.of[text] = st
	return st
}

func (s *statements) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if st := s.prepared(ctx, text); st != nil {
		return st.ExecContext(ctx, args...)
	}
	return s.db.ExecContext(ctx, text, args...)
}

func (s *statements) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if st := s.prepared(ctx, text); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return s.db.QueryContext(ctx, text, args...)
}

func (s *statements) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	if st := s.prepared(ctx, text); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return s.db.QueryRowContext(ctx, text, args...)
}

func (s *statements) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	return s.db.PrepareContext(ctx, text)
}

// within has the queries of a transaction prepared; nil statements are none, and change nothing.
func (s *statements) within(t *sql.Tx) query.DBTX {
	if s == nil {
		return t
	}
	return preparedTx{t, s}
}

// after prepares what transactions met first.
func (s *statements) after(ctx context.Context) {
	if s == nil {
		return
	}
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = nil
	s.mu.Unlock()
	for text := range wanted {
		s.prepared(ctx, text)
	}
}

// preparedTx is a transaction that uses what is prepared on its connection.
type preparedTx struct {
	tx *sql.Tx
	s  *statements
}

func (p preparedTx) known(ctx context.Context, text string) *sql.Stmt {
	if st := p.s.known(text); st != nil {
		return p.tx.StmtContext(ctx, st)
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	if p.s.wanted == nil {
		p.s.wanted = map[string]bool{}
	}
	p.s.wanted[text] = true
	return nil
}

func (p preparedTx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if st := p.known(ctx, text); st != nil {
		return st.ExecContext(ctx, args...)
	}
	return p.tx.ExecContext(ctx, text, args...)
}

func (p preparedTx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if st := p.known(ctx, text); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return p.tx.QueryContext(ctx, text, args...)
}

func (p preparedTx) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	if st := p.known(ctx, text); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return p.tx.QueryRowContext(ctx, text, args...)
}

func (p preparedTx) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	return p.tx.PrepareContext(ctx, text)
}
