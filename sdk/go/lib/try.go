//go:build !wasip1

package guest

import (
	"bytes"
	"errors"
	"slices"
)

// Given is a record to try a transform with, outside of a sidecar.
type Given struct {
	Topic       string
	Partition   int32
	Offset      int64
	TimestampMs int64
	Key         []byte
	// Value nil is a tombstone.
	Value   []byte
	Headers []Header
	// Room is what the host's output buffer holds, 1 MiB unless given: a larger output is emitted.
	Room int
}

// Trial is what a host would have got.
type Trial struct {
	// Unchanged: the record goes on as it came.
	Unchanged bool
	// Outputs have the headers they leave with, the record's where the transform said nothing else. None and not Unchanged: dropped.
	Outputs []Output
	// Log are the lines that were written, Err's among them.
	Log []string
	// Metrics are the sums of MetricAdd and the last value of MetricSet.
	Metrics map[string]float64
	// Err is why the record failed, or the deploy was refused. There are no outputs then.
	Err error
}

const usualRoom = 1 << 20

// TryInit hands a config to the registered Init. Outside of a sidecar only.
func TryInit(config string) Trial {
	elsewhere = memoryHost{metrics: map[string]float64{}}
	accepted := initGuest([]byte(config))
	return elsewhere.trial(accepted)
}

// Try hands a record to the registered Transform as a sidecar does. Outside of a sidecar only. A panic is the caller's.
func Try(given Given) Trial {
	elsewhere = memoryHost{given: given, headers: cloneHeaders(given.Headers), metrics: map[string]float64{}}
	// As in a sidecar, the record's bytes lie in a buffer of the host's, which is overwritten afterwards.
	payload := appendFrame(nil, &Output{Key: given.Key, Value: given.Value})
	if !filterRecord(payload) {
		return elsewhere.trial(true)
	}
	room := given.Room
	if room == 0 {
		room = usualRoom
	}
	out := make([]byte, room)
	written := transformRecord(payload, out)
	for i := range payload {
		payload[i] = '!'
	}
	if written == failed {
		return elsewhere.trial(false)
	}
	if written != nothingWritten {
		hostEmit(out[:written], "")
	}
	trial := elsewhere.trial(true)
	trial.Unchanged = len(trial.Outputs) == 0
	return trial
}

// elsewhere is the host where there is none: it remembers what it is told.
var elsewhere memoryHost

type memoryHost struct {
	given   Given
	headers []Header
	outputs []Output
	log     []string
	metrics map[string]float64
}

func (host *memoryHost) trial(succeeded bool) Trial {
	trial := Trial{Log: host.log, Metrics: host.metrics}
	if succeeded {
		trial.Outputs = host.outputs
	} else {
		trial.Err = errors.New(host.log[len(host.log)-1])
	}
	return trial
}

func cloneHeaders(headers []Header) []Header {
	cloned := make([]Header, len(headers))
	for i, header := range headers {
		cloned[i] = Header{Name: header.Name, Value: bytes.Clone(header.Value)}
	}
	return cloned
}

// give copies what fits and answers the length, -1 for a null.
func give(value, into []byte) int32 {
	if value == nil {
		return -1
	}
	if len(value) <= len(into) {
		copy(into, value)
	}
	return int32(len(value))
}

func isNull(value []byte) uint32 {
	if value == nil {
		return 1
	}
	return 0
}

func hostLog(_ Level, text string)       { elsewhere.log = append(elsewhere.log, text) }
func hostTopic(into []byte) int32        { return give([]byte(elsewhere.given.Topic), into) }
func hostPartition() int32               { return elsewhere.given.Partition }
func hostOffset() int64                  { return elsewhere.given.Offset }
func hostTimestampMs() int64             { return elsewhere.given.TimestampMs }
func hostValueIsNull() uint32            { return isNull(elsewhere.given.Value) }
func hostHeaderCount() uint32            { return uint32(len(elsewhere.headers)) }
func hostMetricAdd(n string, by float64) { elsewhere.metrics[n] += by }
func hostMetricSet(n string, to float64) { elsewhere.metrics[n] = to }

func hostHeaderName(index uint32, into []byte) int32 {
	return give([]byte(elsewhere.headers[index].Name), into)
}

func hostHeaderValue(index uint32, into []byte) int32 {
	return give(elsewhere.headers[index].Value, into)
}

func hostHeaderFind(name string) int32 {
	for i := len(elsewhere.headers) - 1; i >= 0; i-- {
		if elsewhere.headers[i].Name == name {
			return int32(i)
		}
	}
	return -1
}

func hostHeaderAdd(name string, value []byte) {
	elsewhere.headers = append(elsewhere.headers, Header{Name: name, Value: bytes.Clone(value)})
}

func hostHeaderRemove(name string) {
	elsewhere.headers = slices.DeleteFunc(elsewhere.headers, func(header Header) bool { return header.Name == name })
}

func hostEmit(payload []byte, topic string) {
	key, value, err := readFrame(bytes.Clone(payload))
	if err != nil {
		panic(err)
	}
	hostAdd(Output{Topic: topic, Key: key, Value: value})
}

func hostEmitTombstone(key []byte, topic string) {
	hostAdd(Output{Topic: topic, Key: bytes.Clone(key)})
}

func hostAdd(output Output) {
	output.Headers = cloneHeaders(elsewhere.headers)
	elsewhere.outputs = append(elsewhere.outputs, output)
}
