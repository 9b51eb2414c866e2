package main

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// benchContainer: what one open container page costs Proxmox beside the watching
// of its cluster, in sight and hidden, and how long a year's charts take.
func benchContainer(ctx context.Context, t *table) error {
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
		path, err := chromedp.Run(tab, chromedp.Evaluate[string](`"/containers/" + document.querySelector('[data-status="running"]').dataset.container`))
		if err != nil {
			return err
		}
		if err := yearOfCharts(tab, r.url+path+"?frame=year", t); err != nil {
			return err
		}
		return r.costOfAPage(ctx, tab, t)
	})
}

// yearOfCharts opens the page anew ten times.
func yearOfCharts(tab context.Context, url string, t *table) error {
	var took []float64
	for range 10 {
		if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
			return err
		}
		ms, err := chromedp.Run(tab, chromedp.Evaluate[float64](`new Promise(done => {
			const look = () => {
				const year = document.querySelector("[data-part=numbers] th")?.textContent === "Year";
				const m = performance.getEntriesByName("berth-charts", "measure").at(-1);
				year && m && document.querySelectorAll("figure canvas").length > 3 ? done(m.duration) : setTimeout(look, 20);
			};
			look();
		})`, chromedp.EvalAwaitPromise))
		if err != nil {
			return err
		}
		took = append(took, ms)
	}
	got := median(took)
	t.add("container page: a year's charts drawn", "< 200 ms", fmt.Sprintf("%.0f ms (median of %d)", got, len(took)), got < 200)
	return nil
}

// onlyThePage are calls that nobody makes but for a container's page.
var onlyThePage = []string{"GET /nodes/{node}/lxc/{vmid}/config", "GET /nodes/{node}/lxc/{vmid}/pending", "GET /nodes/{node}/lxc/{vmid}/rrddata", "GET /nodes/{node}/tasks"}

// alsoThePage the watcher makes too: all of them are counted.
var alsoThePage = []string{"GET /nodes/{node}/lxc/{vmid}/status/current", "GET /nodes/{node}/lxc/{vmid}/interfaces"}

func (r *rig) costOfAPage(ctx, tab context.Context, t *table) error {
	count := func(kinds ...string) (n int, err error) {
		if err := r.control("DELETE", "/requests", nil, nil); err != nil {
			return 0, err
		}
		if err := wait(ctx, time.Minute); err != nil {
			return 0, err
		}
		var counts map[string]struct{ Calls map[string]int }
		if err := r.control("GET", "/requests", nil, &counts); err != nil {
			return 0, err
		}
		for _, kind := range kinds {
			n += counts["cluster001"].Calls[kind]
		}
		return n, nil
	}
	n, err := count(append(alsoThePage, onlyThePage...)...)
	if err != nil {
		return err
	}
	t.add("extra requests a minute, one container page in sight", "<= 30", fmt.Sprint(n), n <= 30 && n > 10)
	// A tab that is hidden tells its page so; no browser hides one for a test.
	hide := chromedp.Evaluate[bool](`Object.defineProperty(document, "hidden", {get: () => true}), document.dispatchEvent(new Event("visibilitychange"))`)
	if _, err := chromedp.Run(tab, hide); err != nil {
		return err
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	if n, err = count(onlyThePage...); err != nil {
		return err
	}
	t.add("extra requests a minute, its tab hidden", "0", fmt.Sprint(n), n == 0)
	return nil
}
