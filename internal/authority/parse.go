package authority

import (
	"net/netip"
	"strconv"
	"strings"

	"berth/internal/problem"
)

// Parse reads what a person typed as an address: a bare host name or IP, with
// or without a port, never a URL with a path, user or query. A pasted
// "https://pve:8006/" is understood, since that is what people copy from the
// browser. The field of the problem it may return is "address".
func Parse(typed string) (Address, error) {
	s := strings.TrimSpace(typed)
	if s == "" {
		return Address{}, problem.Field("address", "Enter the address of a Proxmox node, such as 192.168.1.10 or pve.example.org.")
	}
	if len(s) > 300 {
		return Address{}, problem.Field("address", "This address is too long.")
	}
	if rest, ok := strings.CutPrefix(s, "https://"); ok {
		s = strings.TrimSuffix(rest, "/")
	}
	if strings.Contains(s, "://") || strings.ContainsAny(s, "/@?# \t\\") {
		return Address{}, problem.Field("address", "Enter only a host name or IP address, without a path or user.")
	}
	host, port, err := split(s)
	if err != nil {
		return Address{}, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return Address{}, problem.Field("address", "An address with a zone cannot be used.")
		}
		return Address{Host: ip.String(), Port: port}, nil
	}
	if !validHostname(host) {
		return Address{}, problem.Field("address", "This is not a host name or an IP address.")
	}
	return Address{Host: strings.ToLower(strings.TrimSuffix(host, ".")), Port: port}, nil
}

func split(s string) (host string, port int, err error) {
	host, portText := s, ""
	switch {
	case strings.HasPrefix(s, "["):
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, problem.Field("address", "A closing bracket is missing in this address.")
		}
		host = s[1:end]
		if rest := s[end+1:]; rest != "" {
			if rest[0] != ':' {
				return "", 0, problem.Field("address", "After the bracket only a port may follow, such as [fd00::1]:8006.")
			}
			portText = rest[1:]
			if portText == "" {
				return "", 0, problem.Field("address", "A port number is missing after the colon.")
			}
		}
	case strings.Count(s, ":") == 1:
		host, portText, _ = strings.Cut(s, ":")
		if portText == "" {
			return "", 0, problem.Field("address", "A port number is missing after the colon.")
		}
	}
	port = DefaultPort
	if portText != "" {
		if port, err = ParsePort(portText); err != nil {
			return "", 0, err
		}
	}
	return host, port, nil
}

// ParsePort reads a port number, 1 to 65535. The field of its problem is "port".
func ParsePort(typed string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(typed))
	if err != nil || n < 1 || n > 65535 {
		return 0, problem.Field("port", "A port is a number from 1 to 65535.")
	}
	return n, nil
}

func validHostname(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return false
	}
	numeric := true
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
			if !alnum && r != '-' && r != '_' {
				return false
			}
			if r < '0' || r > '9' {
				numeric = false
			}
		}
	}
	// 10.0.0 or 2130706433 are forms of an IP address that some resolvers take; Berth does not guess.
	return !numeric
}
