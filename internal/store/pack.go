package store

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// A packed value is one byte that says how, then the bytes.
const (
	packedPlain = 0
	packedZstd  = 1

	packAbove   = 4 << 10
	maxUnpacked = 128 << 20
)

// Both are safe for concurrent use in their All forms.
var (
	packer, packerErr     = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	unpacker, unpackerErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
)

// pack makes a body small enough to be kept: compressed when it is large.
func pack(data []byte) ([]byte, error) {
	if len(data) <= packAbove {
		return append([]byte{packedPlain}, data...), nil
	}
	if packerErr != nil {
		return nil, packerErr
	}
	return packer.EncodeAll(data, []byte{packedZstd}), nil
}

// unpack reads what pack wrote. A row is hostile input: it may not unpack to more than maxUnpacked.
func unpack(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, errors.New("a stored body is empty")
	}
	switch body[0] {
	case packedPlain:
		return body[1:], nil
	case packedZstd:
		if unpackerErr != nil {
			return nil, unpackerErr
		}
		data, err := unpacker.DecodeAll(body[1:], nil)
		if err != nil {
			return nil, fmt.Errorf("unpack a stored body: %w", err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("a stored body is packed in an unknown way (%d)", body[0])
}
