-- One folder for SQLite and PostgreSQL. Ids are UUIDv7 text, times unix
-- milliseconds (0: never), structured values JSON text.

-- +goose Up

-- A canary sealed under each key in use: with another key it does not open.
CREATE TABLE seal_keys (
    id         TEXT   NOT NULL PRIMARY KEY,
    canary     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE sign_in_hosts (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    name_key   TEXT   NOT NULL UNIQUE,
    authority  TEXT   NOT NULL,
    policy     TEXT   NOT NULL,
    realms     TEXT   NOT NULL,
    realms_at  BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE users (
    id           TEXT    NOT NULL PRIMARY KEY,
    host_id      TEXT    NOT NULL REFERENCES sign_in_hosts (id) ON DELETE CASCADE,
    pve_user     TEXT    NOT NULL,
    admin        BOOLEAN NOT NULL,
    disabled_at  BIGINT  NOT NULL,
    created_at   BIGINT  NOT NULL,
    signed_in_at BIGINT  NOT NULL,
    UNIQUE (host_id, pve_user)
);

CREATE TABLE sessions (
    id             TEXT   NOT NULL PRIMARY KEY,
    token_hash     BYTEA  NOT NULL UNIQUE,
    user_id        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at     BIGINT NOT NULL,
    seen_at        BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    proof_at       BIGINT NOT NULL,
    address        TEXT   NOT NULL,
    agent          TEXT   NOT NULL,
    ticket         BYTEA, -- sealed; NULL when there is none any more
    ticket_at      BIGINT NOT NULL,
    ticket_version BIGINT NOT NULL,
    renewing_until BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE half_logins (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    host_id    TEXT   NOT NULL REFERENCES sign_in_hosts (id) ON DELETE CASCADE,
    pve_user   TEXT   NOT NULL,
    challenge  BYTEA  NOT NULL, -- sealed
    return_to  TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    tries      BIGINT NOT NULL
);

-- At most one row: a new link replaces the one before.
CREATE TABLE set_up_links (
    slot         BIGINT NOT NULL PRIMARY KEY CHECK (slot = 1),
    hash         BYTEA  NOT NULL,
    expires_at   BIGINT NOT NULL,
    browser_hash BYTEA -- NULL until a browser opened it
);

CREATE TABLE attempts (
    id          TEXT   NOT NULL PRIMARY KEY,
    attempt_key TEXT   NOT NULL,
    made_at     BIGINT NOT NULL
);
CREATE INDEX attempts_by_key ON attempts (attempt_key, made_at);
CREATE INDEX attempts_by_age ON attempts (made_at);

CREATE TABLE leases (
    name       TEXT   NOT NULL PRIMARY KEY,
    holder     TEXT   NOT NULL,
    held_until BIGINT NOT NULL
);

CREATE TABLE clusters (
    id         TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    name_key   TEXT    NOT NULL,
    standalone BOOLEAN NOT NULL,
    authority  TEXT    NOT NULL,
    token_id   TEXT    NOT NULL,
    secret     BYTEA   NOT NULL, -- sealed
    halt       TEXT    NOT NULL, -- '' when not halted
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    version    BIGINT  NOT NULL,
    UNIQUE (owner, name_key)
);

CREATE TABLE members (
    cluster_id TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    name       TEXT   NOT NULL,
    place      BIGINT NOT NULL,
    label      TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    PRIMARY KEY (cluster_id, name)
);

CREATE TABLE default_nodes (
    owner      TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    cluster_id TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    node       TEXT NOT NULL
);

CREATE TABLE pictures (
    cluster_id TEXT   NOT NULL PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
    data       BYTEA  NOT NULL,
    seen_at    BIGINT NOT NULL
);

-- The trail refers to nothing by foreign key: it outlives clusters and people.
CREATE TABLE audit_entries (
    seq       BIGINT NOT NULL PRIMARY KEY,
    id        TEXT   NOT NULL UNIQUE,
    intent_id TEXT   NOT NULL,
    made_at   BIGINT NOT NULL,
    owner     TEXT   NOT NULL,
    actor     TEXT   NOT NULL,
    address   TEXT   NOT NULL,
    kind      TEXT   NOT NULL,
    result    TEXT   NOT NULL,
    subject   TEXT   NOT NULL,
    cluster   TEXT   NOT NULL,
    detail    TEXT   NOT NULL,
    upid      TEXT   NOT NULL,
    prev      BYTEA  NOT NULL,
    hash      BYTEA  NOT NULL
);
CREATE INDEX audit_by_owner ON audit_entries (owner, seq);

-- The end of the chain. Whoever appends moves it first, and so waits for whoever is appending.
CREATE TABLE audit_head (
    slot BIGINT NOT NULL PRIMARY KEY CHECK (slot = 1),
    seq  BIGINT NOT NULL,
    hash BYTEA  NOT NULL
);
INSERT INTO audit_head (slot, seq, hash) VALUES (1, 0, '');

-- +goose Down
DROP TABLE audit_head;
DROP TABLE audit_entries;
DROP TABLE pictures;
DROP TABLE default_nodes;
DROP TABLE members;
DROP TABLE clusters;
DROP TABLE leases;
DROP TABLE attempts;
DROP TABLE set_up_links;
DROP TABLE half_logins;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE sign_in_hosts;
DROP TABLE seal_keys;
