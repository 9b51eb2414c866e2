-- name: CreateJob :execrows
INSERT INTO jobs (id, owner, once, kind, title, actor, address, state, chain, retries, args, created_at, started_at, ended_at, stop_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)
ON CONFLICT (owner, once) DO NOTHING;

-- name: JobOnce :one
SELECT * FROM jobs WHERE owner = $1 AND once = $2;

-- name: AddStep :exec
INSERT INTO job_steps (job_id, n, owner, kind, actor, group_id, lane, subject, title, wave, state, args, memo, upid, detail, problem,
    started_at, ended_at, dismissed_at, attempt, holder, log_lines, log_bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', '', $13, $14, 0, $15, 0, 0, '', 0, 0);

-- name: JobOf :one
SELECT * FROM jobs WHERE owner = $1 AND id = $2;

-- name: ChangeJob :one
-- The number of a change that a page shows. It holds the job's row until the
-- transaction ends, on either engine, so that the changes of a job are seen in their order.
UPDATE jobs SET rev = rev + 1 WHERE id = $1 RETURNING rev;

-- name: ChangeJobOf :one
UPDATE jobs SET rev = rev + 1 WHERE owner = $1 AND id = $2 RETURNING rev;

-- name: BeginJob :execrows
UPDATE jobs SET state = 'running', started_at = $3, address = $4 WHERE owner = $1 AND id = $2 AND state = 'planned';

-- name: ClaimSubjects :exec
INSERT INTO job_claims (subject, job_id)
SELECT DISTINCT s.subject, s.job_id FROM job_steps s WHERE s.job_id = $1 AND s.state = 'waiting' AND s.subject <> ''
ON CONFLICT (subject) DO NOTHING;

-- name: TakenSteps :many
-- The steps of a job whose subject another job works on, with a step of that one.
SELECT s.n, o.job_id, o.kind, o.actor, o.title, o.state, o.started_at FROM job_steps s
    JOIN job_claims c ON c.subject = s.subject AND c.job_id <> s.job_id
    JOIN job_steps o ON o.job_id = c.job_id AND o.subject = c.subject AND o.state IN ('waiting', 'active')
WHERE s.job_id = $1 AND s.state = 'waiting'
ORDER BY s.n, o.n;

-- name: UnclaimedSteps :one
-- Steps that wait without a claim: whoever had it freed it a moment ago.
SELECT COUNT(*) FROM job_steps s WHERE s.job_id = $1 AND s.state = 'waiting' AND s.subject <> ''
    AND NOT EXISTS (SELECT 1 FROM job_claims c WHERE c.subject = s.subject AND c.job_id = s.job_id);

-- name: SkipStep :exec
UPDATE job_steps SET state = 'skipped', detail = sqlc.arg(detail), problem = sqlc.arg(problem), ended_at = sqlc.arg(now), rev = sqlc.arg(rev)
WHERE job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND state = 'waiting';

-- name: OpenGroups :many
SELECT DISTINCT s.group_id FROM job_steps s JOIN jobs j ON j.id = s.job_id
WHERE j.state = 'running' AND s.state IN ('waiting', 'active');

-- name: OpenSteps :many
SELECT s.*, j.chain, j.address, j.stop_at, j.created_at, CAST(CASE WHEN EXISTS (SELECT 1 FROM job_steps o WHERE o.job_id = s.job_id AND o.n <> s.n) THEN 2 ELSE 1 END AS BIGINT) AS steps
FROM job_steps s JOIN jobs j ON j.id = s.job_id
WHERE s.group_id = $1 AND j.state = 'running' AND s.state IN ('waiting', 'active')
ORDER BY j.created_at, s.job_id, s.wave, s.n;

-- name: TakeStep :one
UPDATE job_steps SET state = 'active', holder = sqlc.arg(holder), attempt = attempt + 1, rev = sqlc.arg(rev),
    started_at = CASE WHEN started_at = 0 THEN CAST(sqlc.arg(now) AS BIGINT) ELSE started_at END
WHERE job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND state IN ('waiting', 'active')
RETURNING *;

-- name: NoteStep :execrows
UPDATE job_steps SET memo = sqlc.arg(memo)
WHERE job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND holder = sqlc.arg(holder) AND state = 'active';

-- name: NoteTask :execrows
UPDATE job_steps SET memo = sqlc.arg(memo), upid = sqlc.arg(upid), rev = sqlc.arg(rev)
WHERE job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND holder = sqlc.arg(holder) AND state = 'active';

-- name: OrderStep :execrows
-- Moves a step that waits, for the step "by" of the same job, which the holder has.
UPDATE job_steps SET wave = sqlc.arg(wave)
WHERE job_steps.job_id = sqlc.arg(job_id) AND job_steps.n = sqlc.arg(n) AND job_steps.state = 'waiting'
    AND EXISTS (SELECT 1 FROM job_steps b WHERE b.job_id = job_steps.job_id AND b.n = sqlc.arg(by_n) AND b.holder = sqlc.arg(holder)
        AND b.state = 'active' AND b.group_id = job_steps.group_id);

-- name: SayStep :execrows
UPDATE job_steps SET detail = sqlc.arg(detail), rev = sqlc.arg(rev)
WHERE job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND holder = sqlc.arg(holder) AND state = 'active';

-- name: EndStep :execrows
UPDATE job_steps SET state = sqlc.arg(state), detail = sqlc.arg(detail), problem = sqlc.arg(problem), ended_at = sqlc.arg(now), rev = sqlc.arg(rev)
WHERE job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND holder = sqlc.arg(holder) AND state = 'active';

-- name: SkipRest :exec
UPDATE job_steps SET state = 'skipped', detail = $2, ended_at = $3, rev = $4 WHERE job_id = $1 AND state = 'waiting';

-- name: CancelRest :exec
UPDATE job_steps SET state = 'cancelled', detail = $2, ended_at = $3, rev = $4 WHERE job_id = $1 AND state = 'waiting';

-- name: StopJob :execrows
UPDATE jobs SET stop_at = $3 WHERE owner = $1 AND id = $2 AND state <> 'finished' AND stop_at = 0;

-- name: FreeSubjects :exec
-- The owner is named for the index by subject: a job may have claimed many thousands.
DELETE FROM job_claims WHERE job_claims.job_id = sqlc.arg(job_id)
    AND NOT EXISTS (SELECT 1 FROM job_steps s WHERE s.owner = sqlc.arg(owner) AND s.subject = job_claims.subject AND s.started_at >= 0
        AND s.job_id = job_claims.job_id AND s.state IN ('waiting', 'active'));

-- name: FreeSubject :exec
DELETE FROM job_claims WHERE job_claims.subject = sqlc.arg(subject) AND job_claims.job_id = sqlc.arg(job_id)
    AND NOT EXISTS (SELECT 1 FROM job_steps s WHERE s.owner = sqlc.arg(owner) AND s.subject = job_claims.subject AND s.started_at >= 0
        AND s.job_id = job_claims.job_id AND s.state IN ('waiting', 'active'));

-- name: FinishJob :execrows
UPDATE jobs SET state = 'finished', ended_at = $2 WHERE id = $1 AND state <> 'finished'
    AND NOT EXISTS (SELECT 1 FROM job_steps s WHERE s.job_id = jobs.id AND s.state IN ('waiting', 'active'));

-- name: DismissStep :execrows
UPDATE job_steps SET dismissed_at = sqlc.arg(now), rev = sqlc.arg(rev)
WHERE owner = sqlc.arg(owner) AND job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND state IN ('failed', 'unknown');

-- name: LengthenLog :one
UPDATE job_steps SET log_lines = log_lines + CAST(sqlc.arg(lines) AS BIGINT), log_bytes = log_bytes + CAST(sqlc.arg(bytes) AS BIGINT)
WHERE job_id = sqlc.arg(job_id) AND n = sqlc.arg(n) AND holder = sqlc.arg(holder) AND state = 'active'
RETURNING log_lines, log_bytes;

-- name: AddLine :exec
INSERT INTO job_lines (job_id, n, line, made_at, text) VALUES ($1, $2, $3, $4, $5);

-- name: Lines :many
SELECT l.line, l.made_at, l.text FROM job_lines l
WHERE l.job_id = sqlc.arg(job_id) AND l.n = sqlc.arg(n) AND l.line > sqlc.arg(after)
    AND EXISTS (SELECT 1 FROM job_steps s WHERE s.job_id = l.job_id AND s.n = l.n AND s.owner = sqlc.arg(owner))
ORDER BY l.line LIMIT sqlc.arg(most);

-- name: Jobs :many
SELECT j.* FROM jobs j
WHERE j.owner = sqlc.arg(owner)
    AND j.created_at < sqlc.arg(before)
    AND (j.kind = sqlc.arg(kind) OR sqlc.arg(kind) = '')
    AND (j.actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
    AND (j.state = sqlc.arg(state) OR sqlc.arg(state) = '')
    AND (sqlc.arg(group_id) = '' AND CAST(sqlc.arg(states) AS TEXT) = '' OR EXISTS (SELECT 1 FROM job_steps s WHERE s.job_id = j.id
        AND (s.group_id = sqlc.arg(group_id) OR sqlc.arg(group_id) = '')
        AND (CAST(sqlc.arg(states) AS TEXT) = '' OR CAST(sqlc.arg(states) AS TEXT) LIKE '%,' || s.state || ',%')))
ORDER BY j.created_at DESC, j.id DESC LIMIT sqlc.arg(most);

-- name: TallyOf :many
SELECT state, COUNT(*) AS steps FROM job_steps WHERE job_id = $1 GROUP BY state;

-- name: GroupsOfJob :many
SELECT DISTINCT group_id FROM job_steps WHERE owner = $1 AND job_id = $2;

-- name: StepsOfJob :many
SELECT * FROM job_steps
WHERE owner = sqlc.arg(owner) AND job_id = sqlc.arg(job_id) AND n >= sqlc.arg(first) AND n < sqlc.arg(past)
    AND (kind = sqlc.arg(kind) OR sqlc.arg(kind) = '')
    AND (CAST(sqlc.arg(states) AS TEXT) = '' OR CAST(sqlc.arg(states) AS TEXT) LIKE '%,' || state || ',%')
ORDER BY n LIMIT sqlc.arg(most);

-- name: ChangedSteps :many
-- The plus keeps SQLite from the index by n: few have changed.
SELECT * FROM job_steps
WHERE owner = sqlc.arg(owner) AND job_id = sqlc.arg(job_id) AND rev > sqlc.arg(since) AND +n >= sqlc.arg(first) AND +n < sqlc.arg(past)
ORDER BY n LIMIT sqlc.arg(most);

-- name: Steps :many
SELECT * FROM job_steps
WHERE owner = sqlc.arg(owner)
    AND started_at > 0 AND started_at < sqlc.arg(before)
    AND (subject = sqlc.arg(subject) OR sqlc.arg(subject) = '')
    AND (group_id = sqlc.arg(group_id) OR sqlc.arg(group_id) = '')
    AND (lane = sqlc.arg(lane) OR sqlc.arg(lane) = '')
    AND (kind = sqlc.arg(kind) OR sqlc.arg(kind) = '')
    AND (actor = sqlc.arg(actor) OR sqlc.arg(actor) = '')
    AND (CAST(sqlc.arg(states) AS TEXT) = '' OR CAST(sqlc.arg(states) AS TEXT) LIKE '%,' || state || ',%')
ORDER BY started_at DESC, job_id DESC, n LIMIT sqlc.arg(most);

-- name: BusySteps :many
SELECT s.job_id, s.n, s.kind, s.actor, s.group_id, s.lane, s.subject, s.title, s.wave, s.state, s.upid, s.detail, s.started_at, s.attempt
FROM job_steps s JOIN jobs j ON j.id = s.job_id
WHERE s.owner = $1 AND s.state IN ('waiting', 'active') AND j.state = 'running' ORDER BY s.job_id, s.n;

-- name: BadSteps :many
SELECT s.* FROM job_steps s
WHERE s.owner = sqlc.arg(owner) AND s.state IN ('failed', 'unknown') AND s.dismissed_at = 0 AND s.ended_at > sqlc.arg(since)
    AND NOT EXISTS (SELECT 1 FROM job_steps o WHERE o.owner = s.owner AND o.subject = s.subject
        AND o.started_at >= s.started_at AND (o.job_id <> s.job_id OR o.n > s.n) AND o.state NOT IN ('skipped', 'cancelled', 'waiting'))
ORDER BY s.job_id, s.n;

-- name: DropPlans :exec
-- Forgets an owner's plans but the newest so many.
DELETE FROM jobs WHERE jobs.owner = sqlc.arg(owner) AND jobs.state = 'planned' AND jobs.id NOT IN
    (SELECT p.id FROM jobs p WHERE p.owner = sqlc.arg(of_owner) AND p.state = 'planned' ORDER BY p.created_at DESC, p.id DESC LIMIT sqlc.arg(keep));

-- name: PruneJobs :exec
DELETE FROM jobs WHERE created_at < sqlc.arg(before) AND state <> 'running'
    OR created_at < sqlc.arg(plans_before) AND state = 'planned';
