-- name: CreateSession :exec
INSERT INTO sessions (id, token_hash, user_id, created_at, seen_at, expires_at, proof_at, address, agent,
    ticket, ticket_at, ticket_version, renewing_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0);

-- name: SessionByToken :one
SELECT sqlc.embed(s), sqlc.embed(u)
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash = $1 AND s.expires_at > sqlc.arg(now) AND s.seen_at > sqlc.arg(idle_since) AND u.disabled_at = 0;

-- name: TouchSession :exec
UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2;

-- name: ProveSession :execrows
UPDATE sessions SET proof_at = $2 WHERE id = $1;

-- name: ProveSessionAnew :execrows
UPDATE sessions SET proof_at = $2, token_hash = $3 WHERE id = $1;

-- name: SessionsOf :many
SELECT * FROM sessions
WHERE user_id = $1 AND expires_at > sqlc.arg(now) AND seen_at > sqlc.arg(idle_since) ORDER BY seen_at DESC, id;

-- name: DeleteSession :execrows
DELETE FROM sessions WHERE user_id = $1 AND id = $2;

-- name: DeleteSessionsBut :execrows
DELETE FROM sessions WHERE user_id = $1 AND id <> $2;

-- name: DeleteExpiredSessions :execrows
DELETE FROM sessions WHERE expires_at <= sqlc.arg(now) OR seen_at <= sqlc.arg(idle_since);

-- name: DeleteExpiredHalfLogins :exec
DELETE FROM half_logins WHERE expires_at <= $1;

-- name: SessionOwner :one
SELECT u.id, u.host_id, h.authority
FROM users u JOIN sign_in_hosts h ON h.id = u.host_id
WHERE u.id = $1;

-- name: SealedTicket :one
SELECT s.ticket, s.ticket_version, s.user_id, u.host_id, h.authority
FROM sessions s JOIN users u ON u.id = s.user_id JOIN sign_in_hosts h ON h.id = u.host_id
WHERE s.id = $1;

-- name: ClaimTicketRenewal :execrows
UPDATE sessions SET renewing_until = sqlc.arg(until)
WHERE id = $1 AND ticket_version = $2 AND ticket IS NOT NULL AND renewing_until <= sqlc.arg(now);

-- name: SwapTicket :execrows
UPDATE sessions SET ticket = sqlc.arg(sealed), ticket_at = $3, ticket_version = ticket_version + 1, renewing_until = 0
WHERE id = $1 AND ticket_version = $2 AND ticket IS NOT NULL;

-- name: PutTicket :execrows
UPDATE sessions SET ticket = sqlc.arg(sealed), ticket_at = $2, ticket_version = ticket_version + 1, renewing_until = 0
WHERE id = $1;

-- name: SessionsToRenew :many
SELECT sqlc.embed(s), sqlc.embed(u)
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.ticket IS NOT NULL AND s.ticket_at <= sqlc.arg(before) AND s.renewing_until <= sqlc.arg(now)
    AND s.expires_at > sqlc.arg(now) AND s.seen_at > sqlc.arg(idle_since) AND u.disabled_at = 0
ORDER BY s.ticket_at;

-- name: ForgetTicket :exec
UPDATE sessions SET ticket = NULL, ticket_at = 0, ticket_version = ticket_version + 1, renewing_until = 0 WHERE id = $1;
