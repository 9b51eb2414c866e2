package lint

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"berth/internal/template"
)

// asking are commands that ask somebody, unless one of the words is given. A
// word that begins with a hyphen and has one letter counts also in a cluster (-qy).
var asking = []struct {
	command string
	action  []string // first word behind options; none: any
	unless  []string
	remedy  string
}{
	{"apt-get", []string{"install", "upgrade", "dist-upgrade", "full-upgrade", "remove", "purge", "autoremove"}, []string{"-y", "--yes", "--assume-yes", "-qq"}, "Add -y."},
	{"apt", []string{"install", "upgrade", "full-upgrade", "remove", "purge", "autoremove"}, []string{"-y", "--yes", "--assume-yes", "-qq"}, "Add -y."},
	{"dnf", []string{"install", "upgrade", "update", "remove"}, []string{"-y", "--assumeyes"}, "Add -y."},
	{"yum", []string{"install", "upgrade", "update", "remove"}, []string{"-y", "--assumeyes"}, "Add -y."},
	{"add-apt-repository", nil, []string{"-y", "--yes"}, "Add -y."},
	{"adduser", nil, []string{"--disabled-password", "--disabled-login", "--system", "-D"}, "Use useradd, or add --disabled-password --gecos ''."},
	{"passwd", nil, []string{"-l", "-u", "-d", "-e", "--lock", "--delete", "--expire", "--stdin", "-S"}, "Pipe user:password to chpasswd."},
	{"mysql_secure_installation", nil, []string{"--use-default"}, "Do its steps with mysql."},
	{"dpkg-reconfigure", nil, []string{"-f", "--frontend", "-fnoninteractive"}, "Add -f noninteractive."},
	{"ssh-keygen", nil, []string{"-N", "-A", "-l", "-y", "-R", "-F", "-B"}, "Add -N '' and -f with a file."},
	{"ufw", []string{"enable", "reset"}, []string{"--force"}, "Write ufw --force enable."},
	{"certbot", nil, []string{"-n", "--non-interactive", "--noninteractive", "renew"}, "Add --non-interactive --agree-tos."},
	{"npm", []string{"init"}, []string{"-y", "--yes"}, "Add -y."},
	{"vi", nil, nil, "Put the text into a file of the template, or change it with sed."},
	{"vim", nil, []string{"-es", "-s"}, "Put the text into a file of the template, or change it with sed."},
	{"nano", nil, nil, "Put the text into a file of the template, or change it with sed."},
	{"visudo", nil, []string{"-c"}, "Put a file into /etc/sudoers.d."},
	{"less", nil, nil, "Write it with cat."},
	{"more", nil, nil, "Write it with cat."},
	{"top", nil, []string{"-b"}, ""},
	{"htop", nil, nil, ""},
	{"whiptail", nil, nil, "Ask with an input of the template."},
	{"dialog", nil, nil, "Ask with an input of the template."},
}

// plainCommand is a command's words without sudo, env and the like in front.
func plainCommand(c *syntax.CallExpr) []string {
	words := literals(c.Args)
	for len(words) > 1 {
		switch path.Base(words[0]) {
		case "sudo", "env", "nice", "ionice", "nohup", "command", "exec", "time":
			words = words[1:]
			for len(words) > 0 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
				words = words[1:]
			}
			continue
		}
		break
	}
	if len(words) > 0 {
		words[0] = path.Base(words[0])
	}
	return words
}

// prompt finds commands that wait for an answer.
func (w *walker) prompt(c *syntax.CallExpr) {
	words := plainCommand(c)
	if len(words) == 0 {
		return
	}
	if words[0] == "read" {
		if !w.hasInput() && !slices.ContainsFunc(words, func(s string) bool { return strings.HasPrefix(s, "-t") || strings.HasPrefix(s, "-u") }) {
			w.say(template.Warning, "prompt", c, "read waits for a line, and nobody is there to type it.", "Ask with an input of the template.")
		}
		return
	}
	for _, a := range asking {
		if words[0] != a.command || !acts(words[1:], a.action) {
			continue
		}
		if slices.ContainsFunc(a.unless, func(option string) bool { return given(words[1:], option) }) {
			continue
		}
		if strings.HasPrefix(words[0], "dpkg-") && setsFrontend(c) || w.hasInput() {
			continue
		}
		w.say(template.Warning, "prompt", c, words[0]+" asks here and waits for an answer that nobody gives.", a.remedy)
	}
}

func acts(words, actions []string) bool {
	if len(actions) == 0 {
		return true
	}
	for _, word := range words {
		if slices.Contains(actions, word) {
			return true
		}
	}
	return false
}

func given(words []string, option string) bool {
	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		if name == option {
			return true
		}
		cluster := len(option) == 2 && option[0] == '-' && len(word) > 2 && word[0] == '-' && word[1] != '-'
		if cluster && strings.IndexByte(word[1:], option[1]) >= 0 {
			return true
		}
	}
	return false
}

func setsFrontend(c *syntax.CallExpr) bool {
	return slices.ContainsFunc(c.Assigns, func(a *syntax.Assign) bool { return a.Name != nil && a.Name.Value == "DEBIAN_FRONTEND" })
}

var (
	shells      = []string{"sh", "bash", "dash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node", "php"}
	downloaders = []string{"curl", "wget", "fetch"}
	// pinned is a URL that names one version or commit: its content may still change, but not by a release.
	pinned = regexp.MustCompile(`/(v?\d+\.\d+(\.\d+)?[^/]*|[0-9a-f]{40})(/|$)`)
)

// pipe finds downloads that run unseen: curl … | sh.
func (w *walker) pipe(b *syntax.BinaryCmd) {
	if b.Op != syntax.Pipe && b.Op != syntax.PipeAll {
		return
	}
	to, ok := b.Y.Cmd.(*syntax.CallExpr)
	if !ok {
		return
	}
	if words := plainCommand(to); len(words) == 0 || !slices.Contains(shells, words[0]) {
		return
	}
	if from := w.downloadIn(b.X); from != nil {
		w.download(from)
	}
}

// runsDownload finds bash <(curl …), bash -c "$(curl …)", eval "$(curl …)" and source <(curl …).
func (w *walker) runsDownload(c *syntax.CallExpr) {
	words := plainCommand(c)
	if len(words) == 0 || !slices.Contains(shells, words[0]) && !slices.Contains([]string{"eval", "source", "."}, words[0]) {
		return
	}
	for _, arg := range c.Args[1:] {
		if from := w.downloadIn(arg); from != nil {
			w.download(from)
			return
		}
	}
}

// downloadIn finds the first download within a node.
func (l *linter) downloadIn(n syntax.Node) (found *syntax.CallExpr) {
	syntax.Walk(n, func(n syntax.Node) bool {
		if !l.step() {
			return false
		}
		if c, ok := n.(*syntax.CallExpr); ok && found == nil {
			if words := plainCommand(c); len(words) > 0 && slices.Contains(downloaders, words[0]) {
				found = c
			}
		}
		return found == nil
	})
	return found
}

func (w *walker) download(c *syntax.CallExpr) {
	fixed := slices.ContainsFunc(literals(c.Args), func(s string) bool { return strings.Contains(s, "://") && pinned.MatchString(s) })
	w.say(levelOf(!fixed), "download", c, "What is downloaded here runs as root without being looked at, and may be another tomorrow.",
		"Save it to a file, compare its checksum with sha256sum -c, and run it then.")
}

// hosts finds what only the node can do.
func (w *walker) hosts(c *syntax.CallExpr) {
	words := plainCommand(c)
	if len(words) == 0 {
		return
	}
	switch words[0] {
	case "modprobe", "insmod", "rmmod", "swapon", "swapoff":
		w.outside(c, words[0])
	case "pct", "qm", "pvesh", "pveum":
		w.say(template.Warning, "outside", c, words[0]+" is a command of the node; there is none in a container.", "Take it out: scripts run inside of the container.")
	}
}
