// Package guest is what a transform in Go is written with.
//
// A transform is a package main that registers its functions before anything else happens:
//
//	func init() { guest.Register(guest.Functions{Transform: transform}) }
//	func main() {}
//
// It is built as a WASI reactor: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared. On any other system the package runs
// against a host in memory (Try, TryInit), so that transforms are tested with go test.
//
// Nothing here may be used by two goroutines at a time.
package guest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Functions are what a transform is made of.
type Functions struct {
	// Init is called once, before the first record, with the spec's config as JSON ({} without one). An error refuses the deploy and is
	// logged. The bytes stay valid. Optional.
	Init func(config []byte) error
	// Transform is called once for each record. An error fails the record: it is logged, and the spec's errors.on_failure decides.
	Transform func(record *Record) (Result, error)
}

var registered Functions

// Register says what the transform consists of. Call it from an init function: main is never run.
func Register(functions Functions) { registered = functions }

// ReadConfig reads the config into a struct and refuses fields that the struct does not have.
func ReadConfig(config []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(config))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errors.New("config: " + err.Error())
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("config: more than one JSON value")
	}
	return nil
}
