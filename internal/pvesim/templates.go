package pvesim

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

var templateEndpoints = []endpoint{
	{method: "GET", path: "/nodes/{node}/aplinfo", perm: anybody, onNode: true, serve: listAppliances, params: []param{nodeParam}},
	{method: "POST", path: "/nodes/{node}/aplinfo", perm: makesTemplates, onNode: true, protected: true, serve: downloadAppliance, params: []param{nodeParam, storageParam, str("template").upTo(255)}},
	{method: "POST", path: "/nodes/{node}/storage/{storage}/download-url", perm: both(makesTemplates, seesNetwork), onNode: true, protected: true, serve: downloadURL, params: []param{
		nodeParam, storageParam, optStr("checksum").with("checksum-algorithm"), optStr("checksum-algorithm").of("md5", "sha1", "sha224", "sha256", "sha384", "sha512").with("checksum"),
		optStr("compression"), str("content").as("pve-storage-content").of("iso", "vztmpl", "import"), str("filename").upTo(255), str("url").like("https?://.*"), optBool("verify-certificates"),
	}},
}

// appliances are OS templates that a node can download.
var appliances = append(slices.Clone(usualTemplates), "almalinux-9-default_20240911_amd64.tar.xz", "archlinux-base_20240911-1_amd64.tar.zst", "fedora-42-default_20250428_amd64.tar.xz",
	"opensuse-15.6-default_20240910_amd64.tar.xz", "rockylinux-9-default_20240912_amd64.tar.xz")

const templateSite = "http://download.proxmox.com/images/system"

func listAppliances(cl *call) (any, error) {
	rows := []obj{}
	for _, name := range appliances {
		if strings.HasPrefix(name, "busybox") {
			continue // somebody's own
		}
		pkg, rest, _ := strings.Cut(name, "_")
		version, _, _ := strings.Cut(rest, "_")
		os := strings.Join(strings.SplitN(pkg, "-", 3)[:2], "-")
		sum := sha512.Sum512([]byte(name))
		rows = append(rows, obj{
			{"template", name}, {"package", pkg}, {"version", version}, {"os", os}, {"section", "system"}, {"type", "lxc"}, {"architecture", "amd64"}, {"source", templateSite},
			{"location", templateSite + "/" + name}, {"sha512sum", hex.EncodeToString(sum[:])}, {"maintainer", "Proxmox Support Team <support@proxmox.com>"},
			{"infopage", "https://linuxcontainers.org"}, {"headline", "LXC default image for " + os}, {"description", "LXC default image for " + os + "\n"},
		})
	}
	shuffle(rows)
	return rows, nil
}

func downloadAppliance(cl *call) (any, error) {
	name := cl.args["template"]
	if !slices.Contains(appliances, name) {
		return nil, badParam("template", "no such template")
	}
	s, err := cl.storageOf(cl.args["storage"])
	if err != nil {
		return nil, err
	}
	if !s.holds("vztmpl") {
		return nil, failed("storage '%s' does not support templates", s.ID)
	}
	return cl.download(s, "", name, templateSite+"/"+name), nil
}

func downloadURL(cl *call) (any, error) {
	s, err := cl.storageOf(cl.args["storage"])
	if err != nil {
		return nil, err
	}
	content, name := cl.args["content"], cl.args["filename"]
	if !s.holds(content) {
		return nil, badParam("storage", fmt.Sprintf("storage '%s' is not configured for content-type '%s'", s.ID, content))
	}
	fits := map[string][]string{"vztmpl": {".tar.gz", ".tar.xz", ".tar.zst", ".tar"}, "iso": {".iso", ".img"}, "import": {".ova", ".qcow2", ".raw", ".vmdk"}}[content]
	if !slices.ContainsFunc(fits, func(end string) bool { return strings.HasSuffix(strings.ToLower(name), end) }) {
		return nil, badParam("filename", "wrong file extension")
	}
	return cl.download(s, name, name, cl.args["url"]), nil
}

// download is the task that fetches a file; only OS templates are kept.
func (cl *call) download(s *storage, id, name, from string) string {
	file := s.Path + "/template/cache/" + name
	begun := func(t *task, _ time.Time) string {
		t.say("downloading %s to %s", from, file)
		return ""
	}
	done := func(t *task, _ time.Time) string {
		t.say("download of '%s' to '%s' finished", from, file)
		if contentOf(s.ID+":vztmpl/"+name) == "vztmpl" && strings.Contains(name, ".tar") && !slices.Contains(s.templates, name) {
			s.templates = append(s.templates, name)
		}
		return ""
	}
	return cl.cluster.begin(cl.node, "download", id, cl.who, cl.at, work{plan: []step{{do: begun}, {takes: 5 * time.Second, do: done}}}).upid
}
