package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/internal/secret"
	"berth/internal/web"
)

// ServeCmd runs Berth until it is told to stop.
type ServeCmd struct {
	HTTPOptions  `embed:""`
	DataOptions  `embed:""`
	WatchOptions `embed:""`
	LogOptions   `embed:""`
}

// stopWithin is how long requests may go on after Berth was told to stop.
const stopWithin = 5 * time.Second

// Run is called by kong.
func (c *ServeCmd) Run(ctx context.Context, s streams) error {
	log := c.logger(s.err)
	a, err := open(ctx, c.DataOptions, c.WatchOptions, log)
	if err != nil {
		return err
	}
	defer a.close()
	l, err := c.listen(a, log)
	if err != nil {
		return err
	}
	link, err := a.firstLink(ctx, l.url)
	if err != nil {
		return err
	}
	if link != "" {
		fmt.Fprintf(s.out, "Nobody can sign in to this Berth yet. Open this link within one hour to set it up:\n\n    %s\n\n", link)
	}
	return a.serve(ctx, l)
}

// listener is where browsers come in, and where metrics are read.
type listener struct {
	net.Listener
	metrics net.Listener // nil: none
	url     string       // as people type it
	door    web.Door
	token   secret.Text // opens /metrics on the main address
}

// listen opens the addresses and tells the guard never to dial them.
func (o HTTPOptions) listen(a *app, log *slog.Logger) (*listener, error) {
	l := &listener{door: web.Door{PublicURL: o.PublicURL, TrustedProxies: o.TrustedProxy}}
	for _, h := range o.AllowedHost {
		l.door.AllowedHosts = append(l.door.AllowedHosts, strings.ToLower(h))
	}
	var err error
	if l.Listener, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	a.guard.AddOwn(addrPort(l.Listener))
	scheme := "http"
	if o.ownTLS() {
		cert, err := o.certificate(a.dir, time.Now(), log)
		if err != nil {
			return nil, err
		}
		scheme = "https"
		l.Listener = tls.NewListener(l.Listener, &tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
	}
	l.url = scheme + "://" + shownAddress(addrPort(l.Listener), net.InterfaceAddrs)
	if o.PublicURL != nil {
		l.url = o.PublicURL.Scheme + "://" + o.PublicURL.Host
	}
	if o.MetricsListen != "" {
		if l.metrics, err = net.Listen("tcp", o.MetricsListen); err != nil {
			return nil, fmt.Errorf("listening for metrics: %w", err)
		}
		a.guard.AddOwn(addrPort(l.metrics))
	}
	if o.MetricsTokenFile != "" {
		if l.token, err = secret.ReadFile("the metrics token file", o.MetricsTokenFile); err != nil {
			return nil, err
		}
		if l.token.Empty() {
			return nil, fmt.Errorf("the token file for metrics, %s, is empty", o.MetricsTokenFile)
		}
	}
	return l, nil
}

// shownAddress is a listener's address as a person can open it: in place of
// “every address” the first of this machine's that others can reach.
func shownAddress(at netip.AddrPort, all func() ([]net.Addr, error)) string {
	if !at.Addr().IsUnspecified() {
		return at.String()
	}
	own, _ := all() // without any, loopback is what is left
	for _, a := range own {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
			return netip.AddrPortFrom(p.Addr(), at.Port()).String()
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
}

func addrPort(l net.Listener) netip.AddrPort {
	ap, _ := netip.ParseAddrPort(l.Addr().String())
	return ap
}

// serve answers until ctx ends, then closes streams, lets requests finish and
// writes down what must not be lost.
func (a *app) serve(ctx context.Context, l *listener) error {
	handler, err := a.site(l)
	if err != nil {
		return err
	}
	// Before the first page: it shows the fleet as it was seen last, and not that nobody has a node.
	if err := a.watcher.Load(ctx); err != nil {
		return err
	}
	// Streams live as long as this context: they must end for Shutdown to return.
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	main := newServer(handler, requests, a.log)
	servers := []*http.Server{main}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return served(main.Serve(l.Listener)) })
	if l.metrics != nil {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", a.metrics.Handler())
		m := newServer(mux, requests, a.log)
		m.WriteTimeout = time.Minute // the pages' server bounds each answer by itself, since streams go on
		servers = append(servers, m)
		group.Go(func() error { return served(m.Serve(l.metrics)) })
	}
	for _, background := range a.background() {
		group.Go(func() error { return background(ctx) })
	}
	group.Go(func() error {
		<-ctx.Done()
		for _, s := range a.streams {
			s.Close()
		}
		endRequests()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		for _, s := range servers {
			if err := s.Shutdown(stop); err != nil {
				_ = s.Close()
			}
		}
		return nil
	})
	a.log.Info("Berth is ready", "url", l.url)
	err = group.Wait()
	a.log.Info("Berth has stopped")
	return err
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func newServer(h http.Handler, base context.Context, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
