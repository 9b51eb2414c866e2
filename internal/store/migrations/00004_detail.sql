-- What was seen of containers that somebody looked at closely, and Proxmox's
-- tasks on containers with the logs that were read of them: Proxmox forgets both.

-- +goose Up

CREATE TABLE details (
    cluster_id TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    vmid       BIGINT NOT NULL,
    data       BYTEA  NOT NULL,
    seen_at    BIGINT NOT NULL,
    PRIMARY KEY (cluster_id, vmid)
);
CREATE INDEX details_by_age ON details (seen_at);

CREATE TABLE guest_tasks (
    cluster_id TEXT   NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    vmid       BIGINT NOT NULL,
    upid       TEXT   NOT NULL,
    node       TEXT   NOT NULL,
    pve_user   TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    type       TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL, -- 0 while it runs
    status     TEXT   NOT NULL, -- '' while it runs
    log        BYTEA  NOT NULL, -- compressed; empty until it was read
    log_at     BIGINT NOT NULL,
    PRIMARY KEY (cluster_id, vmid, upid)
);
CREATE INDEX guest_tasks_by_age ON guest_tasks (started_at);

-- +goose Down
DROP TABLE guest_tasks;
DROP TABLE details;
