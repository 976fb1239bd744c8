// Masks e-mail addresses in JSON events: what stands before the @ becomes ***.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"streamline/guest"
)

func init() { guest.Register(guest.Functions{Init: configure, Transform: mask}) }

func main() {}

// settings are the spec's config.
type settings struct {
	// Fields of the event that hold an address.
	Fields []string `json:"fields"`
}

var configured settings

func configure(config []byte) error {
	var given settings
	if err := guest.ReadConfig(config, &given); err != nil {
		return err
	}
	if len(given.Fields) == 0 {
		return errors.New(`config.fields names no field, as in ["email"]`)
	}
	configured = given
	return nil
}

func mask(record *guest.Record) (guest.Result, error) {
	// RawMessage: what is not masked keeps its digits.
	var event map[string]json.RawMessage
	if err := json.Unmarshal(record.Value, &event); err != nil || event == nil {
		return guest.Result{}, errors.New("the value is no JSON object")
	}
	masked := false
	for _, field := range configured.Fields {
		var address string
		if json.Unmarshal(event[field], &address) != nil {
			continue // not there, or no text
		}
		if _, domain, found := strings.Cut(address, "@"); found {
			event[field] = text("***@" + domain)
			masked = true
		}
	}
	if !masked {
		return guest.Unchanged(), nil
	}
	value, err := marshal(event)
	if err != nil {
		return guest.Result{}, err
	}
	guest.MetricAdd("events_masked", 1)
	return guest.Value(record, value), nil
}

func text(plain string) json.RawMessage {
	quoted, _ := marshal(plain) // a string never fails
	return quoted
}

// marshal leaves <, > and & as they are, which json.Marshal would escape. Fields come out in alphabetical order.
func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), err
}
