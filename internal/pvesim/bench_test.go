package pvesim

import (
	"fmt"
	"testing"
)

// BenchmarkResources is one poll of a cluster of a hundred containers, as a
// watcher of a hundred such clusters makes ten times a second.
func BenchmarkResources(b *testing.B) {
	s, err := Start(Config{Clusters: []ClusterSpec{{Name: "lab", Nodes: []NodeSpec{{Name: "pve1", Containers: 34}, {Name: "pve2", Containers: 33}, {Name: "pve3", Containers: 33}}}}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := s.Cluster("lab")
	cl := &call{cluster: c, via: c.nodes[0], node: c.nodes[0], who: "root@pam", at: s.now(), args: map[string]string{}}
	b.ReportAllocs()
	for b.Loop() {
		c.mu.Lock()
		rows, _ := resources(cl)
		c.mu.Unlock()
		if n := len(appendJSON(nil, obj{{"data", rows}})); n < 10000 {
			b.Fatal(fmt.Sprint("only ", n, " bytes"))
		}
	}
}
