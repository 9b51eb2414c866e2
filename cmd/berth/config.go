package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// DataOptions say where Berth remembers. Every command that touches the store has them.
type DataOptions struct {
	Data     string `help:"Folder of the embedded database and the key." default:"berth-data" type:"path" env:"BERTH_DATA"`
	Database string `help:"A postgres:// URL, to use PostgreSQL instead of the embedded database." env:"BERTH_DATABASE"`
	KeyFile  string `help:"File with the key that seals secrets. Default: berth.key in the data folder." type:"path" env:"BERTH_KEY_FILE"`

	ownKey bool // the file's key alone counts, whatever the environment has
}

// LogOptions say how Berth talks to its operator.
type LogOptions struct {
	LogFormat string     `help:"text or json." enum:"text,json" default:"text" env:"BERTH_LOG_FORMAT"`
	LogLevel  slog.Level `help:"debug, info, warn or error." default:"info" env:"BERTH_LOG_LEVEL"`
}

func (o LogOptions) logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: o.LogLevel}
	if o.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// HTTPOptions say how browsers reach Berth.
type HTTPOptions struct {
	Listen       string         `help:"Address to listen on." default:"127.0.0.1:8080" env:"BERTH_LISTEN"`
	PublicURL    *url.URL       `name:"public-url" help:"The address that people type, such as https://berth.example.org." env:"BERTH_PUBLIC_URL"`
	AllowedHost  []string       `help:"Further host names to answer to, beside the public URL's." env:"BERTH_ALLOWED_HOST"`
	TLSCert      string         `help:"Certificate file (PEM). Without one, Berth makes a self-signed certificate where it needs HTTPS." type:"path" env:"BERTH_TLS_CERT"`
	TLSKey       string         `help:"Key file of the certificate (PEM)." type:"path" env:"BERTH_TLS_KEY"`
	TrustedProxy []netip.Prefix `help:"Address ranges of reverse proxies whose X-Forwarded headers count." env:"BERTH_TRUSTED_PROXY"`

	MetricsListen    string `help:"Loopback address for /metrics without a token." env:"BERTH_METRICS_LISTEN"`
	MetricsTokenFile string `help:"File with a bearer token that opens /metrics on the main address." type:"path" env:"BERTH_METRICS_TOKEN_FILE"`
}

// scheme reports whether Berth itself speaks TLS: always, except on loopback
// without a certificate and behind a declared proxy.
func (o HTTPOptions) ownTLS() bool {
	if o.TLSCert != "" {
		return true
	}
	return len(o.TrustedProxy) == 0 && !isLoopback(o.Listen)
}

func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Validate is called by kong after parsing.
func (o HTTPOptions) Validate() error {
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		return fmt.Errorf("--listen: %q is not host:port, such as 127.0.0.1:8080", o.Listen)
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if u := o.PublicURL; u != nil {
		if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return fmt.Errorf("--public-url: %q has to be like https://berth.example.org, without a path", u)
		}
	}
	if u := o.PublicURL; u != nil && u.Scheme == "https" && !o.ownTLS() && len(o.TrustedProxy) == 0 {
		return errors.New("--public-url is https, but Berth speaks plain HTTP on loopback and knows of no proxy in front of it: " +
			"declare that one with --trusted-proxy (such as 127.0.0.1/32), or give Berth a certificate with --tls-cert and --tls-key")
	}
	if o.MetricsListen != "" && !isLoopback(o.MetricsListen) {
		return errors.New("--metrics-listen has to be a loopback address; use --metrics-token-file to open /metrics further")
	}
	return nil
}

// WatchOptions bound what Berth may connect to, and how long sessions live.
type WatchOptions struct {
	AllowNode       []string      `help:"Address ranges, as CIDR or CIDR:port, that nodes may have although they are refused by default (loopback, other ports)." env:"BERTH_ALLOW_NODE"`
	OnlyAllowed     bool          `name:"only-allow-node" help:"Nodes may have no other addresses than those of --allow-node." env:"BERTH_ONLY_ALLOW_NODE"`
	SessionIdle     time.Duration `help:"A session ends after this time without use." default:"24h" env:"BERTH_SESSION_IDLE"`
	SessionLife     time.Duration `help:"A session ends after this time in any case." default:"168h" env:"BERTH_SESSION_LIFE"`
	WorkOptions     `embed:""`
	TemplateOptions `embed:""`
}

// TemplateOptions say where templates may be imported from.
type TemplateOptions struct {
	ImportRoot string `help:"Folder whose folders administrators may import templates from. Without it only uploads are imported." type:"existingdir" env:"BERTH_IMPORT_ROOT"`
}

// envFile resolves flags from a file of the same NAME=value lines that the
// environment has, so that one list of names serves flags, environment, the
// file, and systemd's EnvironmentFile. The environment wins over the file.
func envFile(r io.Reader) (kong.Resolver, error) {
	values := map[string]string{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || !strings.HasPrefix(name, "BERTH_") {
			return nil, fmt.Errorf("line %d: want BERTH_NAME=value", n)
		}
		values[name] = strings.Trim(strings.TrimSpace(value), `"'`)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil
			}
			if value, ok := values[name]; ok {
				return value, nil
			}
		}
		return nil, nil
	}), nil
}
