-- There is no query that changes or removes an entry, and there must be none.

-- name: NextAudit :one
UPDATE audit_head SET seq = seq + 1 WHERE slot = 1 RETURNING seq, hash;

-- name: AddAudit :exec
INSERT INTO audit_entries (seq, id, intent_id, made_at, owner, actor, address, kind, result, subject, cluster, detail, upid, prev, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15);

-- name: EndAudit :exec
UPDATE audit_head SET hash = $1 WHERE slot = 1;

-- name: AuditHead :one
SELECT seq, hash FROM audit_head WHERE slot = 1;

-- name: AuditFrom :many
SELECT * FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT $2;

-- name: AuditEntries :many
SELECT * FROM audit_entries
WHERE seq < sqlc.arg(before)
    AND owner IN (sqlc.arg(owner), sqlc.arg(or_owner))
    AND (cluster = sqlc.arg(cluster) OR sqlc.arg(cluster) = '')
    AND (kind = sqlc.arg(kind) OR sqlc.arg(kind) = '')
ORDER BY seq DESC LIMIT sqlc.arg(most);
