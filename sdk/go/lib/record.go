package guest

// Record is the record a transform is called with. Key and Value lie in a buffer that the next record overwrites: what is kept
// beyond the call is copied first (bytes.Clone).
type Record struct {
	// Key is nil where the record has none.
	Key []byte
	// Value is never nil. It is empty for an empty value, and for a tombstone, which is only shown with input.tombstones: transform:
	// IsTombstone tells which.
	Value []byte
}

// Header is one header of a record. A name may be there more than once.
type Header struct {
	Name string
	// Value is nil for a null.
	Value []byte
}

// IsTombstone tells whether the record's value is null.
func (record *Record) IsTombstone() bool {
	// Only where there are no bytes has the host something to tell.
	return len(record.Value) == 0 && hostValueIsNull() != 0
}

// Headers are all headers of the record, in order, copied.
func (*Record) Headers() []Header {
	headers := make([]Header, hostHeaderCount())
	for i := range headers {
		name, _ := readHost(func(into []byte) int32 { return hostHeaderName(uint32(i), into) })
		value, _ := readHost(func(into []byte) int32 { return hostHeaderValue(uint32(i), into) })
		headers[i] = Header{Name: string(name), Value: value}
	}
	return headers
}

// Header is the value of the last header of that name, copied; found is false where there is none. A null is nil.
func (*Record) Header(name string) (value []byte, found bool) {
	index := hostHeaderFind(name)
	if index < 0 {
		return nil, false
	}
	value, _ = readHost(func(into []byte) int32 { return hostHeaderValue(uint32(index), into) })
	return value, true
}

// Topic is the topic the record was read from.
func (*Record) Topic() string {
	topic, _ := readHost(hostTopic)
	return string(topic)
}

// Partition is the partition it was read from.
func (*Record) Partition() int32 { return hostPartition() }

// Offset is its offset there.
func (*Record) Offset() int64 { return hostOffset() }

// TimestampMs is its timestamp in milliseconds since 1970, -1 where it has none.
func (*Record) TimestampMs() int64 { return hostTimestampMs() }

const usualBytes = 64

// readHost asks with a small buffer, and again with one of the length that was answered. A negative answer is a null.
func readHost(ask func(into []byte) int32) (bytes []byte, ok bool) {
	buffer := make([]byte, usualBytes)
	length := ask(buffer)
	if length < 0 {
		return nil, false
	}
	if int(length) > len(buffer) {
		buffer = make([]byte, length)
		ask(buffer)
	}
	return buffer[:length], true
}
