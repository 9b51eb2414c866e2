package web

import (
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"berth/internal/secret"
)

// Metrics are Berth's own figures. Labels are routes and status classes, never
// names of people, clusters, nodes or containers.
type Metrics struct {
	Registry *prometheus.Registry
	requests *prometheus.HistogramVec
	streams  prometheus.Gauge
	asked    *prometheus.HistogramVec
	fresh    prometheus.Counter
	read     prometheus.Counter
}

// NewMetrics makes the registry with what the process and the server tell.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "berth_http_request_seconds",
			Help:    "Time to answer, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"route", "status"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "berth_streams_open", Help: "Server-sent event streams that are open."}),
		asked: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "berth_proxmox_request_seconds",
			Help:    "Time of the watcher's requests to Proxmox, by the class of the answer.",
			Buckets: []float64{.005, .01, .05, .1, .5, 1, 3.5, 10, 31},
		}, []string{"answer"}),
		fresh: prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_proxmox_connections_total", Help: "Connections that the watcher made to Proxmox."}),
		read:  prometheus.NewCounter(prometheus.CounterOpts{Name: "berth_proxmox_read_bytes_total", Help: "Bytes that the watcher read from Proxmox, after decompression."}),
	}
	m.Registry.MustRegister(m.requests, m.streams, m.asked, m.fresh, m.read, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) answered(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}

// Asked counts one request to Proxmox. status is 0 when no answer came.
func (m *Metrics) Asked(status int, took time.Duration, bytes int64, newConnection bool) {
	m.asked.WithLabelValues(answerClass(status)).Observe(took.Seconds())
	m.read.Add(float64(bytes))
	if newConnection {
		m.fresh.Inc()
	}
}

// answerClass keeps the labels few, whatever a peer answers.
func answerClass(status int) string {
	switch {
	case status == 0:
		return "none"
	case status >= 200 && status < 300:
		return "ok"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return strconv.Itoa(status)
	case status == 595 || status == 596 || status == 599:
		return "node unreachable"
	}
	return "error"
}

// Handler serves the figures in Prometheus's format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
}

// behind lets a request through that carries the bearer token; without a token configured nothing is there.
func behind(token secret.Text, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token.Empty() || !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token.Reveal())) != 1 {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
