package fleet

import "testing"

func TestNameOfAContainer(t *testing.T) {
	for hostname, want := range map[string]string{"web1": "web1", "": "CT 104", "CT104": "CT 104", "CT105": "CT105"} {
		if got := (Container{ID: ContainerID{VMID: 104}, Hostname: hostname}).Name(); got != want {
			t.Errorf("%q: %q, want %q", hostname, got, want)
		}
	}
}
