package pve

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"berth/internal/fleet"
)

// UPID names one task: "UPID:node:PID:PSTART:STARTTIME:TYPE:ID:USER:", the
// numbers in hexadecimal (PVE::Tools, upid_encode).
type UPID struct {
	Node      string
	PID       uint32
	PStart    uint64 // the process's start, in clock ticks since boot
	StartedAt time.Time
	Type      string // "vzstart"
	ID        string // what it works on, mostly a VMID; may be empty
	User      string // user@realm, or user@realm!token
}

// maxUPID is far above what Proxmox makes.
const maxUPID = 512

// ParseUPID reads a UPID by Proxmox's grammar; nothing else may enter a path.
func ParseUPID(s string) (UPID, error) {
	if len(s) > maxUPID {
		return UPID{}, fmt.Errorf("a UPID of %d bytes", len(s))
	}
	rest, ok := strings.CutPrefix(s, "UPID:")
	if !ok {
		return UPID{}, fmt.Errorf("%q is no UPID", cut(s, 60))
	}
	parts := strings.Split(rest, ":")
	if len(parts) != 8 || parts[7] != "" {
		return UPID{}, fmt.Errorf("%q is no UPID: it has the wrong number of parts", cut(s, 60))
	}
	u := UPID{Node: parts[0], Type: parts[4], ID: parts[5], User: parts[6]}
	pid, err1 := hexPart(parts[1], 8, 8)
	pstart, err2 := hexPart(parts[2], 8, 9)
	start, err3 := hexPart(parts[3], 8, 8)
	if err1 != nil || err2 != nil || err3 != nil {
		return UPID{}, fmt.Errorf("%q is no UPID: a number in it is none", cut(s, 60))
	}
	if !fleet.ValidNodeName(u.Node) || !validTaskWord(u.Type) || u.Type == "" || !validTaskWord(u.ID) || !validTaskUser(u.User) {
		return UPID{}, fmt.Errorf("%q is no UPID: a name in it is none", cut(s, 60))
	}
	u.PID, u.PStart, u.StartedAt = uint32(pid), pstart, time.Unix(int64(start), 0).UTC()
	return u, nil
}

// hexPart reads min to max hexadecimal digits. Upper case is what Proxmox writes.
func hexPart(s string, minLen, maxLen int) (uint64, error) {
	if len(s) < minLen || len(s) > maxLen || strings.ToUpper(s) != s || s[0] == '+' || s[0] == '-' {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(s, 16, 64)
}

func validTaskWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || r == ':' || r == '/' || r == '\\'
	}) && s != "." && s != ".."
}

func validTaskUser(s string) bool { return s != "" && validTaskWord(s) }

// String is the UPID as Proxmox writes it; ParseUPID(u.String()) gives u back.
func (u UPID) String() string {
	return fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", u.Node, u.PID, u.PStart, u.StartedAt.Unix(), u.Type, u.ID, u.User)
}

// VMID is the guest that the task works on; ok is false when it is about something else.
func (u UPID) VMID() (id fleet.VMID, ok bool) { return fleet.ParseVMID(u.ID) }
