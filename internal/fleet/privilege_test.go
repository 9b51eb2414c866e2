package fleet

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func perms(lines ...string) Permissions {
	p := Permissions{}
	for _, line := range lines {
		path, list, _ := strings.Cut(line, " ")
		p[path] = map[string]bool{}
		for privilege := range strings.SplitSeq(list, ",") {
			name, own := strings.CutSuffix(privilege, "=0")
			p[path][name] = !own
		}
	}
	return p
}

func TestHas(t *testing.T) {
	tests := []struct {
		name      string
		p         Permissions
		path      string
		privilege string
		want      bool
	}{
		{"listed", perms("/vms VM.Audit"), "/vms", "VM.Audit", true},
		{"not passed on still counts at its path", perms("/vms/100 VM.Audit=0"), "/vms/100", "VM.Audit", true},
		{"not passed on does not reach deeper", perms("/vms VM.Audit=0"), "/vms/100", "VM.Audit", false},
		{"inherited from the path above", perms("/ VM.Audit", "/vms VM.Audit"), "/vms/100", "VM.Audit", true},
		{"inherited over two levels", perms("/sdn SDN.Use"), "/sdn/zones/localnetwork/vmbr0", "SDN.Use", true},
		{"a deeper role replaces", perms("/ VM.Audit,VM.Console", "/vms VM.Audit", "/vms/100 VM.Console"), "/vms/100", "VM.Audit", false},
		{"a top path that is not listed has nothing, whatever the root passes on", perms("/ VM.Audit"), "/vms", "VM.Audit", false},
		{"nor has what is under it", perms("/ VM.Audit"), "/vms/100", "VM.Audit", false},
		{"a rule for the path alone lets the one above through", perms("/ VM.Audit", "/vms VM.Console=0"), "/vms/100", "VM.Audit", true},
		{"the root inherits nothing", perms("/vms VM.Audit"), "/", "VM.Audit", false},
		{"empty dump", perms(), "/vms/100", "VM.Audit", false},
		{"a similar name is no parent", perms("/pool Pool.Audit", "/pool/a Pool.Audit"), "/pools", "Pool.Audit", false},
	}
	for _, test := range tests {
		if got := test.p.Has(test.path, test.privilege); got != test.want {
			t.Errorf("%s: Has(%s, %s) = %v, want %v", test.name, test.path, test.privilege, got, test.want)
		}
	}
}

func TestThingsAreSound(t *testing.T) {
	codes := map[string]bool{}
	for _, thing := range Things() {
		if codes[thing.Code] {
			t.Errorf("code %s is there twice", thing.Code)
		}
		codes[thing.Code] = true
		if thing.Now != (thing.Loss != "") {
			t.Errorf("%s: things of now say what is lost without them, others do not", thing.Code)
		}
		if len(thing.Needs) == 0 {
			t.Errorf("%s needs nothing", thing.Code)
		}
	}
	manage := TierManage.Privileges()
	if !containsAll(manage, TierLook.Privileges()) {
		t.Error("manage has to hold look's privileges too: a deeper role replaces the one above it")
	}
	for _, privilege := range manage {
		for _, never := range []string{"Permissions.", "User.", "Realm.", "Sys.Console", "Sys.Modify", "Group.", "Sys.PowerMgmt"} {
			if strings.HasPrefix(privilege, never) {
				t.Errorf("a role of Berth's must never hold %s", privilege)
			}
		}
	}
}

func verdict(t *testing.T, p Permissions, code string) Verdict {
	t.Helper()
	for _, v := range Examine(p) {
		if v.Thing.Code == code {
			return v
		}
	}
	t.Fatalf("no thing %s", code)
	return Verdict{}
}

func TestExamine(t *testing.T) {
	auditor := "VM.Audit,Sys.Audit,Pool.Audit,SDN.Audit,Datastore.Audit"
	whole := perms("/ "+auditor, "/vms "+auditor, "/nodes "+auditor, "/pool "+auditor, "/sdn "+auditor, "/storage "+auditor)
	tests := []struct {
		name  string
		p     Permissions
		code  string
		reach Reach
		lacks string
		only  string
	}{
		{"auditor sees", whole, "containers", Everywhere, "", ""},
		{"auditor sees bridges by either privilege", whole, "bridges", Everywhere, "", ""},
		{"auditor may not start", whole, "power", Nowhere, "VM.PowerMgmt on /vms", ""},
		{"nothing granted", perms(), "containers", Nowhere, "VM.Audit on /vms", ""},
		{"one container, by its pool", perms("/pool/team Pool.Audit,VM.Audit", "/vms/100 VM.Audit=0"), "containers", Somewhere, "VM.Audit on /vms", "/vms/100"},
		{"all but one", perms("/vms VM.Audit", "/vms/107 VM.Console"), "containers", Somewhere, "VM.Audit on /vms/107", ""},
		{"one node of several", perms("/nodes/pve1 Sys.Audit"), "node-numbers", Somewhere, "Sys.Audit on /nodes", "/nodes/pve1"},
		{"the root itself", perms("/nodes Sys.Audit", "/vms Sys.Audit"), "changes", Nowhere, "Sys.Audit on /", ""},
		{"a missing half makes the whole impossible", perms("/vms VM.Config.Disk", "/storage/fast Datastore.Audit"), "resize", Nowhere, "Datastore.AllocateSpace on /storage", ""},
		{"space on one storage", perms("/vms VM.Config.Disk", "/storage/fast Datastore.AllocateSpace"), "resize", Somewhere, "Datastore.AllocateSpace on /storage", "/storage/fast"},
	}
	for _, test := range tests {
		v := verdict(t, test.p, test.code)
		var lacks []string
		for _, l := range v.Lacks {
			lacks = append(lacks, l.String())
		}
		if v.Reach != test.reach || strings.Join(lacks, "; ") != test.lacks || strings.Join(v.Only, " ") != test.only {
			t.Errorf("%s: %s: %s, lacks %q, only %q; want %s, %q, %q", test.name, test.code, v.Reach, lacks, v.Only, test.reach, test.lacks, test.only)
		}
	}
}

func TestExamineBoundsAFloodOfPaths(t *testing.T) {
	p := perms("/vms VM.Audit")
	for i := range 5000 {
		p["/vms/"+VMID(100+i).String()] = map[string]bool{"VM.Console": true}
	}
	if v := verdict(t, p, "containers"); len(v.Lacks) > maxPaths {
		t.Errorf("%d lacks named", len(v.Lacks))
	}
}

func TestGrantCommands(t *testing.T) {
	const role = "pveum role add BerthLook 2>/dev/null; " +
		"pveum role modify BerthLook --privs 'Datastore.Audit,Pool.Audit,SDN.Audit,Sys.Audit,VM.Audit' --append 1"
	looking := func(p Permissions) []Verdict {
		return slices.DeleteFunc(Examine(p), func(v Verdict) bool { return !v.Thing.Now || v.Thing.Tier != TierLook })
	}
	acl := func(lines []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.HasPrefix(l, "pveum role") }), "\n")
	}

	fresh := GrantCommands("root@pam!berth", perms(), looking(perms()))
	if want := []string{role, "pveum acl modify / --tokens 'root@pam!berth' --roles BerthLook"}; !slices.Equal(fresh, want) {
		t.Errorf("a token without anything gets\n%s\nwant\n%s", strings.Join(fresh, "\n"), strings.Join(want, "\n"))
	}

	p := perms("/ Sys.Audit,VM.Audit", "/vms VM.PowerMgmt", "/nodes Sys.Audit", "/pool Pool.Audit")
	got := acl(GrantCommands("root@pam!berth", p, looking(p)))
	if want := "pveum acl modify /vms --tokens 'root@pam!berth' --roles BerthManage"; got != want {
		t.Errorf("a path that has more than look already gets\n%s\nwant (so that nothing is taken away)\n%s", got, want)
	}

	p = perms("/ Sys.Audit", "/vms VM.Audit", "/nodes Sys.Audit", "/pool Pool.Audit", "/sdn SDN.Audit", "/storage Datastore.Audit")
	all := GrantCommands("a b@pve!x1", p, Examine(p))
	if len(all) != 0 {
		t.Errorf("an id that Proxmox would not take got commands: %q", all)
	}
	got = acl(GrantCommands("root@pam!berth", p, Examine(p)))
	want := "pveum acl modify /sdn/zones/localnetwork --tokens 'root@pam!berth' --roles BerthManage\n" +
		"pveum acl modify /storage --tokens 'root@pam!berth' --roles BerthManage\n" +
		"pveum acl modify /vms --tokens 'root@pam!berth' --roles BerthManage"
	if got != want {
		t.Errorf("all things:\n%s\nwant\n%s", got, want)
	}

	// After the lines are run, nothing is missing: each path's role as Proxmox would evaluate it.
	after := Permissions{}
	for path, own := range p {
		after[path] = own
	}
	for _, g := range missingGrants(p, Examine(p)) {
		tier := TierLook
		if g.Role == TierManage.Role() {
			tier = TierManage
		}
		after[g.Path] = map[string]bool{}
		for _, privilege := range tier.Privileges() {
			after[g.Path][privilege] = true
		}
	}
	for _, v := range Examine(after) {
		if v.Reach != Everywhere {
			t.Errorf("after the commands %s still lacks %v", v.Thing.Code, v.Lacks)
		}
	}
}

func TestCommandsWithHostileWords(t *testing.T) {
	p := perms("/vms VM.Audit", "/vms/1;reboot VM.Console", "/vms/$(id) VM.Console", "/vms/\x1b[2J VM.Console", "/vms/it's VM.Console")
	lines := strings.Join(GrantCommands("o'neil;x@pve!be", p, []Verdict{verdict(t, p, "containers")}), "\n")
	for _, want := range []string{`'/vms/1;reboot'`, `'/vms/$(id)'`, `'/vms/it'\''s'`, `'o'\''neil;x@pve!be'`} {
		if !strings.Contains(lines, want) {
			t.Errorf("%s is not quoted in\n%s", want, lines)
		}
	}
	if strings.Contains(lines, "\x1b") {
		t.Error("a control character reached a command")
	}
	if got, want := RemoveTokenCommand("-rf@pam!x1"), "pveum user token remove '-rf@pam' x1"; got != want {
		t.Errorf("RemoveTokenCommand = %s, want %s", got, want)
	}
}

func TestParseTokenID(t *testing.T) {
	good := []string{"root@pam!berth", "a@b@pve!x1", "o'neil@pve!T.o_k-1"}
	bad := []string{"", "root@pam", "root!berth", "@pam!berth", "root@pam!", "root@pam!1x", "root@pam!x", "root@pam!a b", "ro ot@pam!berth", "root@pam!a!b", "root@p:m!berth",
		"ro\x1bot@pam!berth", "ro\u202eot@pam!berth", "root@pam!berth=secret", "root:x@pam!berth", strings.Repeat("a", 200) + "@pam!berth"}
	for _, id := range good {
		if _, _, ok := ParseTokenID(id); !ok {
			t.Errorf("%q was refused", id)
		}
	}
	for _, id := range bad {
		if _, _, ok := ParseTokenID(id); ok {
			t.Errorf("%q was taken", id)
		}
	}
}

func TestCompare(t *testing.T) {
	grants := TierLook.Grants(nil)
	if lacks := Compare(perms("/ Sys.Audit,VM.Audit,Pool.Audit,SDN.Audit"), grants); len(lacks) != 1 || lacks[0].String() != "Datastore.Audit on /" {
		t.Errorf("lacks = %v", lacks)
	}
	if got := TierManage.Grants([]string{"team"}); !slices.Equal(got, []Grant{{"/pool/team", "BerthManage"}}) {
		t.Errorf("grants for a pool = %v", got)
	}
}

// The evaluation agrees with what a real cluster answered.
func TestRecordedPermissions(t *testing.T) {
	dumps := recordedPermissions(t)
	tests := []struct {
		key   string
		code  string
		reach Reach
	}{
		{"gzip-deflate-br root-token", "create", Everywhere},
		{"gzip-deflate-br root-token", "changes", Everywhere},
		{"privsep-permissions-no-acl privsep-token", "containers", Nowhere},
		{"privsep-permissions-full-acl privsep-token", "containers", Everywhere},
		{"privsep-permissions-full-acl privsep-token", "node-numbers", Somewhere},
		{"privsep-permissions-full-acl privsep-token", "changes", Nowhere},
		{"privsep-permissions-full-acl privsep-token", "create", Somewhere}, // space on one storage only
		{"viewer-token-pool-only-permissions viewer-token", "containers", Somewhere},
		{"viewer-token-pool-only-permissions viewer-token", "power", Nowhere},
		{"viewer-token-pool-only-permissions viewer-token", "pools", Somewhere},
	}
	for _, test := range tests {
		p, ok := dumps[test.key]
		if !ok {
			t.Errorf("no recording %q", test.key)
			continue
		}
		if v := verdict(t, p, test.code); v.Reach != test.reach {
			t.Errorf("%s: %s is %s (lacks %v, only %v), want %s", test.key, test.code, v.Reach, v.Lacks, v.Only, test.reach)
		}
	}
}

func recordedPermissions(t *testing.T) map[string]Permissions {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "pve", "recorded-live-9.2.jsonl.gz"))
	if err != nil {
		t.Skipf("the recordings are not here: %v", err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	dumps := map[string]Permissions{}
	lines := bufio.NewScanner(unpacked)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var exchange struct {
			Case, As, Path string
			Query          map[string]any
			Body           json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &exchange); err != nil || exchange.Path != "/access/permissions" || len(exchange.Query) > 0 {
			continue
		}
		var body struct{ Data map[string]map[string]int }
		if err := json.Unmarshal(exchange.Body, &body); err != nil {
			t.Fatal(err)
		}
		p := Permissions{}
		for path, privileges := range body.Data {
			p[path] = map[string]bool{}
			for privilege, propagate := range privileges {
				p[path][privilege] = propagate == 1
			}
		}
		dumps[exchange.Case+" "+exchange.As] = p
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return dumps
}

func TestRelevantSaysTheSame(t *testing.T) {
	for key, p := range recordedPermissions(t) {
		for i, v := range Examine(p.Relevant()) {
			if want := Examine(p)[i]; v.Reach != want.Reach || len(v.Lacks) != len(want.Lacks) {
				t.Errorf("%s: %s is %s of the relevant part, %s of the whole", key, v.Thing.Code, v.Reach, want.Reach)
			}
		}
	}
}

func TestRelevantIsBounded(t *testing.T) {
	p := perms("/ VM.Audit,Mapping.Audit", "/vms Mapping.Audit", "vms VM.Audit", "/vms/\x1b[2J VM.Audit", "/"+strings.Repeat("x", 500)+" VM.Audit")
	for i := range 5000 {
		p["/vms/"+VMID(100+i).String()] = map[string]bool{"VM.Audit": true}
	}
	r := p.Relevant()
	if len(r) != maxKeptPaths {
		t.Errorf("%d paths are kept", len(r))
	}
	if _, ok := r["/"]["Mapping.Audit"]; ok || !r.Has("/", "VM.Audit") || r.Has("/vms", "VM.Audit") {
		t.Errorf("kept %v and %v", r["/"], r["/vms"])
	}
	for path := range r {
		if !strings.HasPrefix(path, "/") || strings.ContainsRune(path, '\x1b') || len(path) > maxPathLength {
			t.Errorf("kept the path %q", path)
		}
	}
}
