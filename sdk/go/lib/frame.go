package guest

import (
	"encoding/binary"
	"errors"
)

// A payload is framed: u32 little-endian length of the key (nullKey = none), key, value.

const (
	frameHead = 4
	nullKey   = 0xFFFFFFFF
)

var errFrame = errors.New("the payload is not framed: the spec must not say payload: value")

// readFrame answers slices of the payload. Appending to one never reaches the other.
func readFrame(payload []byte) (key, value []byte, err error) {
	if len(payload) < frameHead {
		return nil, nil, errFrame
	}
	keyBytes := binary.LittleEndian.Uint32(payload)
	body := payload[frameHead:len(payload):len(payload)]
	if keyBytes == nullKey {
		return nil, body, nil
	}
	if uint64(keyBytes) > uint64(len(body)) {
		return nil, nil, errFrame
	}
	return body[:keyBytes:keyBytes], body[keyBytes:], nil
}

func frameBytes(output *Output) int { return frameHead + len(output.Key) + len(output.Value) }

func appendFrame(to []byte, output *Output) []byte {
	keyBytes := uint32(nullKey)
	if output.Key != nil {
		keyBytes = uint32(len(output.Key))
	}
	to = binary.LittleEndian.AppendUint32(to, keyBytes)
	to = append(to, output.Key...)
	return append(to, output.Value...)
}
