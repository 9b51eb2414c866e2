package store

import (
	"bytes"
	"context"
	"math"

	"berth/internal/audit"
	"berth/internal/store/query"
)

// Audit appends an entry to the trail and returns it as it was kept: with its
// place in the chain, its id (unless given) and its time (unless given). When
// it returns, the entry is durable. Appends of all replicas form one chain.
func (s *Store) Audit(ctx context.Context, e audit.Entry) (audit.Entry, error) {
	err := s.tx(ctx, func(q *query.Queries) (err error) {
		e, err = s.addAudit(ctx, q, e)
		return err
	})
	if err != nil {
		return audit.Entry{}, failed("write the audit trail", err)
	}
	return e, nil
}

// addAuditOf is addAudit of what may be nil, which adds nothing.
func (s *Store) addAuditOf(ctx context.Context, q *query.Queries, e *audit.Entry) error {
	if e == nil {
		return nil
	}
	_, err := s.addAudit(ctx, q, *e)
	return err
}

// addAudit appends an entry as part of a transaction, and as the last thing that
// it does: the end of the chain is held from here on.
func (s *Store) addAudit(ctx context.Context, q *query.Queries, e audit.Entry) (audit.Entry, error) {
	if e.ID == "" {
		id, err := newID()
		if err != nil {
			return e, err
		}
		e.ID = id
	}
	e.At = moment(millis(orNow(e.At, s.now())))
	for _, text := range []*string{&e.Of, &e.Owner, &e.Actor, &e.Address, &e.Subject, &e.Cluster, &e.Detail, &e.UPID} {
		*text = plain(*text)
	}
	head, err := q.NextAudit(ctx) // holds the head until the end, on either engine
	if err != nil {
		return e, err
	}
	e.Seq, e.Prev = head.Seq, noEmpty(head.Hash)
	e.Hash = e.Sum()
	err = q.AddAudit(ctx, query.AddAuditParams{Seq: e.Seq, ID: e.ID, IntentID: e.Of, MadeAt: millis(e.At), Owner: e.Owner,
		Actor: e.Actor, Address: e.Address, Kind: string(e.Kind), Result: string(e.Result), Subject: e.Subject,
		Cluster: e.Cluster, Detail: e.Detail, Upid: e.UPID, Prev: noNil(e.Prev), Hash: e.Hash})
	if err != nil {
		return e, err
	}
	return e, q.EndAudit(ctx, e.Hash)
}

// AuditFilter chooses entries of the trail.
type AuditFilter = audit.Filter

// AuditEntries lists entries of the trail, the last first.
func (s *Store) AuditEntries(ctx context.Context, f AuditFilter) ([]audit.Entry, error) {
	p := query.AuditEntriesParams{Before: f.Before, Owner: f.Owner, OrOwner: f.Owner, Cluster: string(f.Cluster), Kind: string(f.Kind), Most: 100}
	if f.WithBerth {
		p.OrOwner = ""
	}
	if f.Before <= 0 {
		p.Before = math.MaxInt64
	}
	if f.Limit > 0 {
		p.Most = int32(min(f.Limit, math.MaxInt32))
	}
	rows, err := s.reads.AuditEntries(ctx, p)
	out := make([]audit.Entry, len(rows))
	for i, r := range rows {
		out[i] = auditEntry(r)
	}
	return out, failed("read the audit trail", err)
}

// VerifyAudit walks the whole chain and returns how many entries are as they
// were written, from the first on, and the place of the first one that is
// missing, altered or not linked to the one before; 0 when it is whole.
func (s *Store) VerifyAudit(ctx context.Context) (entries, broken int64, err error) {
	const page = 1000
	// The head first: entries may be appended meanwhile, and those are verified too.
	head, err := s.reads.AuditHead(ctx)
	if err != nil {
		return 0, 0, failed("read the end of the audit trail", err)
	}
	var last audit.Entry
	for {
		rows, err := s.reads.AuditFrom(ctx, query.AuditFromParams{Seq: last.Seq, Limit: page})
		if err != nil {
			return 0, 0, failed("read the audit trail", err)
		}
		for _, r := range rows {
			e := auditEntry(r)
			if e.Seq != last.Seq+1 || !bytes.Equal(e.Prev, last.Hash) || !bytes.Equal(e.Hash, e.Sum()) {
				return last.Seq, last.Seq + 1, nil
			}
			if e.Seq == head.Seq && !bytes.Equal(e.Hash, head.Hash) {
				return last.Seq, e.Seq, nil
			}
			last = e
		}
		if len(rows) < page {
			break
		}
	}
	if last.Seq < head.Seq { // the end was cut off
		return last.Seq, last.Seq + 1, nil
	}
	return last.Seq, 0, nil
}

func auditEntry(r query.AuditEntry) audit.Entry {
	return audit.Entry{Seq: r.Seq, ID: r.ID, Of: r.IntentID, At: moment(r.MadeAt), Owner: r.Owner, Actor: r.Actor, Address: r.Address,
		Kind: audit.Kind(r.Kind), Result: audit.Result(r.Result), Subject: r.Subject, Cluster: r.Cluster, Detail: r.Detail,
		UPID: r.Upid, Prev: noEmpty(r.Prev), Hash: noEmpty(r.Hash)}
}

// noEmpty and noNil bridge two ways to say "no bytes": drivers differ in which
// they return, a NOT NULL column takes only the empty one, and the chain's sums need one of them.
func noEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func noNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
