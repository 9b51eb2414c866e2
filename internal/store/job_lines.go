package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"berth/internal/job"
	"berth/internal/store/query"
)

const (
	// maxStepLog is how many bytes of a step's log are kept; the line that goes past it says that the rest is cut.
	maxStepLog = 64 << 20
	// maxLine is how many bytes of one line are kept.
	maxLine = 16 << 10
)

// AddStepLines adds lines to an active step's log. All or none of them are kept.
// Over-long lines, and a log past its limit, are cut, and say so.
func (s *Store) AddStepLines(ctx context.Context, id job.ID, n int, holder string, at time.Time, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	return failed("keep a step's log", s.tx(ctx, func(q *query.Queries) error { return addLines(ctx, q, id, n, holder, at, texts) }))
}

// addLines is AddStepLines as part of a transaction.
func addLines(ctx context.Context, q *query.Queries, id job.ID, n int, holder string, at time.Time, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	var size int64
	cut := make([]string, len(texts))
	for i, text := range texts {
		cut[i] = cutLine(plain(text))
		size += int64(len(cut[i]))
	}
	log, err := q.LengthenLog(ctx, query.LengthenLogParams{JobID: string(id), N: int64(n), Holder: plain(holder), Lines: int64(len(cut)), Bytes: size})
	if errors.Is(err, sql.ErrNoRows) {
		return job.ErrTaken
	}
	if err != nil {
		return err
	}
	if before := log.LogBytes - size; before >= maxStepLog {
		_, err := q.LengthenLog(ctx, query.LengthenLogParams{JobID: string(id), N: int64(n), Holder: plain(holder), Lines: -int64(len(cut))})
		return err
	}
	if log.LogBytes >= maxStepLog {
		cut[len(cut)-1] = "(the log is cut here: it is longer than 64 MiB)"
	}
	for i, text := range cut {
		line := log.LogLines - int64(len(cut)) + int64(i) + 1
		if err := q.AddLine(ctx, query.AddLineParams{JobID: string(id), N: int64(n), Line: line, MadeAt: millis(at), Text: text}); err != nil {
			return err
		}
	}
	return nil
}

// StepLines reads a step's log after a line (0: from the start), at most 5,000 lines.
func (s *Store) StepLines(ctx context.Context, owner string, id job.ID, n, after int) ([]job.Line, error) {
	rows, err := s.reads.Lines(ctx, query.LinesParams{Owner: owner, JobID: plain(string(id)), N: int64(n), After: int64(after), Most: 5000})
	lines := make([]job.Line, len(rows))
	for i, r := range rows {
		lines[i] = job.Line{N: int(r.Line), At: moment(r.MadeAt), Text: r.Text}
	}
	return lines, failed("read a step's log", err)
}

func cutLine(text string) string {
	if len(text) <= maxLine {
		return text
	}
	return plain(text[:maxLine]) + fmt.Sprintf(" (%d bytes more)", len(text)-maxLine)
}
