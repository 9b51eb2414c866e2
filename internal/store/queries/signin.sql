-- name: HostAuthority :one
SELECT authority FROM sign_in_hosts WHERE id = $1;

-- name: PutHalfLogin :exec
INSERT INTO half_logins (hash, host_id, pve_user, challenge, return_to, expires_at, tries)
VALUES ($1, $2, $3, $4, $5, $6, 0);

-- name: TakeTry :one
UPDATE half_logins SET tries = tries + 1
WHERE hash = $1 AND expires_at > sqlc.arg(now) AND tries < sqlc.arg(most)
RETURNING *;

-- name: DropHalfLogin :exec
DELETE FROM half_logins WHERE hash = $1;

-- name: PutSetUpLink :exec
INSERT INTO set_up_links (slot, hash, expires_at, browser_hash) VALUES (1, $1, $2, NULL)
ON CONFLICT (slot) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at, browser_hash = NULL;

-- name: OpenSetUpLink :execrows
UPDATE set_up_links SET browser_hash = sqlc.arg(browser)
WHERE hash = $1 AND expires_at > sqlc.arg(now) AND (browser_hash IS NULL OR browser_hash = sqlc.arg(browser));

-- name: SetUpBrowsers :one
SELECT COUNT(*) FROM set_up_links WHERE browser_hash = sqlc.arg(browser) AND expires_at > sqlc.arg(now);

-- name: UseSetUp :execrows
DELETE FROM set_up_links WHERE browser_hash = sqlc.arg(browser) AND expires_at > sqlc.arg(now);

-- name: CountAttempts :one
SELECT COUNT(*) FROM attempts WHERE attempt_key = $1 AND made_at >= $2;

-- name: AddAttempt :exec
INSERT INTO attempts (id, attempt_key, made_at) VALUES ($1, $2, $3);

-- name: ClearAttempts :exec
DELETE FROM attempts WHERE attempt_key = $1;

-- name: PruneAttempts :exec
DELETE FROM attempts WHERE made_at < $1;

-- name: Claim :execrows
INSERT INTO leases (name, holder, held_until) VALUES ($1, $2, sqlc.arg(until))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE leases.holder = excluded.holder OR leases.held_until <= sqlc.arg(now);

-- name: Release :exec
DELETE FROM leases WHERE name = $1 AND holder = $2;

-- name: PruneLeases :exec
DELETE FROM leases WHERE held_until < $1;
