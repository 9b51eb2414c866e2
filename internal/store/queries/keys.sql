-- name: SealKeys :many
SELECT * FROM seal_keys ORDER BY created_at, id;

-- name: AddSealKey :exec
INSERT INTO seal_keys (id, canary, created_at) VALUES ($1, $2, $3);

-- name: DropSealKeysBut :execrows
DELETE FROM seal_keys WHERE id <> $1;

-- name: SealedClusters :many
SELECT id, owner, token_id, authority, secret FROM clusters ORDER BY id;

-- name: ResealCluster :execrows
UPDATE clusters SET secret = sqlc.arg(sealed) WHERE id = $1 AND secret = sqlc.arg(before);

-- name: SealedTickets :many
SELECT s.id, s.user_id, u.host_id, h.authority, s.ticket
FROM sessions s JOIN users u ON u.id = s.user_id JOIN sign_in_hosts h ON h.id = u.host_id
WHERE s.ticket IS NOT NULL ORDER BY s.id;

-- name: ResealTicket :execrows
UPDATE sessions SET ticket = sqlc.arg(sealed) WHERE id = $1 AND ticket = sqlc.arg(before);

-- name: SealedChallenges :many
SELECT l.hash, l.host_id, l.pve_user, h.authority, l.challenge
FROM half_logins l JOIN sign_in_hosts h ON h.id = l.host_id ORDER BY l.expires_at;

-- name: ResealChallenge :execrows
UPDATE half_logins SET challenge = sqlc.arg(sealed) WHERE hash = $1 AND challenge = sqlc.arg(before);

-- name: DropSealKeys :exec
DELETE FROM seal_keys;

-- name: EmptySecrets :execrows
UPDATE clusters SET secret = sqlc.arg(nothing);

-- name: ForgetAllTickets :exec
UPDATE sessions SET ticket = NULL, ticket_at = 0, ticket_version = ticket_version + 1, renewing_until = 0;

-- name: DropHalfLogins :exec
DELETE FROM half_logins;
