package dashboard

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"berth/internal/fleet"
)

// What travels to the browser, as js/fleet.js reads it. A row is an array with
// the fields in the order of appendRow; numbers are those that are shown.

// everything is the whole state: what a page embeds, /fleet.json answers and a
// stream sends to a browser that it cannot bring up to date otherwise. It is
// made once per state.
func (s *state) everything() []byte {
	s.encode.Do(func() {
		b := make([]byte, 0, 512+160*s.figures.Total)
		b = append(b, `{"id":`...)
		b = appendString(b, s.id())
		b = append(b, `,"now":`...)
		b = strconv.AppendInt(b, s.at.Unix(), 10)
		b = append(b, `,"clusters":[`...)
		for i, c := range s.clusters {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.appendHead(b)
			b = appendField(b, "nodes", c.nodes)
			b = append(b, `,"rows":[`...)
			for i, r := range c.rows {
				if i > 0 {
					b = append(b, ',')
				}
				b = r.append(b)
			}
			b = append(b, "]}"...)
		}
		b = append(b, ']')
		b = appendField(b, "banners", s.banners)
		b = s.judge.append(b, extent{}, s.judged)
		b = appendField(b, "running", s.work.board.Jobs)
		s.encoded = append(b, '}')
	})
	return s.encoded
}

// changes is what leads from prev to s; nil when nothing that is shown changed.
func (s *state) changes(prev *state, now time.Time) []byte {
	b := append(make([]byte, 0, 1024), `{"now":`...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	began := len(b)
	b = append(b, `,"clusters":[`...)
	first := len(b)
	before := map[fleet.ClusterID]*clusterRows{}
	for _, c := range prev.clusters {
		before[c.id] = c
	}
	for _, c := range s.clusters {
		old := before[c.id]
		delete(before, c.id)
		if old == c {
			continue
		}
		if old == nil {
			old = &clusterRows{id: c.id, name: c.name}
		}
		mark := len(b)
		if b = append(b, ','); mark == first {
			b = b[:mark]
		}
		if grown := c.appendChanges(b, old); grown != nil {
			b = grown
		} else {
			b = b[:mark]
		}
	}
	b = append(b, ']')
	if len(b) == first+1 {
		b = b[:began]
	}
	if len(before) > 0 {
		gone := make([]fleet.ClusterID, 0, len(before))
		for id := range before {
			gone = append(gone, id)
		}
		slices.Sort(gone)
		b = appendField(b, "gone", gone)
	}
	if !slices.Equal(s.banners, prev.banners) {
		b = appendField(b, "banners", s.banners)
	}
	b = s.judge.append(b, prev.judged, s.judged)
	if s.work.board.Jobs != prev.work.board.Jobs {
		b = appendField(b, "running", s.work.board.Jobs)
	}
	if len(b) == began {
		return nil
	}
	return append(b, '}')
}

func (c *clusterRows) appendHead(b []byte) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, string(c.id))
	b = append(b, `,"name":`...)
	b = appendString(b, c.name)
	b = append(b, `,"seen":`...)
	return strconv.AppendInt(b, c.seen, 10)
}

// appendChanges writes the cluster's part of changes; nil when nothing changed.
func (c *clusterRows) appendChanges(b []byte, old *clusterRows) []byte {
	b = c.appendHead(b)
	began := len(b)
	if !slices.Equal(c.nodes, old.nodes) {
		b = appendField(b, "nodes", c.nodes)
	}
	var rows, numbers []byte
	var gone []fleet.VMID
	for _, r := range old.rows {
		if c.row(r.ID.VMID) == nil {
			gone = append(gone, r.ID.VMID)
		}
	}
	for _, r := range c.rows {
		switch prev := old.row(r.ID.VMID); {
		case prev == r:
		case prev == nil || !r.sameStructure(prev):
			rows = r.append(append(rows, ','))
		case !r.sameNumbers(prev):
			numbers = r.appendNumbers(append(numbers, ','), prev)
		}
	}
	b = appendList(b, "rows", rows)
	b = appendList(b, "numbers", numbers)
	if len(gone) > 0 {
		b = appendField(b, "gone", gone)
	}
	// A poll that found everything as it was is worth telling, for its time.
	if len(b) == began && c.seen == old.seen && c.name == old.name {
		return nil
	}
	return append(b, '}')
}

// appendList writes ,"key":[…] of items that each have a comma before them; nothing when there are none.
func appendList(b []byte, key string, items []byte) []byte {
	if len(items) == 0 {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":[`...)
	b = append(b, items[1:]...)
	return append(b, ']')
}

// Flags of a row.
const (
	flagStale = 1 << iota
	flagTemplate
)

// append writes a whole row: VMID, name, node, status, flags, attention, CPUs,
// maxMem, maxDisk, cpu, mem, disk, boot, the number of its judgement, then what is
// seldom there: seen, lock, tags, addresses, pool, HA state, how its last action
// ended badly (job, step, text). Trailing empty ones are left out.
func (r *row) append(b []byte) []byte {
	b = append(b, '[')
	b = strconv.AppendInt(b, int64(r.ID.VMID), 10)
	b = append(b, ',')
	b = appendString(b, r.Name)
	b = append(b, ',')
	b = appendString(b, r.Node)
	b = append(b, ',')
	b = appendString(b, string(r.Status))
	b = append(b, ',')
	flags := int64(0)
	if r.Stale {
		flags |= flagStale
	}
	if r.Template {
		flags |= flagTemplate
	}
	b = appendInts(b, flags, int64(r.Attn))
	b = append(b, ',')
	b = strconv.AppendFloat(b, r.CPUs, 'f', -1, 64)
	b = append(b, ',')
	b = appendInts(b, int64(r.MaxMem), int64(r.MaxDisk), int64(r.CPU), int64(r.Mem), int64(r.Disk), r.Boot, int64(r.Judged.n))
	rest := r.rest()
	for i := 0; i < rest; i++ {
		b = append(b, ',')
		switch i {
		case 0:
			b = strconv.AppendInt(b, r.Seen, 10)
		case 1:
			b = appendString(b, r.Lock)
		case 2:
			b = appendStrings(b, r.Tags)
		case 3:
			b = appendStrings(b, r.Addresses)
		case 4:
			b = appendString(b, r.Pool)
		case 5:
			b = appendString(b, r.HA)
		case 6:
			b = append(b, '[')
			b = appendString(b, string(r.Ending.Job))
			b = append(b, ',')
			b = appendInts(b, int64(r.Ending.N))
			b = append(b, ',')
			b = appendString(b, r.Ending.Text)
			b = append(b, ']')
		}
	}
	return append(b, ']')
}

// rest is how many of the seldom fields have to be written.
func (r *row) rest() int {
	switch {
	case r.Ending != nil:
		return 7
	case r.HA != "":
		return 6
	case r.Pool != "":
		return 5
	case len(r.Addresses) > 0:
		return 4
	case len(r.Tags) > 0:
		return 3
	case r.Lock != "":
		return 2
	case r.Seen != 0:
		return 1
	}
	return 0
}

// appendNumbers writes VMID, cpu, mem, disk, boot, up to the last that is not as before.
func (r *row) appendNumbers(b []byte, prev *row) []byte {
	all := [...]int64{int64(r.ID.VMID), int64(r.CPU), int64(r.Mem), int64(r.Disk), r.Boot}
	old := [...]int64{0, int64(prev.CPU), int64(prev.Mem), int64(prev.Disk), prev.Boot}
	n := len(all)
	for n > 1 && all[n-1] == old[n-1] {
		n--
	}
	b = append(b, '[')
	b = appendInts(b, all[:n]...)
	return append(b, ']')
}

func appendInts(b []byte, ns ...int64) []byte {
	for i, n := range ns {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

// appendString writes a JSON string that may also stand in a script element of type application/json.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // cannot fail for a string; escapes < > & too
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendField writes ,"key":value for what is small enough for encoding/json.
func appendField(b []byte, key string, value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		return b // nothing here can fail to encode
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	return append(b, data...)
}
