package guest

import "unsafe"

// The host's functions, and what makes Go's types of them. The host keeps no pointer.

const nullLength = 0xFFFFFFFF

func textAt(text string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(text)), uint32(len(text))
}

func bytesAt(bytes []byte) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.SliceData(bytes)), uint32(len(bytes))
}

func nullableAt(bytes []byte) (unsafe.Pointer, uint32) {
	if bytes == nil {
		return nil, nullLength
	}
	return bytesAt(bytes)
}

//go:wasmimport streamline log
func importedLog(level uint32, text unsafe.Pointer, length uint32)

func hostLog(level Level, text string) {
	at, length := textAt(text)
	importedLog(uint32(level), at, length)
}

//go:wasmimport streamline metadata_topic
func importedTopic(into unsafe.Pointer, room uint32) int32

func hostTopic(into []byte) int32 { return importedTopic(bytesAt(into)) }

//go:wasmimport streamline metadata_partition
func hostPartition() int32

//go:wasmimport streamline metadata_offset
func hostOffset() int64

//go:wasmimport streamline metadata_timestamp_ms
func hostTimestampMs() int64

//go:wasmimport streamline value_is_null
func hostValueIsNull() uint32

//go:wasmimport streamline header_count
func hostHeaderCount() uint32

//go:wasmimport streamline header_name
func importedHeaderName(index uint32, into unsafe.Pointer, room uint32) int32

func hostHeaderName(index uint32, into []byte) int32 {
	at, room := bytesAt(into)
	return importedHeaderName(index, at, room)
}

//go:wasmimport streamline header_value
func importedHeaderValue(index uint32, into unsafe.Pointer, room uint32) int32

func hostHeaderValue(index uint32, into []byte) int32 {
	at, room := bytesAt(into)
	return importedHeaderValue(index, at, room)
}

//go:wasmimport streamline header_find
func importedHeaderFind(name unsafe.Pointer, length uint32) int32

func hostHeaderFind(name string) int32 { return importedHeaderFind(textAt(name)) }

//go:wasmimport streamline header_add
func importedHeaderAdd(name unsafe.Pointer, length uint32, value unsafe.Pointer, valueLength uint32)

func hostHeaderAdd(name string, value []byte) {
	nameAt, length := textAt(name)
	valueAt, valueLength := nullableAt(value)
	importedHeaderAdd(nameAt, length, valueAt, valueLength)
}

//go:wasmimport streamline header_remove
func importedHeaderRemove(name unsafe.Pointer, length uint32) uint32

func hostHeaderRemove(name string) { importedHeaderRemove(textAt(name)) }

//go:wasmimport streamline emit
func importedEmit(payload unsafe.Pointer, length uint32, topic unsafe.Pointer, topicLength uint32)

func hostEmit(payload []byte, topic string) {
	at, length := bytesAt(payload)
	topicAt, topicLength := textAt(topic)
	importedEmit(at, length, topicAt, topicLength)
}

//go:wasmimport streamline emit_tombstone
func importedEmitTombstone(key unsafe.Pointer, length uint32, topic unsafe.Pointer, topicLength uint32)

func hostEmitTombstone(key []byte, topic string) {
	at, length := nullableAt(key)
	topicAt, topicLength := textAt(topic)
	importedEmitTombstone(at, length, topicAt, topicLength)
}

//go:wasmimport streamline metric_add
func importedMetricAdd(name unsafe.Pointer, length uint32, by float64)

func hostMetricAdd(name string, by float64) {
	at, length := textAt(name)
	importedMetricAdd(at, length, by)
}

//go:wasmimport streamline metric_set
func importedMetricSet(name unsafe.Pointer, length uint32, value float64)

func hostMetricSet(name string, value float64) {
	at, length := textAt(name)
	importedMetricSet(at, length, value)
}
