package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"berth/internal/pvesim"
)

func TestPrintJSONSaysHowToGetIn(t *testing.T) {
	o := options{Clusters: 2, Nodes: 3, Containers: 7, Seed: 4, Print: "json", TaskTime: 1, AuthDelay: "0s", Control: "127.0.0.1:0"}
	ctx, stop := context.WithCancel(t.Context())
	stop() // it prints, then ends at once
	var out bytes.Buffer
	if err := run(ctx, o, &out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Control  string
		Clusters []clusterReport
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Clusters) != 2 || len(got.Clusters[0].Nodes) != 3 || got.Control == "" {
		t.Fatalf("printed %s", out.String())
	}
	c := got.Clusters[1]
	if c.User != "root@pam" || c.Password == "" || !strings.HasPrefix(c.Token, "root@pam!look=") || !strings.Contains(c.CA, "BEGIN CERTIFICATE") ||
		len(c.Nodes[0].Fingerprint) != 95 {
		t.Errorf("cluster %+v", c)
	}
	if _, err := http.Get("http://" + got.Control + "/state"); err == nil {
		t.Error("the control address answers after the end")
	}
}

func TestFleetSpreadsContainers(t *testing.T) {
	sim, err := pvesim.Start(pvesim.Config{Clusters: options{Clusters: 1, Nodes: 3, Containers: 10}.fleet()})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	count := map[string]int{}
	for _, g := range sim.Clusters()[0].Guests() {
		count[g.Node]++
	}
	if count["pve1"] != 4 || count["pve2"] != 3 || count["pve3"] != 3 {
		t.Errorf("spread %v", count)
	}
}

func TestOptionsAreRefusedInWords(t *testing.T) {
	for _, o := range []options{{AuthDelay: "soon"}, {AuthDelay: "1s", ListenBase: "10.0.0.1"}} {
		if _, err := o.config(); err == nil || !strings.Contains(err.Error(), "--") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
