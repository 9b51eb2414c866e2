-- name: OwnSummaries :many
-- In the order of an index: nothing is sorted, and no long column is read.
SELECT id, owner, name, description, tags, os, cores, memory, swap, disk, unprivileged, scripts, files, inputs,
    packages, source_kind, source_from, shared, revision, digest, created_at, updated_at
FROM templates WHERE owner = $1 ORDER BY name_key;

-- name: SharedSummaries :many
-- Those that others share; who may share is in the policy of the owner's sign-in host.
SELECT t.id, t.owner, t.name, t.description, t.tags, t.os, t.cores, t.memory, t.swap, t.disk, t.unprivileged, t.scripts, t.files, t.inputs,
    t.packages, t.source_kind, t.source_from, t.shared, t.revision, t.digest, t.created_at, t.updated_at,
    u.pve_user, u.admin, h.policy
FROM templates t JOIN users u ON u.id = t.owner JOIN sign_in_hosts h ON h.id = u.host_id
WHERE t.owner <> $1 AND t.shared AND u.disabled_at = 0
ORDER BY t.name_key, t.created_at, t.id;

-- name: TemplatesWithWords :many
SELECT t.id FROM templates t
WHERE (t.owner = $1 OR t.shared)
    AND t.words LIKE CAST(sqlc.arg(word1) AS TEXT) ESCAPE '!' AND t.words LIKE CAST(sqlc.arg(word2) AS TEXT) ESCAPE '!'
    AND t.words LIKE CAST(sqlc.arg(word3) AS TEXT) ESCAPE '!' AND t.words LIKE CAST(sqlc.arg(word4) AS TEXT) ESCAPE '!';

-- name: LinkedCounts :many
-- Of every template that the viewer may see: how many buckets it follows, and how many packages those have.
SELECT l.template_id, COUNT(*) AS linked, CAST(SUM(b.package_count) AS BIGINT) AS packages
FROM template_buckets l JOIN buckets b ON b.id = l.bucket_id JOIN templates t ON t.id = l.template_id
WHERE t.owner = $1 OR t.shared
GROUP BY l.template_id;

-- name: TemplateFor :one
SELECT t.id, t.owner, t.source_kind, t.source_from, t.shared, t.revision, t.digest, t.created_at, t.updated_at,
    u.pve_user, u.admin, h.policy, r.body
FROM templates t JOIN users u ON u.id = t.owner JOIN sign_in_hosts h ON h.id = u.host_id
    JOIN template_revisions r ON r.template_id = t.id AND r.number = t.revision
WHERE t.id = $2 AND (t.owner = $1 OR (t.shared AND u.disabled_at = 0));

-- name: TemplateNamed :one
SELECT t.id, t.owner, t.source_kind, t.source_from, t.shared, t.revision, t.digest, t.created_at, t.updated_at, u.pve_user, r.body
FROM templates t JOIN users u ON u.id = t.owner
    JOIN template_revisions r ON r.template_id = t.id AND r.number = t.revision
WHERE t.owner = $1 AND t.name_key = $2;

-- name: TemplatesFrom :many
SELECT id, name, revision FROM templates WHERE owner = $1 AND source_kind = $2 AND source_from = $3 ORDER BY name_key;

-- name: TemplateNames :many
SELECT name FROM templates WHERE owner = $1;

-- name: TemplateWords :many
SELECT t.id, t.owner, t.name, t.words, u.pve_user, u.admin, h.policy
FROM templates t JOIN users u ON u.id = t.owner JOIN sign_in_hosts h ON h.id = u.host_id
WHERE (t.owner = $1 OR (t.shared AND u.disabled_at = 0))
    AND t.words LIKE CAST(sqlc.arg(word1) AS TEXT) ESCAPE '!' AND t.words LIKE CAST(sqlc.arg(word2) AS TEXT) ESCAPE '!'
    AND t.words LIKE CAST(sqlc.arg(word3) AS TEXT) ESCAPE '!' AND t.words LIKE CAST(sqlc.arg(word4) AS TEXT) ESCAPE '!'
ORDER BY t.name_key, t.id LIMIT sqlc.arg(most);

-- name: CreateTemplate :exec
INSERT INTO templates (id, owner, name, name_key, description, tags, os, cores, memory, swap, disk, unprivileged, scripts, files, inputs,
    packages, words, source_kind, source_from, shared, revision, digest, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24);

-- name: UpdateTemplate :execrows
UPDATE templates SET name = $4, name_key = $5, description = $6, tags = $7, os = $8, cores = $9, memory = $10, swap = $11, disk = $12,
    unprivileged = $13, scripts = $14, files = $15, inputs = $16, packages = $17, words = $18, digest = $19, updated_at = $20,
    revision = revision + 1
WHERE owner = $1 AND id = $2 AND revision = $3;

-- name: SetTemplateSource :exec
UPDATE templates SET source_kind = $3, source_from = $4 WHERE owner = $1 AND id = $2;

-- name: SetTemplateShared :execrows
UPDATE templates SET shared = $3 WHERE owner = $1 AND id = $2;

-- name: DeleteTemplate :execrows
DELETE FROM templates WHERE owner = $1 AND id = $2 AND revision = $3;

-- name: CountTemplates :one
SELECT COUNT(*) FROM templates WHERE owner = $1;

-- name: TemplateIsThere :one
SELECT COUNT(*) FROM templates WHERE owner = $1 AND id = $2;

-- name: AddRevision :exec
INSERT INTO template_revisions (template_id, number, made_at, made_by, note, digest, size, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: PruneRevisions :exec
DELETE FROM template_revisions WHERE template_id = $1 AND number <= $2;

-- name: Revisions :many
SELECT r.number, r.made_at, r.made_by, r.note, r.digest, r.size
FROM template_revisions r JOIN templates t ON t.id = r.template_id
WHERE t.owner = $1 AND t.id = $2 ORDER BY r.number DESC;

-- name: RevisionOf :one
SELECT r.number, r.made_at, r.made_by, r.note, r.digest, r.size, r.body
FROM template_revisions r JOIN templates t ON t.id = r.template_id
WHERE t.owner = $1 AND t.id = $2 AND r.number = $3;

-- name: UnlinkBuckets :exec
DELETE FROM template_buckets WHERE template_id = $1;

-- name: LinkBucket :execrows
-- Only a bucket of the same owner can be followed.
INSERT INTO template_buckets (template_id, bucket_id)
SELECT t.id, b.id FROM templates t JOIN buckets b ON b.owner = t.owner WHERE t.id = sqlc.arg(template_id) AND b.id = sqlc.arg(bucket_id);

-- name: PutImport :exec
INSERT INTO template_imports (id, owner, origin, body, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: ImportOf :one
SELECT id, origin, body, expires_at FROM template_imports WHERE owner = $1 AND id = $2 AND expires_at > $3;

-- name: DropImport :execrows
DELETE FROM template_imports WHERE owner = $1 AND id = $2;

-- name: DropImportsOf :exec
DELETE FROM template_imports WHERE owner = $1;

-- name: PruneImports :exec
DELETE FROM template_imports WHERE expires_at <= $1;
