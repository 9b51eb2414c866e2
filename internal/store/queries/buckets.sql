-- name: BucketsOf :many
SELECT b.id, b.owner, b.name, b.description, b.package_count, b.digest, b.version, b.created_at, b.updated_at,
    (SELECT COUNT(*) FROM template_buckets l WHERE l.bucket_id = b.id) AS used_by
FROM buckets b WHERE b.owner = $1 ORDER BY b.name_key, b.id;

-- name: BucketOf :one
SELECT b.*, (SELECT COUNT(*) FROM template_buckets l WHERE l.bucket_id = b.id) AS used_by
FROM buckets b WHERE b.owner = $1 AND b.id = $2;

-- name: LinkedBuckets :many
-- The buckets that a template follows; the caller has seen that the viewer may read the template.
SELECT b.* FROM buckets b JOIN template_buckets l ON l.bucket_id = b.id WHERE l.template_id = $1;

-- name: BucketUsers :many
SELECT t.id, t.name, t.revision FROM templates t JOIN template_buckets l ON l.template_id = t.id
WHERE t.owner = $1 AND l.bucket_id = $2 ORDER BY t.name_key;

-- name: CountBuckets :one
SELECT COUNT(*) FROM buckets WHERE owner = $1;

-- name: BucketIsThere :one
SELECT COUNT(*) FROM buckets WHERE owner = $1 AND id = $2;

-- name: CreateBucket :exec
INSERT INTO buckets (id, owner, name, name_key, description, packages, package_count, words, digest, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10);

-- name: UpdateBucket :execrows
UPDATE buckets SET name = $4, name_key = $5, description = $6, packages = $7, package_count = $8, words = $9, digest = $10, updated_at = $11,
    version = version + 1
WHERE owner = $1 AND id = $2 AND version = $3;

-- name: DeleteBucket :execrows
DELETE FROM buckets WHERE owner = $1 AND id = $2 AND version = $3;

-- name: BucketWords :many
SELECT id, name, words FROM buckets
WHERE owner = $1
    AND words LIKE CAST(sqlc.arg(word1) AS TEXT) ESCAPE '!' AND words LIKE CAST(sqlc.arg(word2) AS TEXT) ESCAPE '!'
    AND words LIKE CAST(sqlc.arg(word3) AS TEXT) ESCAPE '!' AND words LIKE CAST(sqlc.arg(word4) AS TEXT) ESCAPE '!'
ORDER BY name_key, id LIMIT sqlc.arg(most);
