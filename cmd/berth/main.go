// Command berth is the dashboard: serve runs it, demo shows it beside a
// simulated Proxmox, the rest are an operator's tools that need the data folder
// alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"berth/internal/problem"
)

// CLI is every command and flag; what kong reads from it is the one list of names.
type CLI struct {
	Config kong.ConfigFlag `help:"File of BERTH_NAME=value lines." env:"BERTH_CONFIG" type:"path"`

	Serve     ServeCmd     `cmd:"" help:"Run Berth."`
	Demo      DemoCmd      `cmd:"" help:"Run Berth beside a simulated Proxmox, in a temporary folder."`
	SetupLink SetupLinkCmd `cmd:"" help:"Print a new one-time set-up link; the one before is void."`
	Admin     AdminCmd     `cmd:"" help:"List and change administrators, on the data alone."`
	Audit     AuditCmd     `cmd:"" help:"Check the audit trail."`
	Template  TemplateCmd  `cmd:"" help:"Check, import and export templates."`
	Key       KeyCmd       `cmd:"" help:"Make a key, or seal all secrets anew with another."`
	Version   VersionCmd   `cmd:"" help:"Print the version."`
}

func main() {
	spendMemory()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "berth: "+sentence(err))
		os.Exit(1)
	}
}

// streams are where a command prints; tests give their own.
type streams struct {
	out, err io.Writer
}

// run is the true program: main and the tests start it alike.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var cli CLI
	parser, err := kong.New(&cli,
		kong.Name("berth"),
		kong.Description("A dashboard for Linux containers on Proxmox VE."),
		kong.UsageOnError(),
		kong.Configuration(envFile),
		kong.Writers(stdout, stderr),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		var usage *kong.ParseError
		if errors.As(err, &usage) {
			return fmt.Errorf("%w (see berth --help)", err)
		}
		return err
	}
	return command.Run()
}

func sentence(err error) string {
	if p := problem.Of(err); p != nil {
		return p.Sentence()
	}
	return err.Error()
}
