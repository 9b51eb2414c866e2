package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"berth/internal/account"
	"berth/internal/problem"
	"berth/internal/store/query"
	"berth/internal/template"
)

// sharing decides, of many rows, whether their owner may share: the owner's
// sign-in host says so, and what it says now counts.
type sharing struct {
	viewer   string
	policies map[string]account.Policy // by their stored text
}

func (s *sharing) mayRead(owner, pveUser string, admin bool, policy string) bool {
	if owner == s.viewer {
		return true
	}
	p, ok := s.policies[policy]
	if !ok {
		if err := decode(policy, &p); err != nil {
			p = account.Policy{} // one that cannot be read allows nothing
		}
		if s.policies == nil {
			s.policies = map[string]account.Policy{}
		}
		s.policies[policy] = p
	}
	return p.MayShare(pveUser, admin)
}

// Templates lists the viewer's own templates and those that others share, by
// name, without scripts, files and packages.
func (s *Store) Templates(ctx context.Context, viewer string, f template.Filter) ([]template.Summary, error) {
	out, err := s.ownSummaries(ctx, viewer)
	if err != nil || len(out) == 0 && f.Mine {
		return out, err
	}
	if !f.Mine {
		shared, err := s.sharedSummaries(ctx, viewer)
		if err != nil {
			return nil, err
		}
		if len(shared) > 0 {
			out = append(out, shared...)
			slices.SortStableFunc(out, func(a, b template.Summary) int { return cmp.Compare(nameKey(a.Name), nameKey(b.Name)) })
		}
	}
	if err := s.countLinked(ctx, viewer, out); err != nil {
		return nil, err
	}
	var with map[template.ID]bool
	if len(f.Words) > 0 {
		if with, err = s.TemplatesWith(ctx, viewer, f.Words); err != nil {
			return nil, err
		}
	}
	tag := strings.ToLower(strings.TrimSpace(f.Tag))
	return slices.DeleteFunc(out, func(t template.Summary) bool {
		return with != nil && !with[t.ID] || tag != "" && !slices.Contains(t.Tags, tag)
	}), nil
}

func (s *Store) ownSummaries(ctx context.Context, owner string) ([]template.Summary, error) {
	rows, err := s.reads.OwnSummaries(ctx, owner)
	if err != nil {
		return nil, failed("list the templates", err)
	}
	if len(rows) == 0 {
		return []template.Summary{}, nil
	}
	u, err := s.reads.UserByID(ctx, owner)
	if err != nil {
		return nil, failed("list the templates", err)
	}
	out := make([]template.Summary, len(rows))
	for i, r := range rows {
		out[i] = summary(r, u.PveUser)
	}
	return out, nil
}

func (s *Store) sharedSummaries(ctx context.Context, viewer string) (out []template.Summary, err error) {
	rows, err := s.reads.SharedSummaries(ctx, viewer)
	if err != nil {
		return nil, failed("list the shared templates", err)
	}
	sharing := sharing{viewer: viewer}
	for _, r := range rows {
		if !sharing.mayRead(r.Owner, r.PveUser, r.Admin, r.Policy) {
			continue
		}
		out = append(out, summary(query.OwnSummariesRow{ID: r.ID, Owner: r.Owner, Name: r.Name, Description: r.Description, Tags: r.Tags, Os: r.Os,
			Cores: r.Cores, Memory: r.Memory, Swap: r.Swap, Disk: r.Disk, Unprivileged: r.Unprivileged, Scripts: r.Scripts, Files: r.Files,
			Inputs: r.Inputs, Packages: r.Packages, SourceKind: r.SourceKind, SourceFrom: r.SourceFrom, Shared: r.Shared, Revision: r.Revision,
			Digest: r.Digest, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}, r.PveUser))
	}
	return out, nil
}

// countLinked adds the packages of the buckets that templates follow.
func (s *Store) countLinked(ctx context.Context, viewer string, list []template.Summary) error {
	links, err := s.reads.LinkedCounts(ctx, viewer)
	if err != nil {
		return failed("count linked packages", err)
	}
	linked := make(map[template.ID]query.LinkedCountsRow, len(links))
	for _, l := range links {
		linked[template.ID(l.TemplateID)] = l
	}
	for i := range list {
		l := linked[list[i].ID]
		list[i].Counts.Linked = int(l.Linked)
		list[i].Counts.Packages += int(l.Packages)
	}
	return nil
}

// TemplatesWith finds which templates a search means, among the viewer's and all
// that are marked as shared: whether the viewer may read one is for who lists them.
func (s *Store) TemplatesWith(ctx context.Context, viewer string, words []string) (map[template.ID]bool, error) {
	w := patterns(words)
	ids, err := s.reads.TemplatesWithWords(ctx, query.TemplatesWithWordsParams{Owner: viewer, Word1: w[0], Word2: w[1], Word3: w[2], Word4: w[3]})
	out := make(map[template.ID]bool, len(ids))
	for _, id := range ids {
		out[template.ID(id)] = true
	}
	return out, failed("search the templates", err)
}

func summary(r query.OwnSummariesRow, owner string) template.Summary {
	return template.Summary{ID: template.ID(r.ID), Owner: r.Owner, OwnerName: owner, Name: r.Name, Description: r.Description,
		Tags: splitTags(r.Tags), OS: r.Os, Cores: int(r.Cores), Memory: int(r.Memory), Swap: int(r.Swap), Disk: int(r.Disk), Unprivileged: r.Unprivileged,
		Counts: template.Counts{Scripts: int(r.Scripts), Files: int(r.Files), Inputs: int(r.Inputs), Packages: int(r.Packages)},
		Source: template.Source{Kind: template.SourceKind(r.SourceKind), From: r.SourceFrom}, Shared: r.Shared, Revision: r.Revision,
		Digest: r.Digest, CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt)}
}

func joinTags(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return ";" + plain(strings.Join(tags, ";")) + ";"
}

func splitTags(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ';' })
}

// Template finds one of the viewer's own, or one that its owner shares, with
// the content of its newest revision.
func (s *Store) Template(ctx context.Context, viewer string, id template.ID) (template.Template, error) {
	r, err := s.reads.TemplateFor(ctx, query.TemplateForParams{Owner: viewer, ID: string(id)})
	if err != nil {
		return template.Template{}, failed("read the template", err)
	}
	if sharing := (sharing{viewer: viewer}); !sharing.mayRead(r.Owner, r.PveUser, r.Admin, r.Policy) {
		return template.Template{}, problem.Missing()
	}
	t, err := templateOf(query.TemplateNamedRow{ID: r.ID, Owner: r.Owner, SourceKind: r.SourceKind, SourceFrom: r.SourceFrom, Shared: r.Shared,
		Revision: r.Revision, Digest: r.Digest, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, PveUser: r.PveUser, Body: r.Body})
	return t, failed("read the template", err)
}

func templateOf(r query.TemplateNamedRow) (t template.Template, err error) {
	t = template.Template{ID: template.ID(r.ID), Owner: r.Owner, OwnerName: r.PveUser, Revision: r.Revision, Digest: r.Digest, Shared: r.Shared,
		Source:    template.Source{Kind: template.SourceKind(r.SourceKind), From: r.SourceFrom},
		CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt)}
	t.Content, err = contentOf(r.Body, r.Digest)
	return t, err
}

// TemplateNamed finds the owner's template of that name; ok is false when there is none.
func (s *Store) TemplateNamed(ctx context.Context, owner, name string) (t template.Template, ok bool, err error) {
	r, err := s.reads.TemplateNamed(ctx, query.TemplateNamedParams{Owner: owner, NameKey: nameKey(name)})
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	}
	if err != nil {
		return t, false, failed("find the template", err)
	}
	t, err = templateOf(r)
	return t, true, failed("find the template", err)
}

// TemplatesFrom lists the owner's templates of one source, with name, id and revision alone.
func (s *Store) TemplatesFrom(ctx context.Context, owner string, from template.Source) ([]template.Summary, error) {
	rows, err := s.reads.TemplatesFrom(ctx, query.TemplatesFromParams{Owner: owner, SourceKind: string(from.Kind), SourceFrom: plain(from.From)})
	out := make([]template.Summary, len(rows))
	for i, r := range rows {
		out[i] = template.Summary{ID: template.ID(r.ID), Owner: owner, Name: r.Name, Revision: r.Revision, Source: from}
	}
	return out, failed("list the templates of a source", err)
}

// TemplateNames are the names of all the owner's templates.
func (s *Store) TemplateNames(ctx context.Context, owner string) ([]string, error) {
	names, err := s.reads.TemplateNames(ctx, owner)
	return names, failed("list the templates' names", err)
}

// Revisions lists the revisions of one of the owner's templates, the newest first.
func (s *Store) Revisions(ctx context.Context, owner string, id template.ID) ([]template.Revision, error) {
	rows, err := s.reads.Revisions(ctx, query.RevisionsParams{Owner: owner, ID: string(id)})
	if err == nil && len(rows) == 0 {
		return nil, problem.Missing()
	}
	out := make([]template.Revision, len(rows))
	for i, r := range rows {
		out[i] = template.Revision{Template: id, Number: r.Number, At: moment(r.MadeAt), By: r.MadeBy, Note: r.Note, Digest: r.Digest, Size: r.Size}
	}
	return out, failed("list the revisions", err)
}

// Revision reads one revision of one of the owner's templates.
func (s *Store) Revision(ctx context.Context, owner string, id template.ID, number int64) (template.Revision, template.Content, error) {
	r, err := s.reads.RevisionOf(ctx, query.RevisionOfParams{Owner: owner, ID: string(id), Number: number})
	if err != nil {
		return template.Revision{}, template.Content{}, failed("read the revision", err)
	}
	c, err := contentOf(r.Body, r.Digest)
	return template.Revision{Template: id, Number: r.Number, At: moment(r.MadeAt), By: r.MadeBy, Note: r.Note, Digest: r.Digest, Size: r.Size},
		c, failed("read the revision", err)
}

// contentOf reads a revision's body and sees that it is the one that its digest names.
func contentOf(body []byte, digest string) (template.Content, error) {
	data, err := unpack(body)
	if err != nil {
		return template.Content{}, err
	}
	if template.Digest(data) != digest {
		return template.Content{}, errors.New("a revision is not what its digest says: its row was altered")
	}
	return template.ReadCanonical(data)
}

// ShareTemplate lets everybody on this Berth read one of the owner's templates, or takes that back.
func (s *Store) ShareTemplate(ctx context.Context, owner string, id template.ID, shared bool) error {
	rows, err := s.writes.SetTemplateShared(ctx, query.SetTemplateSharedParams{Owner: owner, ID: string(id), Shared: shared})
	return changedOne("share the template", rows, err)
}

// FindInTemplates searches the viewer's templates and buckets, those that others share,
// and what is in them. Without words it lists templates and buckets. most bounds
// how many templates and buckets are looked into, and how many hits are returned.
func (s *Store) FindInTemplates(ctx context.Context, viewer string, words []string, most int) ([]template.Hit, error) {
	w := patterns(words)
	searched := make([]string, 0, len(words))
	for _, word := range words[:min(len(words), maxWords)] {
		if word = strings.ToLower(strings.TrimSpace(word)); word != "" {
			searched = append(searched, word)
		}
	}
	rows, err := s.reads.TemplateWords(ctx, query.TemplateWordsParams{Owner: viewer, Word1: w[0], Word2: w[1], Word3: w[2], Word4: w[3], Most: int32(most)})
	if err != nil {
		return nil, failed("search the templates", err)
	}
	var out []template.Hit
	sharing := sharing{viewer: viewer}
	for _, r := range rows {
		if !sharing.mayRead(r.Owner, r.PveUser, r.Admin, r.Policy) {
			continue
		}
		for _, h := range hits(r.Name, r.Words, searched) {
			h.Template, h.Title, h.Shared = template.ID(r.ID), r.Name, r.Owner != viewer
			if h.Kind == "" {
				h.Kind = template.TemplateHit
			}
			out = append(out, h)
		}
	}
	buckets, err := s.reads.BucketWords(ctx, query.BucketWordsParams{Owner: viewer, Word1: w[0], Word2: w[1], Word3: w[2], Word4: w[3], Most: int32(most)})
	if err != nil {
		return nil, failed("search the buckets", err)
	}
	for _, r := range buckets {
		for _, h := range hits(r.Name, r.Words, searched) {
			h.Bucket, h.Title = template.BucketID(r.ID), r.Name
			if h.Kind == "" {
				h.Kind = template.BucketHit
			}
			out = append(out, h)
		}
	}
	return out[:min(len(out), most)], nil
}
