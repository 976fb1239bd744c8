// Makes a stream of changes fit for a compacted topic: each record gets the key that says what it is about, and one that says
// its subject is gone becomes a tombstone, so that compaction takes away what was there under that key.
//
// config: { "key_field": "id", "deleted_field": "deleted" }
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"streamline/guest"
)

func init() { guest.Register(guest.Functions{Init: configure, Transform: compact}) }

func main() {}

type settings struct {
	// KeyField is the field whose string or number becomes the key.
	KeyField string `json:"key_field"`
	// DeletedField is the field that is true where the subject is gone. Without it nothing is deleted.
	DeletedField string `json:"deleted_field"`
}

var configured settings

func configure(config []byte) error {
	var given settings
	if err := guest.ReadConfig(config, &given); err != nil {
		return err
	}
	if given.KeyField == "" {
		return errors.New(`config.key_field names no field, as in "id"`)
	}
	configured = given
	return nil
}

func compact(record *guest.Record) (guest.Result, error) {
	// A tombstone (input.tombstones: transform) names its subject by the key it has: there is no field to take another from.
	if len(record.Value) == 0 {
		return guest.Unchanged(), nil
	}
	var change map[string]json.RawMessage
	if err := json.Unmarshal(record.Value, &change); err != nil || change == nil {
		return guest.Result{}, errors.New("the value is no JSON object")
	}
	key, err := keyOf(change)
	if err != nil {
		return guest.Result{}, err
	}
	deleted, err := isDeleted(change)
	switch {
	case err != nil:
		return guest.Result{}, err
	case deleted:
		guest.MetricAdd("deletions", 1)
		return guest.Outputs(guest.Output{Key: key}), nil
	case record.Key != nil && bytes.Equal(key, record.Key):
		return guest.Unchanged(), nil
	default:
		return guest.Outputs(guest.Output{Key: key, Value: record.Value}), nil
	}
}

// keyOf is the text of a string, and of a number its digits as they were written.
func keyOf(change map[string]json.RawMessage) ([]byte, error) {
	raw := change[configured.KeyField]
	var text string
	switch {
	case len(raw) == 0:
		return nil, fmt.Errorf("there is no field %q to make a key of", configured.KeyField)
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil && text != "":
		return []byte(text), nil
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		return raw, nil
	default:
		return nil, fmt.Errorf("field %q is no key: neither text nor a number", configured.KeyField)
	}
}

// isDeleted refuses what is neither true, false nor null: to take it for either would lose data or keep it.
func isDeleted(change map[string]json.RawMessage) (bool, error) {
	if configured.DeletedField == "" {
		return false, nil
	}
	switch raw := change[configured.DeletedField]; string(raw) {
	case "true":
		return true, nil
	case "", "false", "null":
		return false, nil
	default:
		return false, fmt.Errorf("field %q is neither true nor false", configured.DeletedField)
	}
}
