package storetest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"berth/internal/problem"
	"berth/internal/secret"
	"berth/internal/store"
)

// bench is one case's store and clock.
type bench struct {
	*testing.T
	*store.Store
	ctx   context.Context
	clock *Clock
	opt   store.Options // to open the same database again
}

// Run tries every case of the contract, each on an empty store. place says
// where a case's store is; key and clock are added to it.
func Run(t *testing.T, place func(t *testing.T) store.Options) {
	for name, try := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			o := place(t)
			o.Keyring, o.Now, o.SessionIdle = Keyring(t), clock.Now, time.Hour
			try(&bench{T: t, Store: Open(t, o), ctx: t.Context(), clock: clock, opt: o})
		})
	}
}

var cases = map[string]func(*bench){
	"JobLife":             tryJobLife,
	"JobClaims":           tryJobClaims,
	"JobOnce":             tryJobOnce,
	"JobOfThousands":      tryJobOfThousands,
	"JobFencing":          tryJobFencing,
	"JobTrail":            tryJobTrail,
	"JobPlans":            tryJobPlans,
	"JobChanges":          tryJobChanges,
	"JobOrder":            tryJobOrder,
	"JobStop":             tryJobStop,
	"JobChain":            tryJobChain,
	"JobsOfOthers":        tryJobsOfOthers,
	"JobFilters":          tryJobFilters,
	"ClaimsAtOnce":        tryClaimsAtOnce,
	"SignInHosts":         tryHosts,
	"HostChange":          tryHostChange,
	"HostDeletion":        tryHostDeletion,
	"Users":               tryUsers,
	"Sessions":            trySessions,
	"SessionExpiry":       trySessionExpiry,
	"SessionsOfOthers":    trySessionsOfOthers,
	"Proof":               tryProof,
	"Tickets":             tryTickets,
	"TicketRenewal":       tryTicketRenewal,
	"HalfLogins":          tryHalfLogins,
	"TriesAtOnce":         tryTriesAtOnce,
	"SetUpLink":           trySetUpLink,
	"SetUpAtOnce":         trySetUpAtOnce,
	"Attempts":            tryAttempts,
	"Leases":              tryLeases,
	"LeaseAtOnce":         tryLeaseAtOnce,
	"Clusters":            tryClusters,
	"ClusterNames":        tryClusterNames,
	"ClusterChange":       tryClusterChange,
	"ClusterChangeAtOnce": tryClusterChangeAtOnce,
	"ClusterOfOthers":     tryClusterOfOthers,
	"ClusterDeletion":     tryClusterDeletion,
	"DisabledOwner":       tryDisabledOwner,
	"Halt":                tryHalt,
	"Members":             tryMembers,
	"DefaultNode":         tryDefaultNode,
	"Pictures":            tryPictures,
	"Details":             tryDetails,
	"GuestTasks":          tryGuestTasks,
	"Audit":               tryAudit,
	"AuditAtOnce":         tryAuditAtOnce,
	"HostileText":         tryHostileText,
	"Announcements":       tryAnnouncements,
	"OpenedAgain":         tryOpenedAgain,
	"Templates":           tryTemplates,
	"TemplateConflicts":   tryTemplateConflicts,
	"TemplatesOfOthers":   tryTemplatesOfOthers,
	"SharedTemplates":     trySharedTemplates,
	"TemplateSearch":      tryTemplateSearch,
	"Buckets":             tryBuckets,
	"TemplateImports":     tryTemplateImports,
	"TemplateLeftovers":   tryTemplateLeftovers,
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// missing wants problem.Missing and nothing else.
func (b *bench) missing(what string, err error) {
	b.Helper()
	if !reflect.DeepEqual(problem.Of(err), problem.Missing()) {
		b.Errorf("%s: want it missing, got %v", what, err)
	}
}

func (b *bench) kind(what string, err error, kind problem.Kind) {
	b.Helper()
	if !problem.Is(err, kind) {
		b.Errorf("%s: want a problem of kind %s, got %v", what, kind, err)
	}
}

func equal[V any](b *bench, what string, got, want V) {
	b.Helper()
	if !reflect.DeepEqual(got, want) {
		b.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func revealed(b *bench, what string, got secret.Text, err error, want string) {
	b.Helper()
	b.must(err)
	if got.Reveal() != want {
		b.Errorf("%s is not what was kept", what)
	}
}

// atOnce runs f n times at once and returns how many said yes.
func atOnce(b *bench, n int, f func(i int) (bool, error)) (yes int) {
	b.Helper()
	type answer struct {
		yes bool
		err error
	}
	answers := make(chan answer, n)
	start := make(chan struct{})
	for i := range n {
		go func() {
			<-start
			ok, err := f(i)
			answers <- answer{ok, err}
		}()
	}
	close(start)
	var errs []error
	for range n {
		a := <-answers
		errs = append(errs, a.err)
		if a.yes {
			yes++
		}
	}
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return yes
}
