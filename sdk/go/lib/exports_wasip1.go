package guest

import (
	"syscall"
	"unsafe"
)

// What the host calls: docs/abi.md. Addresses lead to blocks that alloc gave, and to nothing else.

// blocks are what the host was given. They are its for the life of the instance, so the collector must see them here.
var blocks []block

type block struct {
	start uint32
	bytes []byte
}

//go:wasmexport alloc
func exportAlloc(length uint32) uint32 {
	bytes := make([]byte, max(length, 1))
	start := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes))))
	blocks = append(blocks, block{start, bytes})
	return start
}

// from is all of the block from an address on.
func from(at uint32) []byte {
	for i := len(blocks) - 1; i >= 0; i-- {
		if offset := at - blocks[i].start; at >= blocks[i].start && offset < uint32(len(blocks[i].bytes)) {
			return blocks[i].bytes[offset:]
		}
	}
	panic("the host wrote outside of what alloc gave it")
}

//go:wasmexport init
func exportInit(config, length uint32) uint32 {
	defer endOnPanic()
	if initGuest(from(config)[:length:length]) {
		return 1
	}
	return 0
}

//go:wasmexport filter
func exportFilter(in, length uint32) uint32 {
	defer endOnPanic()
	if filterRecord(from(in)[:length:length]) {
		return 1
	}
	return 0
}

//go:wasmexport transform
func exportTransform(in, length, out uint32) uint32 {
	defer endOnPanic()
	return transformRecord(from(in)[:length:length], from(out))
}

// endOnPanic logs a panic and ends the instance: the record fails with guest.aborted, and the next one gets a fresh instance.
func endOnPanic() {
	if value := recover(); value != nil {
		Log(LevelError, panicText(value))
		syscall.Exit(2)
	}
}
