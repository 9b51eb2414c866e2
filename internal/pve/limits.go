package pve

import "time"

// Limits on what a peer may make Berth do. Sizes count after decompression.
const (
	maxListBytes   = 32 << 20 // an answer that is a list
	maxAnswerBytes = 4 << 20  // any other answer
	maxErrorBytes  = 64 << 10 // the body of a failure: only its first lines are shown
	maxLookBytes   = 64 << 10 // an answer before trust
	maxHeaderBytes = 64 << 10
	maxDepth       = 64
	maxRows        = 50_000
	maxString      = 4 << 10 // longer strings are cut
	maxKey         = 256
	maxShort       = 24 // of these, those that come again are kept once
	maxNumber      = 64
	maxRowNodes    = 4096     // values in one row; more make the row odd
	maxTreeNodes   = 200_000  // values in an answer that is no list
	maxPEM         = 64 << 10 // certificates are the only strings longer than maxString
)

const (
	// deadline is for a whole call: connecting, asking, reading the last byte.
	deadline = 30 * time.Second
	// lookDeadline is for the one call before trust.
	lookDeadline = 5 * time.Second
	// connectTimeout is for one address to accept, handshakeTimeout for it to prove itself.
	connectTimeout   = 4 * time.Second
	handshakeTimeout = 5 * time.Second
	// firstByte is how long a read that the asked node answers by itself may stay
	// without an answer while another address could be asked instead.
	firstByte = 8 * time.Second
	// idleTimeout lies below the 5 s after which pveproxy closes a kept
	// connection, so that Berth closes first and no request races with it.
	idleTimeout = 4700 * time.Millisecond
)
