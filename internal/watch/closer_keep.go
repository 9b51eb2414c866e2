package watch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"berth/internal/fleet"
	"berth/internal/problem"
)

const (
	// keepDetail is how often a detail is stored while it is looked at; and once at the end.
	keepDetail     = 2 * time.Minute
	detailVersion  = 1
	maxDetailBytes = 16 << 20 // unpacked
	// detailsKept and tasksKept are how long the store remembers containers that nobody looks at, and tasks.
	detailsKept = 90 * 24 * time.Hour
	tasksKept   = 400 * 24 * time.Hour
	pruneEvery  = 24 * time.Hour
)

// keep stores the detail when it changed and the last time was long enough ago.
func (l *looking) keep(ctx context.Context, every time.Duration) {
	now := l.w.now()
	d := l.closer.now()
	if d == l.kept || now.Sub(l.keptAt) < every {
		return
	}
	l.keptAt = now
	data, err := encodeDetail(d)
	if err == nil {
		err = l.w.options.Store.SaveDetail(ctx, l.id, data, newest(d))
	}
	switch {
	case problem.Is(err, problem.NotFound): // the cluster was deleted
	case err != nil:
		l.log.Warn("watch: what was seen of a container was not kept", "err", err)
	default:
		l.kept = d
	}
}

// loadDetail reads what was kept of a container; nil when nothing was, or it cannot be read.
func (w *Watcher) loadDetail(ctx context.Context, ownerID string, id fleet.ContainerID) *fleet.Detail {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	data, err := w.options.Store.Detail(ctx, ownerID, id)
	if err != nil || len(data) == 0 {
		if err != nil {
			w.log.Warn("watch: what was kept of a container was not read", "err", err)
		}
		return nil
	}
	d, err := decodeDetail(data, w.now())
	if err != nil {
		w.log.Warn("watch: what was kept of a container is not used", "cluster", string(id.Cluster), "err", err)
		return nil
	}
	d.ID = id
	return d
}

// newest is when the part was seen that was seen last.
func newest(d *fleet.Detail) (at time.Time) {
	for _, t := range []time.Time{d.Live.SeenAt, d.Config.SeenAt, d.Pending.SeenAt, d.Interfaces.SeenAt, d.Tasks.SeenAt} {
		at = maxTime(at, t)
	}
	for _, h := range d.History {
		at = maxTime(at, h.SeenAt)
	}
	return at
}

// encodeDetail packs a detail.
func encodeDetail(d *fleet.Detail) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("detail")
	out.WriteByte(detailVersion)
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&out)
	if err := json.NewEncoder(z).Encode(d); err != nil {
		return nil, fmt.Errorf("encoding a detail: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("packing a detail: %w", err)
	}
	return out.Bytes(), nil
}

// decodeDetail unpacks one. Rows come from the database and are hostile input:
// the size is bounded here, and pages escape what they show. No time is later than now.
func decodeDetail(data []byte, now time.Time) (*fleet.Detail, error) {
	rest, ok := bytes.CutPrefix(data, []byte("detail"))
	if !ok || len(rest) == 0 || rest[0] != detailVersion {
		return nil, fmt.Errorf("reading a kept detail: of another version")
	}
	z, err := gzip.NewReader(bytes.NewReader(rest[1:]))
	if err != nil {
		return nil, fmt.Errorf("unpacking a kept detail: %w", err)
	}
	z.Multistream(false)
	d := &fleet.Detail{}
	if err := json.NewDecoder(io.LimitReader(z, maxDetailBytes)).Decode(d); err != nil {
		return nil, fmt.Errorf("reading a kept detail: %w", err)
	}
	d.Live.SeenAt, d.Config.SeenAt = minTime(d.Live.SeenAt, now), minTime(d.Config.SeenAt, now)
	d.Pending.SeenAt, d.Interfaces.SeenAt = minTime(d.Pending.SeenAt, now), minTime(d.Interfaces.SeenAt, now)
	d.Tasks.SeenAt, d.Before = minTime(d.Tasks.SeenAt, now), fleet.Part[fleet.Live]{}
	for frame, h := range d.History {
		if _, known := fleet.ParseFrame(string(frame)); !known {
			delete(d.History, frame)
			continue
		}
		h.SeenAt = minTime(h.SeenAt, now)
		d.History[frame] = h
	}
	return d, nil
}

// prune forgets now and then what the store kept for long enough.
func (w *Watcher) prune(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := w.now()
		if err := w.options.Store.PruneDetails(ctx, now.Add(-detailsKept), now.Add(-tasksKept)); err != nil && ctx.Err() == nil {
			w.log.Warn("watch: old details were not forgotten", "err", err)
		}
	}
}
