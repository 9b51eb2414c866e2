package main

import (
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// load asks a path with so many requests at once, each as soon as the one
// before is answered, and returns the times. More than the time is never taken.
func (r *rig) load(path string, atOnce uint64, during time.Duration) (*vegeta.Metrics, error) {
	return r.attack(path, atOnce, vegeta.Rate{}, during)
}

// steadily asks a path so many times a second, as people do: the rate leaves
// the machine room, so that what else runs shows in the times and not in how many they are.
func (r *rig) steadily(path string, aSecond int, during time.Duration) (*vegeta.Metrics, error) {
	return r.attack(path, uint64(aSecond), vegeta.Rate{Freq: aSecond, Per: time.Second}, during)
}

func (r *rig) attack(path string, atOnce uint64, rate vegeta.Rate, during time.Duration) (*vegeta.Metrics, error) {
	attacker := vegeta.NewAttacker(vegeta.Workers(atOnce), vegeta.MaxWorkers(atOnce), vegeta.Timeout(20*time.Second), vegeta.Redirects(vegeta.NoFollow))
	defer attacker.Stop()
	target := vegeta.Target{Method: http.MethodGet, URL: r.url + path, Header: http.Header{
		"Cookie": {r.cookie.Name + "=" + r.cookie.Value}, "Accept-Encoding": {"gzip"}}}
	var m vegeta.Metrics
	for result := range attacker.Attack(vegeta.NewStaticTargeter(target), rate, during, path) {
		m.Add(result)
	}
	m.Close()
	return &m, nil
}
