-- name: SaveDetail :exec
INSERT INTO details (cluster_id, vmid, data, seen_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (cluster_id, vmid) DO UPDATE SET data = excluded.data, seen_at = excluded.seen_at
WHERE details.seen_at <= excluded.seen_at;

-- name: DetailOf :one
SELECT d.data FROM details d JOIN clusters c ON c.id = d.cluster_id
WHERE c.owner = $1 AND d.cluster_id = $2 AND d.vmid = $3;

-- name: PruneDetails :exec
DELETE FROM details WHERE seen_at < $1;

-- name: KeepGuestTask :execrows
-- What is known of the end stays: a list may be older than the one before.
INSERT INTO guest_tasks (cluster_id, vmid, upid, node, pve_user, token, type, started_at, ended_at, status, log, log_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)
ON CONFLICT (cluster_id, vmid, upid) DO UPDATE SET ended_at = excluded.ended_at, status = excluded.status
WHERE guest_tasks.status = '' AND excluded.status <> '';

-- name: TrimGuestTasks :exec
DELETE FROM guest_tasks WHERE guest_tasks.cluster_id = sqlc.arg(cluster_id) AND guest_tasks.vmid = sqlc.arg(vmid)
    AND guest_tasks.upid NOT IN (
        SELECT t.upid FROM guest_tasks t WHERE t.cluster_id = sqlc.arg(cluster_id) AND t.vmid = sqlc.arg(vmid)
        ORDER BY t.started_at DESC, t.upid LIMIT sqlc.arg(most));

-- name: GuestTasksOf :many
SELECT t.upid, t.node, t.pve_user, t.token, t.type, t.started_at, t.ended_at, t.status, t.log_at
FROM guest_tasks t JOIN clusters c ON c.id = t.cluster_id
WHERE c.owner = $1 AND t.cluster_id = $2 AND t.vmid = $3
ORDER BY t.started_at DESC, t.upid;

-- name: KeepGuestTaskLog :execrows
UPDATE guest_tasks SET log = sqlc.arg(log), log_at = sqlc.arg(log_at)
WHERE guest_tasks.cluster_id = sqlc.arg(cluster_id) AND guest_tasks.vmid = sqlc.arg(vmid) AND guest_tasks.upid = sqlc.arg(upid)
    AND EXISTS (SELECT 1 FROM clusters c WHERE c.id = guest_tasks.cluster_id AND c.owner = sqlc.arg(owner));

-- name: GuestTaskLogOf :one
SELECT t.log, t.log_at FROM guest_tasks t JOIN clusters c ON c.id = t.cluster_id
WHERE c.owner = $1 AND t.cluster_id = $2 AND t.vmid = $3 AND t.upid = $4;

-- name: PruneGuestTasks :exec
DELETE FROM guest_tasks WHERE started_at < $1;
