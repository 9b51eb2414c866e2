-- Each change of a job that a page shows has a number, and each step the number
-- of its last: a page reads only what changed since it looked.

-- +goose Up
ALTER TABLE jobs ADD COLUMN rev BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job_steps ADD COLUMN rev BIGINT NOT NULL DEFAULT 0;
CREATE INDEX job_steps_by_rev ON job_steps (job_id, rev);
CREATE INDEX job_steps_by_job_state ON job_steps (job_id, state);

-- +goose Down
DROP INDEX job_steps_by_job_state;
DROP INDEX job_steps_by_rev;
ALTER TABLE job_steps DROP COLUMN rev;
ALTER TABLE jobs DROP COLUMN rev;
