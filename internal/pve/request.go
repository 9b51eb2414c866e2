package pve

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"berth/internal/authority"
	"berth/internal/problem"
)

// decodeFunc reads the body of a success.
type decodeFunc func(body io.Reader) error

// do carries a call out: at the address that answered last, then at the others
// as long as one does not answer. A call that may have been sent is repeated
// only when it changes nothing. decode must be fit to run again after a failure.
func (c *Client) do(ctx context.Context, call call, decode decodeFunc) error {
	if err := c.inTurn(ctx, call, decode); err != nil {
		return scrub(err, secretsOf(call, c.auth))
	}
	return nil
}

func (c *Client) inTurn(ctx context.Context, call call, decode decodeFunc) error {
	if c.closed.Err() != nil {
		return problem.New(problem.Unreachable, "This connection was closed because its settings changed.", "Reload the page.")
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience.whole)
	defer cancel()
	c.mu.Lock()
	start := c.current
	c.mu.Unlock()
	var first error
	n := len(c.addresses)
	for i := range n {
		at := (start + i) % n
		x := c.attempt(ctx, c.addresses[at], call, decode, i == n-1)
		switch {
		case x.answered:
			c.stick(at)
			return x.err
		case x.lost:
			c.stick((at + 1) % n) // the next call begins where this one was not lost
			return x.err
		case x.stop:
			return x.err
		case first == nil:
			first = x.err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return noneAnswers(first, n)
}

func (c *Client) stick(at int) {
	c.mu.Lock()
	c.current = at
	c.mu.Unlock()
}

// outcome is how one attempt at one address ended.
type outcome struct {
	err      error
	answered bool // an HTTP answer came
	lost     bool // something was sent, no answer came, and nobody else is to be asked
	stop     bool // nobody else is to be asked, and the address is not to blame
}

// errNoByte is why an attempt is given up early: another address may answer.
var errNoByte = errors.New("no answer yet")

// attempt asks one address once.
func (c *Client) attempt(ctx context.Context, a authority.Address, call call, decode decodeFunc, last bool) outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var trace progress
	if call.local() && !last {
		patience := time.AfterFunc(c.patience.firstByte, func() {
			if !trace.answer.Load() {
				cancel(errNoByte)
			}
		})
		defer patience.Stop()
	}
	began := time.Now()
	req, err := c.request(httptrace.WithClientTrace(ctx, trace.hooks()), a, call)
	if err != nil {
		return outcome{err: err, stop: true}
	}
	resp, err := c.transport(call).RoundTrip(req)
	if err != nil {
		c.report(Answer{Address: a, Method: call.method, Duration: time.Since(began), NewConn: trace.fresh.Load()})
		return c.unanswered(ctx, a, call, err, trace.conn.Load())
	}
	counted := &counter{in: resp.Body}
	err = c.answer(ctx, a, call, resp, counted, decode)
	_ = resp.Body.Close()
	c.report(Answer{Address: a, Method: call.method, Status: resp.StatusCode, Duration: time.Since(began),
		Bytes: counted.out, NewConn: trace.fresh.Load()})
	return outcome{err: err, answered: true}
}

func (c *Client) report(a Answer) {
	if c.onAnswer != nil {
		c.onAnswer(a)
	}
}

func (c *Client) transport(call call) *http.Transport {
	if call.method == "GET" {
		return c.reads
	}
	return c.writes
}

// gaveUp reports whether the caller, and not Berth's own patience, ended the call.
func gaveUp(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.Canceled) && !errors.Is(context.Cause(ctx), errNoByte)
}

// unanswered judges an attempt that got no HTTP answer.
func (c *Client) unanswered(ctx context.Context, a authority.Address, call call, err error, connected bool) outcome {
	if connected && call.changes() {
		return outcome{err: lostWrite(a, call, err), lost: true}
	}
	if gaveUp(ctx) {
		return outcome{err: context.Canceled, stop: true}
	}
	if !connected {
		// Nothing was sent. A certificate that is not trusted is no "does not answer": it stops.
		err := connectProblem(a, err)
		return outcome{err: err, stop: problem.Is(err, problem.Untrusted)}
	}
	early := errors.Is(context.Cause(ctx), errNoByte)
	return outcome{err: exchangeProblem(a, call, err), lost: !early}
}

// progress notes how far an exchange came.
type progress struct {
	conn, fresh, answer atomic.Bool
}

func (p *progress) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			p.conn.Store(true)
			p.fresh.Store(!info.Reused)
		},
		GotFirstResponseByte: func() { p.answer.Store(true) },
	}
}

func (c *Client) request(ctx context.Context, a authority.Address, call call) (*http.Request, error) {
	target := "https://" + a.HostPort() + "/api2/json" + call.path
	var body io.Reader
	if encoded := call.params.encode(); encoded != "" {
		if call.inQuery() {
			target += "?" + encoded
		} else {
			body = strings.NewReader(encoded)
		}
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("pve: an address that makes no URL")
	}
	req, err := http.NewRequestWithContext(ctx, call.method, u.String(), body)
	if err != nil {
		return nil, errors.New("pve: " + call.method + " makes no request")
	}
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.auth != nil && !call.anonymous && !call.login {
		c.auth.authorize(req.Header, call.changes())
	}
	return req, nil
}

// answer judges status and body.
func (c *Client) answer(ctx context.Context, a authority.Address, call call, resp *http.Response, counted *counter, decode decodeFunc) error {
	counted.left = call.limit
	if resp.StatusCode != http.StatusOK {
		counted.left = maxErrorBytes
	}
	body, err := plain(resp, counted)
	if resp.StatusCode != http.StatusOK {
		var f failure
		if err == nil {
			f = readFailure(body)
		}
		return statusProblem(a, call, resp, f, c.auth)
	}
	if err == nil {
		err = decode(body)
	}
	switch {
	case err == nil:
		return nil
	case call.changes():
		return lostWrite(a, call, err)
	case gaveUp(ctx):
		return context.Canceled
	}
	return bodyProblem(a, call, resp, err)
}

// plain undoes the compression; counted holds the limit on what comes out.
func plain(resp *http.Response, counted *counter) (io.Reader, error) {
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
		return counted, nil
	case "gzip":
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, err
		}
		counted.in = z
		return counted, nil
	}
	return nil, errors.New("an unknown compression")
}

// counter counts what was read and refuses to read past its limit.
type counter struct {
	in   io.Reader
	left int64
	out  int64
}

func (c *counter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		// Only a byte beyond the limit makes it too large, not its exact end.
		var one [1]byte
		n, err := c.in.Read(one[:])
		if n > 0 {
			return 0, errTooLarge
		}
		return 0, err
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.out += int64(n)
	return n, err
}

// list reads an answer of many rows.
func list[T any](ctx context.Context, c *Client, call call, row rowFunc[T]) (List[T], error) {
	call.limit = maxListBytes
	var l List[T]
	err := c.do(ctx, call, func(body io.Reader) (err error) {
		l, err = readList(body, row)
		return err
	})
	if err != nil {
		return List[T]{}, err
	}
	return l, nil
}

// tree reads an answer of one thing.
func (c *Client) tree(ctx context.Context, call call) (value, error) {
	var v value
	err := c.do(ctx, call, func(body io.Reader) (err error) {
		v, err = readTree(body, maxString)
		return err
	})
	return v, err
}
