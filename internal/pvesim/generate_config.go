package pvesim

import (
	"fmt"
	"time"
)

// notes that people write, with markup as PVE's web page takes it.
var usualNotes = []string{
	"# %s\n\nSet up by hand in spring. Configuration is under `/etc/%[1]s`.\n\n- backups: **nightly**, kept for 14 days\n- ask Robin before a reboot",
	"Reached at https://%s.lan (behind the proxy).\nPasswords: see the vault.",
	"%s: *do not* stop during the day!\n\n| what | where |\n|---|---|\n| data | /srv/data |\n| logs | /var/log |",
	"Moved from the old host in 2024; 100%% = ok <br> & still to do: \"cleanup\"",
}

// furnish gives a usual container what its owner would have set over the years:
// notes, an order of starting, protection, more disks and addresses, a change
// that waits for a restart. Large fleets are without HA, which starts and stops
// in its own time.
func furnish(cs *ContainerSpec, seed uint64, withHA bool) {
	chance := func(n uint64) float64 { return unit(seed, n) }
	cs.Config, cs.Pending = map[string]string{}, map[string]string{}
	if chance(11) < 0.35 {
		note := usualNotes[mix(seed, 12)%uint64(len(usualNotes))]
		cs.Description = note
		if mix(seed, 12)%uint64(len(usualNotes)) != 3 {
			cs.Description = fmt.Sprintf(note, cs.Name)
		}
	}
	if chance(13) < 0.3 {
		cs.Config["startup"] = fmt.Sprintf("order=%d,up=%d,down=%d", 1+mix(seed, 14)%5, 10*(1+mix(seed, 15)%6), 60)
	}
	cs.Protection = chance(16) < 0.12
	if chance(17) < 0.25 {
		cs.Config["mp0"] = fmt.Sprintf("local-lvm:vm-%d-disk-1,mp=/srv/data,backup=1,size=%dG", cs.VMID, 10*(1+mix(seed, 18)%20))
	}
	if chance(17) < 0.06 {
		cs.Config["mp1"] = "/mnt/tank/media,mp=/media,ro=1"
	}
	if chance(19) < 0.15 {
		cs.Config["net1"] = fmt.Sprintf("name=eth1,bridge=vmbr1,ip=10.88.%d.%d/24,ip6=auto,tag=%d", mix(seed, 20)%8, 10+cs.VMID%200, 10+mix(seed, 20)%90)
	}
	if chance(21) < 0.1 {
		cs.Config["dev0"] = "/dev/dri/renderD128,gid=104"
	}
	if chance(22) < 0.08 {
		cs.Config["hookscript"] = "local:snippets/notify.sh"
	}
	if chance(23) < 0.1 {
		cs.Config["nameserver"], cs.Config["searchdomain"] = "10.77.0.53", "lan"
	}
	if cs.Running && chance(24) < 0.12 {
		cs.Pending["features"] = "nesting=1,keyctl=1"
		if chance(25) < 0.4 {
			cs.Pending["nameserver"] = "10.77.0.1"
		}
	}
	if withHA && chance(26) < 0.1 {
		cs.HA = map[bool]string{true: "started", false: "stopped"}[cs.Running]
	}
	cs.Docker = chance(27) < 0.25
	if chance(28) < 0.15 {
		cs.History = time.Duration(1+mix(seed, 29)%40) * 24 * time.Hour
	}
}
