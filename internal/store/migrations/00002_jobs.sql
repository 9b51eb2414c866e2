-- +goose Up

CREATE TABLE jobs (
    id         TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    once       TEXT, -- of the form that asked for it: the same one twice is one job
    kind       TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    chain      BOOLEAN NOT NULL,
    retries    TEXT    NOT NULL,
    args       TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    started_at BIGINT  NOT NULL,
    ended_at   BIGINT  NOT NULL,
    stop_at    BIGINT  NOT NULL,
    UNIQUE (owner, once)
);
CREATE INDEX jobs_by_owner ON jobs (owner, created_at);
CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE job_steps (
    job_id       TEXT   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    n            BIGINT NOT NULL,
    owner        TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    actor        TEXT   NOT NULL,
    group_id     TEXT   NOT NULL,
    lane         TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    title        TEXT   NOT NULL,
    wave         BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    args         TEXT   NOT NULL,
    memo         TEXT   NOT NULL,
    upid         TEXT   NOT NULL,
    detail       TEXT   NOT NULL,
    problem      TEXT   NOT NULL,
    started_at   BIGINT NOT NULL,
    ended_at     BIGINT NOT NULL,
    dismissed_at BIGINT NOT NULL,
    attempt      BIGINT NOT NULL,
    holder       TEXT   NOT NULL, -- the replica that took it up last
    log_lines    BIGINT NOT NULL,
    log_bytes    BIGINT NOT NULL,
    PRIMARY KEY (job_id, n)
);
CREATE INDEX job_steps_by_group ON job_steps (group_id, state);
CREATE INDEX job_steps_by_owner ON job_steps (owner, state);
CREATE INDEX job_steps_by_subject ON job_steps (owner, subject, started_at);
CREATE INDEX job_steps_by_start ON job_steps (owner, started_at);

CREATE TABLE job_lines (
    job_id  TEXT   NOT NULL,
    n       BIGINT NOT NULL,
    line    BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    text    TEXT   NOT NULL,
    PRIMARY KEY (job_id, n, line),
    FOREIGN KEY (job_id, n) REFERENCES job_steps (job_id, n) ON DELETE CASCADE
);

-- Who works on a subject: one job at a time.
CREATE TABLE job_claims (
    subject TEXT NOT NULL PRIMARY KEY,
    job_id  TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE INDEX job_claims_by_job ON job_claims (job_id);

-- +goose Down
DROP TABLE job_claims;
DROP TABLE job_lines;
DROP TABLE job_steps;
DROP TABLE jobs;
