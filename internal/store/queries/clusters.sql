-- name: CreateCluster :exec
INSERT INTO clusters (id, owner, name, name_key, standalone, authority, token_id, secret, halt, created_at, updated_at, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: ClustersOf :many
SELECT * FROM clusters WHERE owner = $1 ORDER BY created_at, id;

-- name: MembersOf :many
SELECT m.* FROM members m JOIN clusters c ON c.id = m.cluster_id
WHERE c.owner = $1 ORDER BY m.cluster_id, m.place, m.name;

-- name: ClusterOf :one
SELECT * FROM clusters WHERE owner = $1 AND id = $2;

-- name: MembersOfCluster :many
SELECT * FROM members WHERE cluster_id = $1 ORDER BY place, name;

-- name: AllClusters :many
SELECT c.* FROM clusters c JOIN users u ON u.id = c.owner WHERE u.disabled_at = 0 ORDER BY c.created_at, c.id;

-- name: AllMembers :many
SELECT * FROM members ORDER BY cluster_id, place, name;

-- name: UpdateCluster :execrows
UPDATE clusters SET name = $4, name_key = $5, standalone = $6, authority = $7, token_id = $8, secret = $9, halt = $10,
    updated_at = $11, version = version + 1
WHERE owner = $1 AND id = $2 AND version = $3;

-- name: RenameCluster :execrows
UPDATE clusters SET name = $4, name_key = $5, updated_at = $6, version = version + 1
WHERE owner = $1 AND id = $2 AND version = $3;

-- name: DeleteCluster :execrows
DELETE FROM clusters WHERE owner = $1 AND id = $2;

-- name: SetHalt :execrows
UPDATE clusters SET halt = $2 WHERE id = $1;

-- name: LockCluster :execrows
-- Changes nothing, and holds the row until the transaction ends, on either engine.
UPDATE clusters SET version = version WHERE id = $1;

-- name: DeleteMembers :exec
DELETE FROM members WHERE cluster_id = $1;

-- name: AddMember :exec
INSERT INTO members (cluster_id, name, place, label, address) VALUES ($1, $2, $3, $4, $5);

-- name: SetLabel :execrows
UPDATE members SET label = sqlc.arg(label)
WHERE members.cluster_id = sqlc.arg(cluster_id) AND members.name = sqlc.arg(node)
    AND EXISTS (SELECT 1 FROM clusters c WHERE c.id = members.cluster_id AND c.owner = sqlc.arg(owner));

-- name: DefaultNode :one
SELECT d.cluster_id, d.node FROM default_nodes d JOIN clusters c ON c.id = d.cluster_id AND c.owner = d.owner
WHERE d.owner = $1;

-- name: SetDefaultNode :exec
INSERT INTO default_nodes (owner, cluster_id, node) VALUES ($1, $2, $3)
ON CONFLICT (owner) DO UPDATE SET cluster_id = excluded.cluster_id, node = excluded.node;

-- name: SavePicture :exec
INSERT INTO pictures (cluster_id, data, seen_at) VALUES ($1, $2, $3)
ON CONFLICT (cluster_id) DO UPDATE SET data = excluded.data, seen_at = excluded.seen_at
WHERE pictures.seen_at <= excluded.seen_at;

-- name: Pictures :many
SELECT cluster_id, data FROM pictures;

-- name: Picture :one
SELECT data FROM pictures WHERE cluster_id = $1;
