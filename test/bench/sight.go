package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// noteMeters remembers when a number or a bar of a container's card changed, by the clock of this machine.
const noteMeters = `window.metersAt = [];
new MutationObserver(all => {
	const at = performance.timeOrigin + performance.now();
	for (const m of all) {
		const el = m.target.nodeType === 1 ? m.target : m.target.parentElement;
		if (el?.closest("[data-container]") && el.closest(".meter")) { metersAt.push(at); return }
	}
}).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
true`

// benchSight: from the watcher's asking for the list, which it sees moved
// numbers in, to the change in the document of an open tab. What is measured
// is a little more than the goal speaks of: Proxmox's answer is part of it.
func benchSight(ctx context.Context, t *table) error {
	return inChromium(ctx, func(browser context.Context) error {
		r, err := start(ctx, size{1, 3, 30})
		if err != nil {
			return err
		}
		defer r.stop()
		tab, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
		defer stop()
		if err := chromedp.Do(tab); err != nil {
			return err
		}
		if _, err := chromedp.Call(tab, network.SetCookie, network.SetCookieParams{Name: r.cookie.Name, Value: r.cookie.Value, URL: r.url}); err != nil {
			return err
		}
		if err := chromedp.Do(tab, chromedp.Navigate(r.url+"/")); err != nil {
			return err
		}
		if err := wait(ctx, 15*time.Second); err != nil { // until the stream is open and the first list is drawn
			return err
		}
		if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](noteMeters)); err != nil {
			return err
		}
		asked, err := r.lists(ctx, 2*time.Minute)
		if err != nil {
			return err
		}
		drawn, err := chromedp.Run(tab, chromedp.Evaluate[[]float64](`metersAt`))
		if err != nil {
			return err
		}
		var took []time.Duration
		for _, at := range asked {
			ms := float64(at.UnixMicro()) / 1000
			i := slices.IndexFunc(drawn, func(d float64) bool { return d >= ms })
			if i >= 0 && drawn[i]-ms < 5000 { // else nothing moved, or it was the last
				took = append(took, time.Duration((drawn[i]-ms)*float64(time.Millisecond)))
			}
		}
		if len(took) < 5 {
			return fmt.Errorf("only %d of %d lists changed what is drawn", len(took), len(asked))
		}
		worst := quantile(took, 1)
		t.add("a change that the watcher sees, in the document", "< 300 ms", fmt.Sprintf("median %s, worst %s of %d", ms(median(took)), ms(worst), len(took)), worst < 300*time.Millisecond)
		return nil
	})
}

// lists are the times at which Proxmox was asked for the list of resources. Each
// is the last moment at which it surely had not been yet.
func (r *rig) lists(ctx context.Context, window time.Duration) ([]time.Time, error) {
	var times []time.Time
	last, end := -1, time.Now().Add(window)
	before := time.Now()
	for time.Now().Before(end) {
		asked := time.Now()
		var counts map[string]struct{ Calls map[string]int }
		if err := r.control("GET", "/requests", nil, &counts); err != nil {
			return nil, err
		}
		n := counts["cluster001"].Calls["GET /cluster/resources"]
		if last >= 0 && n > last {
			times = append(times, before)
		}
		last, before = n, asked
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return times, nil
}
