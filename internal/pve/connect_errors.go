package pve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"berth/internal/authority"
	"berth/internal/problem"
)

// Sentences for what goes wrong between Berth and the address that it asks.

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errNoByte) || errors.As(err, &n) && n.Timeout()
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

func of(kind problem.Kind, err error, what, remedy string) *problem.Problem {
	p := problem.New(kind, what, remedy)
	p.Err = err
	return p
}

// dialProblem is about a connection that did not come to be.
func dialProblem(target string, err error) error {
	if p := problem.Of(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return of(problem.Refused, err, fmt.Sprintf("%s refuses connections.", target),
			"The machine is up, but nothing listens there: check the port, and that pveproxy runs on the node.")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return of(problem.Unreachable, err, fmt.Sprintf("There is no way to %s.", target),
			"Check that the node is on, and the network between it and Berth.")
	case isTimeout(err):
		return of(problem.Unreachable, err, fmt.Sprintf("%s does not answer.", target),
			"Check that the node is on, that the address is right, and that no firewall is between it and Berth.")
	}
	return of(problem.Unreachable, err, fmt.Sprintf("%s cannot be reached.", target),
		"Check the address, and the network between the node and Berth.")
}

// connectProblem is about an attempt that ended before anything was sent.
func connectProblem(a authority.Address, err error) error { return dialProblem(a.String(), err) }

// handshakeProblem is about TLS; the judge's own verdicts pass as they are.
func handshakeProblem(a authority.Address, err error) error {
	if p := problem.Of(err); p != nil {
		return p
	}
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain):
		return of(problem.NotProxmox, err, fmt.Sprintf("Something answers at %s, but not over TLS: this is not Proxmox VE.", a),
			"Enter the address and port of the Proxmox web interface, usually port 8006.")
	case isTimeout(err):
		return of(problem.Timeout, err, fmt.Sprintf("%s accepts connections, but does not go on with TLS.", a),
			"The node may be overloaded or pveproxy hung: restart pveproxy on the node.")
	case isClosed(err):
		return of(problem.TLS, err, fmt.Sprintf("%s closed the connection before it was secure.", a),
			"pveproxy may just be restarting. If it stays so, look into its log on the node.")
	}
	return of(problem.TLS, err, fmt.Sprintf("A secure connection to %s could not be made.", a),
		"Check the certificate of pveproxy on the node, and that nothing between it and Berth meddles with TLS.")
}

// exchangeProblem is about a request that was sent and got no HTTP answer.
func exchangeProblem(a authority.Address, call call, err error) error {
	switch {
	case isTimeout(err):
		return timeoutProblem(a, call, err)
	case isClosed(err), strings.Contains(err.Error(), "server closed idle connection"):
		return of(problem.Unreachable, err, fmt.Sprintf("%s closed the connection without an answer.", a),
			"pveproxy may just be restarting. If it stays so, look into its log on the node.")
	case strings.Contains(err.Error(), "headers exceeded"):
		return of(problem.TooLarge, err, fmt.Sprintf("%s sent more headers than Proxmox VE ever does.", a), "Check what answers at this address.")
	}
	return of(problem.NotProxmox, err, fmt.Sprintf("What %s answered is no HTTP that Berth understands.", a), "Check what answers at this address.")
}

func timeoutProblem(a authority.Address, call call, err error) *problem.Problem {
	p := of(problem.Timeout, err, fmt.Sprintf("%s did not answer in time while %s.", a, call.doing),
		"The node may be overloaded. Berth tries again by itself where it watches; else try again in a moment.")
	if call.node != "" {
		p.Node = call.node
		p.What = fmt.Sprintf("%s did not answer in time while %s.", call.node, call.doing)
	}
	return p
}

// bodyProblem is about a success whose body could not be read.
func bodyProblem(a authority.Address, call call, resp *http.Response, err error) error {
	var syntax *syntaxError
	switch {
	case isTimeout(err):
		p := timeoutProblem(a, call, err)
		p.What = fmt.Sprintf("%s began to answer, but did not come to an end while %s.", a, call.doing)
		return p
	case errors.Is(err, errTooLarge):
		return of(problem.TooLarge, err, fmt.Sprintf("The answer of %s while %s was larger than Berth reads.", a, call.doing),
			"What was known before stays. Check what answers at this address.")
	case errors.As(err, &syntax) && !isJSON(resp):
		return of(problem.NotProxmox, err, fmt.Sprintf("Something answers at %s, but it is not Proxmox VE.", a),
			"Enter the address and port of the Proxmox web interface, usually port 8006.")
	case isClosed(err):
		return of(problem.Garbled, err, fmt.Sprintf("The answer of %s broke off in the middle while %s.", a, call.doing),
			"Try again. If it stays so, look into the log of pveproxy on the node.")
	}
	return of(problem.Garbled, err, fmt.Sprintf("%s answered while %s, but the answer cannot be read.", a, call.doing),
		"Try again. If it stays so, this version of Proxmox may be one that Berth does not know.")
}

func isJSON(resp *http.Response) bool {
	return strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "application/json")
}

// lostWrite is about a change whose answer did not come, or cannot be read.
func lostWrite(a authority.Address, call call, err error) *problem.Problem {
	p := of(problem.OutcomeUnknown, err, fmt.Sprintf("The answer of %s was lost while %s: it may have been carried out or not.", a, call.doing),
		"Berth does not repeat it. Look at the present state first, then try again if it is needed.")
	p.Node = call.node
	return p
}

// noneAnswers adds to the first address's reason that the others were tried.
func noneAnswers(err error, tried int) error {
	p := problem.Of(err)
	if p == nil || tried < 2 {
		return err
	}
	all := *p
	all.What += " No other address of this cluster answers either."
	return &all
}
