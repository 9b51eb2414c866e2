package main

import (
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// load asks a path with so many requests at once, each as soon as the one
// before is answered, and returns the times. More than the time is never taken.
func (r *rig) load(path string, atOnce uint64, during time.Duration) (*vegeta.Metrics, error) {
	attacker := vegeta.NewAttacker(vegeta.Workers(atOnce), vegeta.MaxWorkers(atOnce), vegeta.Timeout(20*time.Second), vegeta.Redirects(vegeta.NoFollow))
	defer attacker.Stop()
	target := vegeta.Target{Method: http.MethodGet, URL: r.url + path, Header: http.Header{
		"Cookie": {r.cookie.Name + "=" + r.cookie.Value}, "Accept-Encoding": {"gzip"}}}
	var m vegeta.Metrics
	for result := range attacker.Attack(vegeta.NewStaticTargeter(target), vegeta.Rate{}, during, path) {
		m.Add(result)
	}
	m.Close()
	return &m, nil
}
