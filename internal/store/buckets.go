package store

import (
	"context"
	"encoding/json"
	"fmt"

	"berth/internal/problem"
	"berth/internal/store/query"
	"berth/internal/template"
)

// Buckets lists the owner's buckets by name, without their packages.
func (s *Store) Buckets(ctx context.Context, owner string) ([]template.BucketSummary, error) {
	rows, err := s.reads.BucketsOf(ctx, owner)
	out := make([]template.BucketSummary, len(rows))
	for i, r := range rows {
		out[i] = template.BucketSummary{Packages: int(r.PackageCount), Bucket: template.Bucket{ID: template.BucketID(r.ID), Owner: r.Owner, Name: r.Name,
			Description: r.Description, Digest: r.Digest, Version: r.Version, UsedBy: int(r.UsedBy), CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt)}}
	}
	return out, failed("list the buckets", err)
}

// Bucket reads one of the owner's buckets.
func (s *Store) Bucket(ctx context.Context, owner string, id template.BucketID) (template.Bucket, error) {
	r, err := s.reads.BucketOf(ctx, query.BucketOfParams{Owner: owner, ID: string(id)})
	if err != nil {
		return template.Bucket{}, failed("read the bucket", err)
	}
	b, err := bucket(query.Bucket{ID: r.ID, Owner: r.Owner, Name: r.Name, Description: r.Description, Packages: r.Packages,
		Digest: r.Digest, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt})
	b.UsedBy = int(r.UsedBy)
	return b, failed("read the bucket", err)
}

// LinkedBuckets are the buckets that a template follows, by id. The viewer has
// to be allowed to read the template.
func (s *Store) LinkedBuckets(ctx context.Context, viewer string, id template.ID) (map[template.BucketID]template.Bucket, error) {
	if _, err := s.Template(ctx, viewer, id); err != nil {
		return nil, err
	}
	rows, err := s.reads.LinkedBuckets(ctx, string(id))
	if err != nil {
		return nil, failed("read the buckets that a template follows", err)
	}
	out := make(map[template.BucketID]template.Bucket, len(rows))
	for _, r := range rows {
		b, err := bucket(r)
		if err != nil {
			return nil, failed("read the buckets that a template follows", err)
		}
		out[b.ID] = b
	}
	return out, nil
}

// BucketUsers lists the owner's templates that follow a bucket, with name, id and revision alone.
func (s *Store) BucketUsers(ctx context.Context, owner string, id template.BucketID) ([]template.Summary, error) {
	rows, err := s.reads.BucketUsers(ctx, query.BucketUsersParams{Owner: owner, BucketID: string(id)})
	out := make([]template.Summary, len(rows))
	for i, r := range rows {
		out[i] = template.Summary{ID: template.ID(r.ID), Owner: owner, Name: r.Name, Revision: r.Revision}
	}
	return out, failed("list the templates that follow a bucket", err)
}

func bucket(r query.Bucket) (template.Bucket, error) {
	b := template.Bucket{ID: template.BucketID(r.ID), Owner: r.Owner, Name: r.Name, Description: r.Description, Digest: r.Digest,
		Version: r.Version, CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt)}
	data, err := unpack(r.Packages)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(data, &b.Packages); err != nil {
		return b, fmt.Errorf("decode a bucket's packages: %w", err)
	}
	return b, nil
}

func (s *Store) writeBucket(ctx context.Context, q *query.Queries, owner string, w template.BucketWrite) error {
	b, now := w.Bucket.Clean(), millis(s.now())
	data, err := json.Marshal(b.Packages)
	if err != nil {
		return fmt.Errorf("encode a bucket's packages: %w", err)
	}
	body, err := pack(data)
	if err != nil {
		return err
	}
	digest := template.DigestPackages(b.Packages)
	if w.Base == 0 {
		n, err := q.CountBuckets(ctx, owner)
		if err != nil {
			return err
		}
		if n >= template.MaxBuckets {
			return problem.New(problem.TooMany, fmt.Sprintf("You have %d buckets, which is the most that Berth keeps for one person.", n), "Delete some first.")
		}
		err = q.CreateBucket(ctx, query.CreateBucketParams{ID: string(b.ID), Owner: owner, Name: plain(b.Name), NameKey: nameKey(b.Name),
			Description: plain(b.Description), Packages: body, PackageCount: int64(len(b.Packages)), Words: bucketWords(b), Digest: digest, CreatedAt: now})
		return bucketNameTaken(b, err)
	}
	rows, err := q.UpdateBucket(ctx, query.UpdateBucketParams{Owner: owner, ID: string(b.ID), Version: w.Base, Name: plain(b.Name), NameKey: nameKey(b.Name),
		Description: plain(b.Description), Packages: body, PackageCount: int64(len(b.Packages)), Words: bucketWords(b), Digest: digest, UpdatedAt: now})
	if err == nil && rows == 0 {
		return bucketMoved(ctx, q, owner, b.ID)
	}
	return bucketNameTaken(b, err)
}

func bucketNameTaken(b template.Bucket, err error) error {
	if taken(err) {
		return nameTaken("You have a bucket named “" + b.Name + "” already.")
	}
	return err
}

func bucketMoved(ctx context.Context, q *query.Queries, owner string, id template.BucketID) error {
	n, err := q.BucketIsThere(ctx, query.BucketIsThereParams{Owner: owner, ID: string(id)})
	if err == nil && n == 0 {
		return problem.Missing()
	}
	if err != nil {
		return err
	}
	return problem.New(problem.Conflict, "This bucket was changed meanwhile, in another tab perhaps.", "Look at it as it is now, and do it again.")
}
