// Command pvesim runs Proxmox VE nodes that are not there, for trying Berth and
// for tests. It prints where they listen and how to sign in, and runs until it
// is interrupted.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"berth/internal/pvesim"
)

type options struct {
	Clusters   int           `help:"Number of clusters; 0 is the default fleet (cluster lab of three, host attic)."`
	Nodes      int           `default:"3" help:"Nodes of each cluster; 1 makes standalone hosts."`
	Containers int           `default:"30" help:"Containers of each cluster, spread over its nodes."`
	Seed       int64         `default:"1" help:"The same seed gives the same fleet."`
	Print      string        `enum:"text,json" default:"text" help:"How to print addresses and credentials: ${enum}."`
	ListenBase string        `help:"Give each node a loopback address of its own, counted up after this one (as 127.77.0.0), all on one port."`
	Port       int           `help:"The port with --listen-base; 0 takes a free one."`
	Control    string        `help:"Serve the control address here, as 127.0.0.1:0; empty for none."`
	TaskTime   float64       `default:"1" help:"Factor on the time that tasks take."`
	CallTime   float64       `default:"1" help:"Factor on the time that calls themselves take."`
	Life       time.Duration `help:"About so often something happens by itself, as 30s: backups, reboots, moves; 0 for never."`
	AuthDelay  string        `default:"3s" help:"Delay before each 401."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("pvesim"), kong.Description("Proxmox VE nodes that are not there."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pvesim:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	sim, err := pvesim.Start(cfg)
	if err != nil {
		return err
	}
	defer sim.Close()
	control := ""
	if o.Control != "" {
		if control, err = sim.Control(o.Control); err != nil {
			return err
		}
	}
	if err := report(out, o.Print, control, sim); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (o options) config() (pvesim.Config, error) {
	cfg := pvesim.Config{Seed: o.Seed, TaskTime: o.TaskTime, CallTime: o.CallTime, Life: o.Life, Clusters: o.fleet()}
	delay, err := time.ParseDuration(o.AuthDelay)
	if err != nil {
		return cfg, fmt.Errorf("--auth-delay: %w", err)
	}
	if cfg.AuthDelay = delay; delay == 0 {
		cfg.AuthDelay = -1
	}
	if o.ListenBase != "" {
		if cfg.Listen, err = pvesim.OwnAddresses(o.ListenBase, o.Port); err != nil {
			return cfg, fmt.Errorf("--listen-base: %w", err)
		}
	}
	return cfg, nil
}

// fleet spreads the containers evenly; nil stands for the default fleet.
func (o options) fleet() []pvesim.ClusterSpec {
	var fleet []pvesim.ClusterSpec
	for i := range o.Clusters {
		c := pvesim.ClusterSpec{Name: fmt.Sprintf("cluster%03d", i+1), Standalone: o.Nodes == 1}
		for n := range o.Nodes {
			count := o.Containers / o.Nodes
			if n < o.Containers%o.Nodes {
				count++
			}
			c.Nodes = append(c.Nodes, pvesim.NodeSpec{Name: fmt.Sprintf("pve%d", n+1), CPUs: 16, MemGiB: 64, Containers: count})
		}
		fleet = append(fleet, c)
	}
	return fleet
}

// nodeReport and clusterReport are what --print json prints.
type nodeReport struct {
	Name        string `json:"name"`
	Address     string `json:"address"`
	Fingerprint string `json:"fingerprint"`
}

type clusterReport struct {
	Name     string       `json:"name"`
	Version  string       `json:"version"`
	Nodes    []nodeReport `json:"nodes"`
	User     string       `json:"user"`
	Password string       `json:"password"`
	Token    string       `json:"token"` // USER@REALM!ID=SECRET, may see everything
	CA       string       `json:"ca"`
}

func report(out io.Writer, format, control string, sim *pvesim.Sim) error {
	var list []clusterReport
	for _, c := range sim.Clusters() {
		secret := c.AddToken("root@pam", "look", pvesim.TokenSpec{PrivSep: true, ACL: []pvesim.ACLSpec{{Path: "/", Role: "PVEAuditor"}}})
		r := clusterReport{Name: c.Name(), Version: c.Version(), User: "root@pam", Password: c.Password("root@pam"),
			Token: "root@pam!look=" + secret, CA: string(c.CAPEM())}
		for _, n := range c.Nodes() {
			r.Nodes = append(r.Nodes, nodeReport{n.Name(), n.Addr(), n.Fingerprint()})
		}
		list = append(list, r)
	}
	if format == "json" {
		return json.NewEncoder(out).Encode(map[string]any{"clusters": list, "control": control})
	}
	if control != "" {
		fmt.Fprintf(out, "control: http://%s\n", control)
	}
	for _, c := range list {
		fmt.Fprintf(out, "%s (PVE %s): %s / %s, token %s\n", c.Name, c.Version, c.User, c.Password, c.Token)
		for _, n := range c.Nodes {
			fmt.Fprintf(out, "  %-10s https://%s  %s\n", n.Name, n.Address, n.Fingerprint)
		}
	}
	return nil
}
