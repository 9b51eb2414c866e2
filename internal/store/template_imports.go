package store

import (
	"context"
	"encoding/json"
	"fmt"

	"berth/internal/problem"
	"berth/internal/store/query"
	"berth/internal/template"
)

// importBody is what a kept import's row holds.
type importBody struct {
	Contents []template.ImportedContent
	Findings []template.Finding
}

// PutImport keeps what was read for an import until its preview is confirmed
// or its time is over. A person has one at a time: the one before goes.
func (s *Store) PutImport(ctx context.Context, owner string, im template.Import) error {
	data, err := json.Marshal(importBody{im.Contents, im.Findings})
	if err != nil {
		return fmt.Errorf("encode an import: %w", err)
	}
	if len(data) > maxUnpacked/2 {
		return problem.New(problem.TooLarge, "The templates to import are too large together.", "Import them in several steps.")
	}
	body, err := pack(data)
	if err != nil {
		return err
	}
	return failed("keep the import", s.tx(ctx, func(q *query.Queries) error {
		if err := q.PruneImports(ctx, millis(s.now())); err != nil {
			return err
		}
		if err := q.DropImportsOf(ctx, owner); err != nil {
			return err
		}
		return q.PutImport(ctx, query.PutImportParams{ID: im.ID, Owner: owner, Origin: plain(im.Origin), Body: body, ExpiresAt: millis(im.ExpiresAt)})
	}))
}

// Import reads a kept import of the owner's; one whose time is over is missing.
func (s *Store) Import(ctx context.Context, owner, id string) (template.Import, error) {
	r, err := s.reads.ImportOf(ctx, query.ImportOfParams{Owner: owner, ID: id, ExpiresAt: millis(s.now())})
	if err != nil {
		return template.Import{}, failed("read the import", err)
	}
	im := template.Import{ID: r.ID, Origin: r.Origin, ExpiresAt: moment(r.ExpiresAt)}
	data, err := unpack(r.Body)
	if err != nil {
		return im, failed("read the import", err)
	}
	var body importBody
	if err := json.Unmarshal(data, &body); err != nil {
		return im, fmt.Errorf("decode an import: %w", err)
	}
	im.Contents, im.Findings = body.Contents, body.Findings
	return im, nil
}

// DropImport forgets a kept import.
func (s *Store) DropImport(ctx context.Context, owner, id string) error {
	rows, err := s.writes.DropImport(ctx, query.DropImportParams{Owner: owner, ID: id})
	return changedOne("forget the import", rows, err)
}
