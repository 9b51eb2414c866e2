-- name: UserFor :one
SELECT * FROM users WHERE host_id = $1 AND pve_user = $2;

-- name: SignedIn :one
INSERT INTO users (id, host_id, pve_user, admin, disabled_at, created_at, signed_in_at)
VALUES ($1, $2, $3, $4, 0, $5, $5)
ON CONFLICT (host_id, pve_user)
DO UPDATE SET signed_in_at = excluded.signed_in_at, admin = (users.admin OR excluded.admin)
RETURNING *;

-- name: UserByID :one
SELECT * FROM users WHERE id = $1;

-- name: Users :many
SELECT * FROM users ORDER BY created_at, id;

-- name: SetAdmin :execrows
UPDATE users SET admin = $2 WHERE id = $1;

-- name: SetDisabled :execrows
UPDATE users SET disabled_at = $2 WHERE id = $1;

-- name: LockEnabledUser :execrows
-- Changes nothing, and holds the row until the transaction ends, on either engine.
UPDATE users SET disabled_at = disabled_at WHERE id = $1 AND disabled_at = 0;

-- name: Administrators :one
SELECT COUNT(*) FROM users WHERE admin AND disabled_at = 0;
