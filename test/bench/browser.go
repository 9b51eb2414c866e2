package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// benchBrowser: a first visit with an empty cache, and what filtering costs at 10,000.
func benchBrowser(ctx context.Context, t *table) error {
	return inChromium(ctx, func(browser context.Context) error {
		if err := firstVisit(ctx, browser, t); err != nil {
			return err
		}
		return filterLarge(ctx, browser, t)
	})
}

// inChromium runs f with a browser, which ends with it.
func inChromium(ctx context.Context, f func(browser context.Context) error) error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: no Chromium, the browser's figures are left out")
		return nil
	}
	dir, err := os.MkdirTemp("", "berth-bench-chromium-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	alloc, stop := chromedp.NewExecAllocator(ctx, opts...)
	defer stop()
	browser, stopBrowser := chromedp.NewContext(alloc)
	defer stopBrowser()
	if err := chromedp.Do(browser); err != nil {
		return err
	}
	return f(browser)
}

func firstVisit(ctx, browser context.Context, t *table) error {
	r, err := start(ctx, size{1, 3, 30})
	if err != nil {
		return err
	}
	defer r.stop()
	var requests, bytes, scripts []int
	var visible []time.Duration
	for range 10 {
		v, err := r.visit(browser)
		if err != nil {
			return err
		}
		requests, bytes, scripts = append(requests, v.requests), append(bytes, v.bytes), append(scripts, v.scripts)
		visible = append(visible, time.Duration(v.visible*float64(time.Millisecond)))
	}
	t.add("first visit: requests", "< 15", fmt.Sprint(median(requests)), median(requests) < 15)
	t.add("first visit: on the wire", "< 200 kB", kb(median(bytes)), median(bytes) < 200e3)
	t.add("first visit: scripts of it", "< 100 kB", kb(median(scripts)), median(scripts) < 100e3)
	t.add("first visit: first card painted", "< 300 ms", ms(median(visible))+" (median of 10)", median(visible) < 300*time.Millisecond)
	return nil
}

type visit struct {
	requests, bytes, scripts int
	visible                  float64 // milliseconds from the start of the navigation
}

// visit opens the dashboard in a browser context of its own, with nothing cached.
func (r *rig) visit(browser context.Context) (visit, error) {
	var v visit
	tab, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	defer stop()
	if err := chromedp.Do(tab); err != nil {
		return v, err
	}
	var mu sync.Mutex
	kinds := map[network.RequestID]network.ResourceType{}
	err := chromedp.Listen(tab, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			v.requests++
			kinds[e.RequestID] = e.Type
		case *network.EventLoadingFinished:
			v.bytes += int(e.EncodedDataLength)
			if kinds[e.RequestID] == network.ResourceTypeScript {
				v.scripts += int(e.EncodedDataLength)
			}
		}
	})
	if err != nil {
		return v, err
	}
	if _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); err != nil {
		return v, err
	}
	if _, err := chromedp.Call(tab, network.SetCookie, network.SetCookieParams{Name: r.cookie.Name, Value: r.cookie.Value, URL: r.url}); err != nil {
		return v, err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(r.url+"/")); err != nil {
		return v, err
	}
	// The first paint that has content has the cards: they are in the page as it is sent.
	paint, err := chromedp.Run(tab, chromedp.Evaluate[float64](`new Promise(done => {
		const look = () => { const p = performance.getEntriesByName("first-contentful-paint")[0]; p && document.querySelector("[data-container]") ? done(p.startTime) : setTimeout(look, 5) };
		look();
	})`, chromedp.EvalAwaitPromise))
	if err != nil {
		return v, err
	}
	mu.Lock()
	defer mu.Unlock()
	v.visible = paint
	return v, nil
}

// filterLarge measures one filter change over 10,000 containers, until the frame after it.
func filterLarge(ctx, browser context.Context, t *table) error {
	r, err := start(ctx, size{100, 3, 100})
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
	began := time.Now()
	if err := chromedp.Do(tab, chromedp.Navigate(r.url+"/")); err != nil {
		return err
	}
	paint, err := chromedp.Run(tab, chromedp.Evaluate[float64](`performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`))
	if err != nil {
		return err
	}
	t.note("10,000 containers: first paint", fmt.Sprintf("%.0f ms (whole load %s)", paint, ms(time.Since(began))))
	// The data set follows after the first paint; the filter works on it from then on.
	if err := wait(ctx, 5*time.Second); err != nil {
		return err
	}
	times, err := chromedp.Run(tab, chromedp.Evaluate[[]float64](`(async () => {
		const field = document.querySelector('[name="q"]'), times = [];
		const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
		for (let i = 0; i < 12; i++) {
			const began = performance.now();
			field.value = ["", "web", "status:running", "mem>50%", "node:pve2", "tag:prod"][i % 6];
			field.dispatchEvent(new Event("input", {bubbles: true}));
			await frame();
			times.push(performance.now() - began);
			await new Promise(done => setTimeout(done, 300));
		}
		return times;
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	got := median(times)
	t.add("10,000 containers: a filter repaints", "< 100 ms", fmt.Sprintf("%.1f ms (median of %d)", got, len(times)), got < 100)
	return nil
}
