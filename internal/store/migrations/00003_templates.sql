-- +goose Up

-- A template as lists and searches need it; its content is in its revisions.
CREATE TABLE templates (
    id           TEXT    NOT NULL PRIMARY KEY,
    owner        TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    name_key     TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    tags         TEXT    NOT NULL, -- ';web;db;': one tag is found between its semicolons
    os           TEXT    NOT NULL,
    cores        BIGINT  NOT NULL,
    memory       BIGINT  NOT NULL,
    swap         BIGINT  NOT NULL,
    disk         BIGINT  NOT NULL,
    unprivileged BOOLEAN NOT NULL,
    scripts      BIGINT  NOT NULL,
    files        BIGINT  NOT NULL,
    inputs       BIGINT  NOT NULL,
    packages     BIGINT  NOT NULL, -- its own; those of linked buckets are counted there
    words        TEXT    NOT NULL, -- what a search finds, in lower case, a thing a line
    source_kind  TEXT    NOT NULL,
    source_from  TEXT    NOT NULL,
    shared       BOOLEAN NOT NULL,
    revision     BIGINT  NOT NULL,
    digest       TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL,
    UNIQUE (owner, name_key)
);
CREATE INDEX templates_shared ON templates (shared, owner);

CREATE TABLE template_revisions (
    template_id TEXT   NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    made_at     BIGINT NOT NULL,
    made_by     TEXT   NOT NULL,
    note        TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    size        BIGINT NOT NULL,
    body        BYTEA  NOT NULL, -- canonical JSON, compressed when large
    PRIMARY KEY (template_id, number)
);

CREATE TABLE buckets (
    id            TEXT   NOT NULL PRIMARY KEY,
    owner         TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,
    name_key      TEXT   NOT NULL,
    description   TEXT   NOT NULL,
    packages      BYTEA  NOT NULL, -- JSON, compressed when large
    package_count BIGINT NOT NULL,
    words         TEXT   NOT NULL,
    digest        TEXT   NOT NULL,
    version       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    UNIQUE (owner, name_key)
);

-- Which template follows which bucket with its newest revision.
CREATE TABLE template_buckets (
    template_id TEXT NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    bucket_id   TEXT NOT NULL REFERENCES buckets (id) ON DELETE CASCADE,
    PRIMARY KEY (template_id, bucket_id)
);
CREATE INDEX template_buckets_bucket ON template_buckets (bucket_id);

-- What was read for an import and waits to be confirmed.
CREATE TABLE template_imports (
    id         TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    origin     TEXT   NOT NULL,
    body       BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX template_imports_owner ON template_imports (owner, expires_at);

-- +goose Down
DROP TABLE template_imports;
DROP TABLE template_buckets;
DROP TABLE buckets;
DROP TABLE template_revisions;
DROP TABLE templates;
