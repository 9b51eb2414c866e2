-- name: SignInHosts :many
SELECT * FROM sign_in_hosts ORDER BY created_at, id;

-- name: SignInHost :one
SELECT * FROM sign_in_hosts WHERE id = $1;

-- name: CreateSignInHost :exec
INSERT INTO sign_in_hosts (id, name, name_key, authority, policy, realms, realms_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: UpdateSignInHost :execrows
UPDATE sign_in_hosts SET name = $2, name_key = $3, authority = $4, policy = $5, updated_at = $6
WHERE id = $1 AND updated_at = sqlc.arg(read_at);

-- name: DeleteSignInHost :execrows
DELETE FROM sign_in_hosts WHERE id = $1;

-- name: SetRealms :execrows
UPDATE sign_in_hosts SET realms = $2, realms_at = $3 WHERE id = $1;

-- name: ForgetTicketsOfHost :exec
UPDATE sessions SET ticket = NULL, ticket_at = 0, ticket_version = ticket_version + 1
WHERE user_id IN (SELECT u.id FROM users u WHERE u.host_id = $1);

-- name: DropHalfLoginsOfHost :exec
DELETE FROM half_logins WHERE host_id = $1;
