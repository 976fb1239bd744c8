// A guest for the tests of the SDK: it does what the record's value says.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"streamline/guest"
)

func init() { guest.Register(guest.Functions{Init: configure, Transform: transform}) }

func main() {}

func configure(config []byte) error {
	var settings struct {
		Refuse string `json:"refuse"`
		Panic  bool   `json:"panic"`
	}
	if err := guest.ReadConfig(config, &settings); err != nil {
		return err
	}
	if settings.Panic {
		panic("init panics")
	}
	if settings.Refuse != "" {
		return errors.New(settings.Refuse)
	}
	return nil
}

// kept is what the collector must not take, garbage what it must.
var kept, garbage [][]byte

func transform(record *guest.Record) (guest.Result, error) {
	command, argument, _ := strings.Cut(string(record.Value), " ")
	number, _ := strconv.Atoi(argument)
	value := func(text string) (guest.Result, error) { return guest.Value(record, []byte(text)), nil }
	switch command {
	case "":
		if string(record.Key) == "tombstone?" {
			return value(fmt.Sprint(record.IsTombstone()))
		}
		return guest.Unchanged(), nil
	case "unchanged":
		return guest.Unchanged(), nil
	case "drop":
		return guest.Drop(), nil
	case "fail":
		return guest.Result{}, errors.New(argument)
	case "none":
		return guest.Outputs(), nil
	case "tombstone":
		return guest.Value(record, nil), nil
	case "three":
		return guest.Outputs(
			guest.Output{Key: []byte("a"), Value: []byte("one"), Topic: "topic-a"},
			guest.Output{Key: nil, Value: []byte("two")},
			guest.Output{Key: []byte{}, Value: []byte{}},
		), nil
	case "tombstone-first":
		return guest.Outputs(guest.Output{Key: []byte("old")}, guest.Output{Key: []byte("new"), Value: []byte("v")}), nil
	case "headers":
		return guest.Outputs(
			guest.Output{Value: []byte("as they came")},
			guest.Output{Value: []byte("own"), Headers: []guest.Header{{Name: "x", Value: []byte("1")}, {Name: "x"}}},
			guest.Output{Value: []byte("none"), Headers: []guest.Header{}},
			guest.Output{Value: []byte("again as they came")},
		), nil
	case "see":
		last, found := record.Header(argument)
		return value(fmt.Sprintf("%s %d %d %d %q %v %s", record.Topic(), record.Partition(), record.Offset(), record.TimestampMs(),
			record.Headers(), found, last))
	case "echo":
		return value(argument)
	case "bytes":
		return value(strings.Repeat("x", number))
	case "log":
		guest.Log(guest.LevelWarn, argument)
		fmt.Println("stdout", argument)
		fmt.Fprintln(os.Stderr, "stderr", argument)
		return guest.Unchanged(), nil
	case "metric":
		guest.MetricAdd("probes", 2)
		guest.MetricSet("probe_level", float64(number))
		return guest.Unchanged(), nil
	case "panic":
		if argument == "index" {
			_ = record.Value[len(record.Value)+number]
		}
		if argument == "nil" {
			var none *guest.Header
			return value(none.Name)
		}
		panic(fmt.Errorf("a panic with %s", argument))
	case "spin":
		for i := 0; ; i++ {
			number += i
		}
	case "recurse":
		return value(strconv.Itoa(recurse(1)))
	case "keep":
		kept = append(kept, make([]byte, number))
		return guest.Unchanged(), nil
	case "garbage":
		for range number {
			garbage = [][]byte{make([]byte, 1<<20)}
		}
		return guest.Unchanged(), nil
	case "sleep":
		time.Sleep(time.Hour)
		return guest.Unchanged(), nil
	case "deadlock":
		<-make(chan int)
	}
	return guest.Result{}, errors.New("no such command: " + command)
}

func recurse(n int) int { return n + recurse(n+1) }
