package pve

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"berth/internal/problem"
)

func TestEachFailureHasItsKindAndSentence(t *testing.T) {
	sentences := map[string]string{}
	for _, tc := range []struct {
		name          string
		write         bool
		status        int
		reason, body  string
		kind          problem.Kind
		says, proxmox string
	}{
		{"595 no route", false, 595, "No route to host", "", problem.NodeDown, "it is off", "No route to host"},
		{"595 refused", false, 595, "Connection refused", "", problem.NodeDown, "does not accept connections", "Connection refused"},
		{"595 on a write", true, 595, "No route to host", "", problem.NodeDown, "it is off", "No route to host"},
		{"596 TLS", false, 596, "error:0A000086:SSL routines::certificate verify failed", "", problem.NodeBroken, "does not accept the certificate", "certificate verify failed"},
		{"596 pipe", false, 596, "Broken pipe", "", problem.NodeBroken, "broke", "Broken pipe"},
		{"596 time", false, 596, "Connection timed out", "", problem.NodeBroken, "did not answer", "Connection timed out"},
		{"596 TLS on a write", true, 596, "error:0A000086:SSL routines::certificate verify failed", "", problem.NodeBroken, "does not accept the certificate", "verify"},
		{"596 pipe on a write", true, 596, "Broken pipe", "", problem.OutcomeUnknown, "may have been carried out or not", "Broken pipe"},
		{"596 time on a write", true, 596, "Connection timed out", "", problem.OutcomeUnknown, "may have been carried out or not", "Connection timed out"},
		{"596 TLS breaks during a write", true, 596, "error:0A000126:SSL routines::unexpected eof while reading", "", problem.OutcomeUnknown, "may have been carried out or not", "unexpected eof"},
		{"596 in general on a write", true, 596, "Errors during TLS negotiation, request sending and header processing", "", problem.OutcomeUnknown, "may have been carried out or not", "Errors during"},
		{"599", false, 599, "Too many redirections", "", problem.NodeBroken, "could not pass the question on", "Too many"},
		{"401 token", false, 401, "Authentication failed!", "", problem.Unauthorized, "did not accept the API token", "Authentication failed!"},
		{"403", false, 403, "Permission check failed (/vms/100, VM.PowerMgmt)", `{"data":null,"message":"Permission check failed (/vms/100, VM.PowerMgmt)\n"}`, problem.Forbidden, "lacks VM.PowerMgmt on /vms/100", "Permission check failed"},
		{"403 without a path", false, 403, "Permission check failed", `{"data":null,"message":"Permission check failed\n"}`, problem.Forbidden, "may not do this", "Permission check failed"},
		{"400", false, 400, "Parameter verification failed.", `{"errors":{"vmid":"value must\n have 100"},"data":null,"message":"Parameter verification failed.\n"}`, problem.Parameters, "did not accept a value", "vmid: value must have 100"},
		{"500", false, 500, "storage 'x' is broken", `{"data":null,"message":"storage 'x' is broken\n"}`, problem.Failed, "failed while", "storage 'x' is broken"},
		{"500 without a body", false, 500, "unable to \x1b[31mopen\u202e", "", problem.Failed, "failed while", "unable to [31mopen"},
		{"500 quorum", true, 500, "cfs-lock 'file-user_cfg' error: no quorum!", `{"data":null,"message":"cfs-lock 'file-user_cfg' error: no quorum!\n"}`, problem.QuorumLost, "no quorum", "no quorum"},
		{"501", false, 501, "Method 'GET /nosuch' not implemented", `{"data":null,"message":"Method 'GET /nosuch' not implemented"}`, problem.Unsupported, "does not know", "not implemented"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, c := served(t, says(tc.status, tc.reason, tc.body))
			call, err := getNode("reading the state of pve3", "pve3", "status")
			if err != nil {
				t.Fatal(err)
			}
			if tc.write {
				call.method, call.doing = "POST", "starting CT 100"
			}
			p := wants(t, c.change(t.Context(), call), tc.kind)
			if p.Remedy == "" {
				t.Errorf("says nothing of what to do: %q", p.Sentence())
			}
			if !strings.Contains(p.What, tc.says) && !strings.Contains(p.Remedy, tc.says) {
				t.Errorf("says %q", p.Sentence())
			}
			if !strings.Contains(p.Proxmox, tc.proxmox) || strings.ContainsAny(p.Proxmox, "\x1b\u202e\n") {
				t.Errorf("Proxmox's words %q", p.Proxmox)
			}
			if tc.status >= 595 && (!strings.Contains(p.What, "pve3") || !strings.Contains(p.What, "pve1") || p.Node != "pve3") {
				t.Errorf("does not name both nodes: %q, node %q", p.What, p.Node)
			}
			if other, ok := sentences[p.What]; ok && !strings.HasPrefix(tc.name, other) {
				t.Logf("%s and %s share a sentence", tc.name, other)
			}
			sentences[p.What] = tc.name
		})
	}
}

func TestMissingPrivilege(t *testing.T) {
	for text, want := range map[string]string{
		"Permission check failed (/vms/101, VM.Config.Disk|VM.Config.CPU)":                               "VM.Config.Disk or VM.Config.CPU on /vms/101",
		"Permission check failed (/, Sys.Audit)":                                                         "Sys.Audit on /",
		"Permission check failed (/sdn/zones/localnetwork/vmbr0, SDN.Use)":                               "SDN.Use on /sdn/zones/localnetwork/vmbr0",
		"Permission check failed (user != root@pam)":                                                     "",
		"Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)": "",
		"Permission check failed":                                                                        "",
	} {
		_, c := served(t, says(403, text, `{"data":null,"message":"`+text+`\n"}`))
		_, err := c.Resources(t.Context())
		if p := wants(t, err, problem.Forbidden); p.Privilege != want {
			t.Errorf("%q lacks %q, want %q", text, p.Privilege, want)
		}
	}
}

func TestWordsOfStrangersAreNotShown(t *testing.T) {
	for _, status := range []int{400, 403, 404, 418, 500, 502} {
		_, c := served(t, raw(fmt.Sprintf("HTTP/1.1 %d internal words\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\ninternal words", status)))
		_, err := c.Resources(t.Context())
		p := problem.Of(err)
		if p == nil || p.Kind != problem.NotProxmox && p.Kind != problem.Unreachable || strings.Contains(p.Sentence(), "internal") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestProxmoxBehindAProxyIsRecognised(t *testing.T) {
	_, c := served(t, raw("HTTP/1.1 500 no such thing\r\nServer: nginx\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: 13\r\n\r\n{\"data\":null}"))
	_, err := c.Resources(t.Context())
	if p := wants(t, err, problem.Failed); p.Proxmox != "no such thing" {
		t.Errorf("words %q", p.Proxmox)
	}
}

func TestStandaloneHasNoJoinInformation(t *testing.T) {
	_, c := served(t, says(http.StatusFailedDependency, "node is not in a cluster, no join info available!", `{"data":null,"message":"node is not in a cluster, no join info available!\n"}`))
	j, err := c.JoinInfo(t.Context())
	if err != nil || !j.Standalone {
		t.Errorf("%+v %v", j, err)
	}
}

func TestStandaloneStatus(t *testing.T) {
	_, c := served(t, data(`[{"type":"node","name":"attic","online":1,"local":1,"ip":"10.0.0.9","id":"node/attic","level":"","nodeid":0}]`))
	s, err := c.ClusterStatus(t.Context())
	if err != nil || !s.Standalone || !s.Quorate || s.Local() != "attic" || s.Name != "" {
		t.Errorf("%+v %v", s, err)
	}
	_, c = served(t, data(`[]`))
	_, err = c.ClusterStatus(t.Context())
	wants(t, err, problem.Garbled)
}
