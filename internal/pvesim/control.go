package pvesim

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Control serves the control address, plain HTTP for tests and people, until
// the simulation is closed. It listens on loopback only and returns host:port.
//
//	GET /state               clusters, nodes, addresses, guests as they truly are
//	GET /faults              the faults that exist and those that are set
//	POST /faults             {"name","cluster","node","vmid","times","params"}: {"id"}
//	DELETE /faults/{id}      undo
//	POST /act                {"cluster","vmid","what"}, see Cluster.Act
//	GET, DELETE /requests    counts by cluster; reset
//	POST /tokens             {"cluster","user","id","privsep","acl":[{"path","role"}]}: {"token"}
//	POST /acl                {"cluster","path","who","role","propagate"}
func (s *Sim) Control(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen on the control address: %w", err)
	}
	if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		l.Close()
		return "", fmt.Errorf("the control address %s is not on loopback", addr)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", s.controlState)
	mux.HandleFunc("GET /faults", s.controlFaults)
	mux.HandleFunc("POST /faults", s.controlSetFault)
	mux.HandleFunc("DELETE /faults/{id}", s.controlUndoFault)
	mux.HandleFunc("POST /act", s.controlAct)
	mux.HandleFunc("GET /requests", s.controlRequests)
	mux.HandleFunc("DELETE /requests", s.controlResetRequests)
	mux.HandleFunc("POST /tokens", s.controlToken)
	mux.HandleFunc("POST /acl", s.controlACL)
	srv := &http.Server{Handler: loopbackOnly(mux), ReadHeaderTimeout: 5 * time.Second}
	s.wait.Add(2)
	go func() {
		defer s.wait.Done()
		srv.Serve(l)
	}()
	go func() {
		defer s.wait.Done()
		<-s.ending
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			srv.Close()
		}
	}()
	return l.Addr().String(), nil
}

// loopbackOnly keeps web pages out: no Origin, and a Host that is an address of
// this machine, so that no foreign name leads here.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(host)
		if r.Header.Get("Origin") != "" || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "only for programs on this machine", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func tell(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// take reads the JSON of a request and finds its cluster.
func (s *Sim) take(w http.ResponseWriter, r *http.Request, into any, cluster *string) *Cluster {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		http.Error(w, "the body is not the JSON that is wanted: "+err.Error(), http.StatusBadRequest)
		return nil
	}
	c := s.Cluster(*cluster)
	if c == nil {
		http.Error(w, fmt.Sprintf("no cluster %q", *cluster), http.StatusNotFound)
	}
	return c
}

type nodeState struct {
	Name        string `json:"name"`
	Address     string `json:"address"`
	Fingerprint string `json:"fingerprint"`
	Dead        bool   `json:"dead"`
}

func (s *Sim) controlState(w http.ResponseWriter, _ *http.Request) {
	list := []any{}
	for _, c := range s.clusters {
		nodes := []nodeState{}
		for _, n := range c.nodes {
			nodes = append(nodes, nodeState{n.Name(), n.Addr(), n.Fingerprint(), n.dead()})
		}
		list = append(list, map[string]any{"name": c.name, "version": c.Version(), "standalone": c.standalone,
			"quorate": c.quorate(), "nodes": nodes, "guests": c.Guests()})
	}
	tell(w, map[string]any{"clusters": list})
}

func (s *Sim) controlFaults(w http.ResponseWriter, _ *http.Request) {
	tell(w, map[string]any{"known": Faults(), "set": s.ActiveFaults()})
}

func (s *Sim) controlSetFault(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name, Cluster, Node string
		VMID, Times         int
		Params              map[string]string
	}
	if s.take(w, r, &in, &in.Cluster) == nil {
		return
	}
	f, err := s.setFault(in.Name, FaultTarget{in.Cluster, in.Node, in.VMID, in.Times, in.Params})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	tell(w, map[string]int{"id": f.ID})
}

func (s *Sim) controlUndoFault(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || !s.undoFault(id) {
		http.Error(w, "no such fault is set", http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) controlAct(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Cluster string
		VMID    int
		What    string
	}
	c := s.take(w, r, &in, &in.Cluster)
	if c == nil {
		return
	}
	if err := c.Act(in.VMID, in.What); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) controlRequests(w http.ResponseWriter, _ *http.Request) {
	all := map[string]RequestCounts{}
	for _, c := range s.clusters {
		all[c.name] = c.Requests()
	}
	tell(w, all)
}

func (s *Sim) controlResetRequests(w http.ResponseWriter, _ *http.Request) {
	for _, c := range s.clusters {
		c.ResetRequests()
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) controlToken(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Cluster, User, ID string
		PrivSep           bool
		ACL               []ACLSpec
	}
	c := s.take(w, r, &in, &in.Cluster)
	if c == nil {
		return
	}
	secret := c.AddToken(in.User, in.ID, TokenSpec{PrivSep: in.PrivSep, ACL: in.ACL})
	if secret == "" {
		http.Error(w, fmt.Sprintf("no user %q", in.User), http.StatusNotFound)
		return
	}
	tell(w, map[string]string{"token": in.User + "!" + in.ID + "=" + secret})
}

func (s *Sim) controlACL(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Cluster, Path, Who, Role string
		Propagate                bool
	}
	c := s.take(w, r, &in, &in.Cluster)
	if c == nil {
		return
	}
	c.SetACL(in.Path, in.Who, in.Role, in.Propagate)
	w.WriteHeader(http.StatusNoContent)
}
