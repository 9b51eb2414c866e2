// Command bench measures what docs/performance.md tells of: the real binary
// against the simulator, both as processes of their own, on this machine. It
// prints a table, is bounded in load and time, and ends what it started.
//
// Comparisons are interleaved rounds of A and B with their medians and ratio,
// since a shared machine is never twice the same.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// measure is one part of the table.
type measure struct {
	name string
	run  func(context.Context, *table) error
}

var measures = []measure{
	{"size", benchSize},
	{"small", benchSmall},
	{"waits", benchWaits},
	{"cost", benchCost},
	{"fresh", benchFresh},
	{"sight", benchSight},
	{"thousand", benchThousand},
	{"templates", benchTemplates},
	{"browser", benchBrowser},
	{"container", benchContainer},
	{"actions", benchActions},
	{"bulk", benchBulk},
	{"large", benchLarge},
}

func main() {
	only := flag.String("only", "", "names of parts, separated by commas; all when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
	if err := build(); err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	t := &table{}
	defer t.print(os.Stdout)
	for _, m := range measures {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		began := time.Now()
		if err := m.run(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s took %s\n", m.name, time.Since(began).Round(time.Second))
	}
	return nil
}

// table is what is printed: what was measured, what it should reach, what it is.
type table struct{ rows []row }

type row struct {
	what, goal, got string
	reached         string // yes, no, or empty where there is no goal
}

func (t *table) add(what, goal, got string, ok bool) {
	reached := "no"
	if ok {
		reached = "yes"
	}
	if goal == "" {
		reached = ""
	}
	t.rows = append(t.rows, row{what, goal, got, reached})
}

// note adds a figure without a goal.
func (t *table) note(what, got string) { t.add(what, "", got, true) }

func (t *table) print(w *os.File) {
	fmt.Fprintln(w, "| what | goal | measured | reached |\n|---|---|---|---|")
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.what, r.goal, r.got, r.reached)
	}
}
