package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
	"berth/internal/store/query"
)

const (
	// maxGuestTasks is how many tasks of one container are remembered, the newest.
	maxGuestTasks = 200
	// maxTaskLog is how much of one task's log is kept, before it is compressed.
	maxTaskLog = 4 << 20
)

// SaveDetail keeps what was seen of a container, unless something later is
// there. It is the watcher's, which knows whose cluster it is; a deleted cluster is problem.Missing.
func (s *Store) SaveDetail(ctx context.Context, id fleet.ContainerID, data []byte, seenAt time.Time) error {
	err := s.writes.SaveDetail(ctx, query.SaveDetailParams{ClusterID: string(id.Cluster), Vmid: int64(id.VMID), Data: noNil(data), SeenAt: millis(seenAt)})
	if orphaned(err) {
		return problem.Missing()
	}
	return failed("keep what was seen of a container", err)
}

// Detail gives what was kept of a container in one of the owner's clusters; nil when nothing was.
func (s *Store) Detail(ctx context.Context, owner string, id fleet.ContainerID) ([]byte, error) {
	data, err := s.reads.DetailOf(ctx, query.DetailOfParams{Owner: owner, ClusterID: string(id.Cluster), Vmid: int64(id.VMID)})
	if errors.Is(err, sql.ErrNoRows) || unsayable(err) {
		return nil, nil
	}
	return data, failed("read what was seen of a container", err)
}

// KeepGuestTasks remembers tasks on containers of a cluster. One that is known
// keeps its end. Of each container the newest 200 stay.
func (s *Store) KeepGuestTasks(ctx context.Context, cluster fleet.ClusterID, tasks map[fleet.VMID][]fleet.Task) error {
	err := s.tx(ctx, func(q *query.Queries) error {
		for vmid, list := range tasks {
			for _, t := range list {
				_, err := q.KeepGuestTask(ctx, query.KeepGuestTaskParams{ClusterID: string(cluster), Vmid: int64(vmid), Upid: plain(t.UPID),
					Node: plain(t.Node), PveUser: plain(t.User), Token: plain(t.Token), Type: plain(t.Type), StartedAt: millis(t.StartedAt),
					EndedAt: millis(t.EndedAt), Status: plain(t.Status), Log: []byte{}})
				if err != nil {
					return err
				}
			}
			err := q.TrimGuestTasks(ctx, query.TrimGuestTasksParams{ClusterID: string(cluster), Vmid: int64(vmid), Most: maxGuestTasks})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if orphaned(err) {
		return problem.Missing()
	}
	return failed("remember tasks", err)
}

// GuestTasks lists what is remembered of a container in one of the owner's clusters, the newest first.
func (s *Store) GuestTasks(ctx context.Context, owner string, id fleet.ContainerID) ([]fleet.KeptTask, error) {
	rows, err := s.reads.GuestTasksOf(ctx, query.GuestTasksOfParams{Owner: owner, ClusterID: string(id.Cluster), Vmid: int64(id.VMID)})
	if unsayable(err) {
		return nil, nil
	}
	out := make([]fleet.KeptTask, len(rows))
	for i, r := range rows {
		out[i] = fleet.KeptTask{LogAt: moment(r.LogAt), Task: fleet.Task{UPID: r.Upid, Node: r.Node, User: r.PveUser, Token: r.Token, Type: r.Type,
			ID: id.VMID.String(), StartedAt: moment(r.StartedAt), EndedAt: moment(r.EndedAt), Status: r.Status}}
	}
	return out, failed("list the tasks of a container", err)
}

// KeepGuestTaskLog keeps the log of a remembered task of one of the owner's
// clusters; beyond 4 MiB it is cut, and the last line says so. A task that is not remembered is problem.Missing.
func (s *Store) KeepGuestTaskLog(ctx context.Context, owner string, id fleet.ContainerID, upid string, lines []string, at time.Time) error {
	packed, err := packLines(lines)
	if err != nil {
		return fmt.Errorf("pack a task's log: %w", err)
	}
	rows, err := s.writes.KeepGuestTaskLog(ctx, query.KeepGuestTaskLogParams{Owner: owner, ClusterID: string(id.Cluster),
		Vmid: int64(id.VMID), Upid: plain(upid), Log: packed, LogAt: millis(at)})
	return changedOne("keep a task's log", rows, err)
}

// GuestTaskLog gives the kept log of a task and when it was read; a zero time says that it was not.
// A task that is not remembered, or another's, is problem.Missing.
func (s *Store) GuestTaskLog(ctx context.Context, owner string, id fleet.ContainerID, upid string) (lines []string, at time.Time, err error) {
	r, err := s.reads.GuestTaskLogOf(ctx, query.GuestTaskLogOfParams{Owner: owner, ClusterID: string(id.Cluster), Vmid: int64(id.VMID), Upid: plain(upid)})
	if err != nil {
		return nil, at, failed("read a task's log", err)
	}
	if r.LogAt == 0 {
		return nil, at, nil
	}
	lines, err = unpackLines(r.Log)
	return lines, moment(r.LogAt), failed("read a task's log", err)
}

// PruneDetails forgets what was seen of containers that nobody looked at since
// one time, and tasks that began before another.
func (s *Store) PruneDetails(ctx context.Context, seenBefore, tasksBefore time.Time) error {
	if err := s.writes.PruneDetails(ctx, millis(seenBefore)); err != nil {
		return failed("prune what was seen of containers", err)
	}
	return failed("prune tasks", s.writes.PruneGuestTasks(ctx, millis(tasksBefore)))
}

func packLines(lines []string) ([]byte, error) {
	var out bytes.Buffer
	z, size := gzip.NewWriter(&out), 0
	for _, line := range lines {
		line = strings.ReplaceAll(plain(line), "\n", " ") + "\n"
		if size += len(line); size > maxTaskLog {
			line = "… the rest was cut off.\n"
		}
		if _, err := io.WriteString(z, line); err != nil {
			return nil, err
		}
		if size > maxTaskLog {
			break
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func unpackLines(packed []byte) ([]string, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxTaskLog+1<<10))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}
