package store

import (
	"context"
	"fmt"

	"berth/internal/problem"
	"berth/internal/store/query"
	"berth/internal/template"
)

// ChangeTemplates carries out a change whole or not at all. When somebody, in
// another tab perhaps, changed one of the things meanwhile, it is a Conflict; a name
// that is taken is a Conflict with the field "name"; what is absent or another's is missing.
func (s *Store) ChangeTemplates(ctx context.Context, owner string, c template.Change) error {
	bodies := make([][]byte, len(c.Writes)) // packed before the transaction holds the one writer
	canonical := make([][]byte, len(c.Writes))
	for i, w := range c.Writes {
		data, err := w.Content.Canonical()
		if err != nil {
			return err
		}
		if bodies[i], err = pack(data); err != nil {
			return failed("pack a revision", err)
		}
		canonical[i] = data
	}
	return failed("change the templates", s.tx(ctx, func(q *query.Queries) error {
		if c.DropImport != "" { // first: of two confirmations of one preview the second finds nothing
			rows, err := q.DropImport(ctx, query.DropImportParams{Owner: owner, ID: c.DropImport})
			if err := changedOne("end the import", rows, err); err != nil {
				return err
			}
		}
		if err := s.deleteThings(ctx, q, owner, c); err != nil {
			return err
		}
		for _, b := range c.Buckets {
			if err := s.writeBucket(ctx, q, owner, b); err != nil {
				return err
			}
		}
		for i, w := range c.Writes {
			if err := s.writeTemplate(ctx, q, owner, w, canonical[i], bodies[i]); err != nil {
				return err
			}
		}
		return s.dropBuckets(ctx, q, owner, c)
	}))
}

func (s *Store) deleteThings(ctx context.Context, q *query.Queries, owner string, c template.Change) error {
	for _, t := range c.Delete {
		rows, err := q.DeleteTemplate(ctx, query.DeleteTemplateParams{Owner: owner, ID: string(t.ID), Revision: t.Base})
		if err != nil {
			return err
		}
		if rows == 0 {
			return templateMoved(ctx, q, owner, t.ID)
		}
	}
	return nil
}

// dropBuckets comes last, when the templates that followed them have their copies.
func (s *Store) dropBuckets(ctx context.Context, q *query.Queries, owner string, c template.Change) error {
	for _, b := range c.DeleteBuckets {
		users, err := q.BucketUsers(ctx, query.BucketUsersParams{Owner: owner, BucketID: string(b.ID)})
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return problem.New(problem.Conflict, "“"+users[0].Name+"” follows this bucket since a moment ago.", "Look at the bucket again, and delete it then.")
		}
		rows, err := q.DeleteBucket(ctx, query.DeleteBucketParams{Owner: owner, ID: string(b.ID), Version: b.Base})
		if err != nil {
			return err
		}
		if rows == 0 {
			return bucketMoved(ctx, q, owner, b.ID)
		}
	}
	return nil
}

func (s *Store) writeTemplate(ctx context.Context, q *query.Queries, owner string, w template.Write, canonical, body []byte) error {
	c, now, digest := w.Content.Clean(), millis(s.now()), template.Digest(canonical)
	n := c.Count()
	var err error
	if w.Base == 0 {
		if err := roomForTemplate(ctx, q, owner); err != nil {
			return err
		}
		err = q.CreateTemplate(ctx, query.CreateTemplateParams{ID: string(w.Template), Owner: owner, Name: plain(c.Name), NameKey: nameKey(c.Name),
			Description: plain(c.Description), Tags: joinTags(c.Tags), Os: plain(c.OS), Cores: int64(c.Cores), Memory: int64(c.Memory), Swap: int64(c.Swap),
			Disk: int64(c.Disk), Unprivileged: c.Unprivileged, Scripts: int64(n.Scripts), Files: int64(n.Files), Inputs: int64(n.Inputs),
			Packages: int64(n.Packages), Words: templateWords(c), SourceKind: string(w.Source.Kind), SourceFrom: plain(w.Source.From),
			Shared: false, Revision: 1, Digest: digest, CreatedAt: now, UpdatedAt: now})
	} else {
		var rows int64
		rows, err = q.UpdateTemplate(ctx, query.UpdateTemplateParams{Owner: owner, ID: string(w.Template), Revision: w.Base, Name: plain(c.Name),
			NameKey: nameKey(c.Name), Description: plain(c.Description), Tags: joinTags(c.Tags), Os: plain(c.OS), Cores: int64(c.Cores),
			Memory: int64(c.Memory), Swap: int64(c.Swap), Disk: int64(c.Disk), Unprivileged: c.Unprivileged, Scripts: int64(n.Scripts),
			Files: int64(n.Files), Inputs: int64(n.Inputs), Packages: int64(n.Packages), Words: templateWords(c), Digest: digest, UpdatedAt: now})
		if err == nil && rows == 0 {
			return templateMoved(ctx, q, owner, w.Template)
		}
		if err == nil && w.Source.Kind != "" {
			err = q.SetTemplateSource(ctx, query.SetTemplateSourceParams{Owner: owner, ID: string(w.Template), SourceKind: string(w.Source.Kind), SourceFrom: plain(w.Source.From)})
		}
	}
	if taken(err) {
		return nameTaken("You have a template named “" + c.Name + "” already.")
	}
	if err != nil {
		return err
	}
	err = q.AddRevision(ctx, query.AddRevisionParams{TemplateID: string(w.Template), Number: w.Base + 1, MadeAt: now, MadeBy: plain(w.By),
		Note: plain(w.Note), Digest: digest, Size: int64(len(canonical)), Body: body})
	if err != nil {
		return err
	}
	if err := q.PruneRevisions(ctx, query.PruneRevisionsParams{TemplateID: string(w.Template), Number: w.Base + 1 - template.KeptRevisions}); err != nil {
		return err
	}
	return link(ctx, q, w.Template, c)
}

// link notes which buckets the newest revision follows.
func link(ctx context.Context, q *query.Queries, id template.ID, c template.Content) error {
	if err := q.UnlinkBuckets(ctx, string(id)); err != nil {
		return err
	}
	for _, b := range c.Links() {
		rows, err := q.LinkBucket(ctx, query.LinkBucketParams{TemplateID: string(id), BucketID: string(b)})
		if err != nil && !unsayable(err) {
			return err
		}
		if rows == 0 {
			return problem.New(problem.Conflict, "A bucket that this template follows is gone.", "Take it out of the template's packages, or choose another.")
		}
	}
	return nil
}

func roomForTemplate(ctx context.Context, q *query.Queries, owner string) error {
	n, err := q.CountTemplates(ctx, owner)
	if err == nil && n >= template.MaxTemplates {
		return problem.New(problem.TooMany, fmt.Sprintf("You have %d templates, which is the most that Berth keeps for one person.", n), "Delete some first.")
	}
	return err
}

func templateMoved(ctx context.Context, q *query.Queries, owner string, id template.ID) error {
	n, err := q.TemplateIsThere(ctx, query.TemplateIsThereParams{Owner: owner, ID: string(id)})
	if err == nil && n == 0 {
		return problem.Missing()
	}
	if err != nil {
		return err
	}
	return problem.New(problem.Conflict, "This template was changed meanwhile, in another tab perhaps.", "Look at both, and save again what should count.")
}
