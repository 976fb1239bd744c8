//go:build !wasip1

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var given = Given{
	Topic: "topic-with-a-name-that-is-longer-than-the-buffer-which-is-tried-first", Partition: 3, Offset: 1 << 40, TimestampMs: -1,
	Key: []byte("k"), Value: []byte("v"),
	Headers: []Header{{Name: "a", Value: []byte("1")}, {Name: "n"}, {Name: "a", Value: bytes.Repeat([]byte("x"), 100)}},
}

// answering registers a transform that answers this.
func answering(t *testing.T, result Result, err error) {
	t.Helper()
	Register(Functions{Transform: func(*Record) (Result, error) { return result, err }})
}

// gist is topic, key, value and headers of each output in a line.
func gist(trial Trial) string {
	lines := []string{}
	text := func(bytes []byte) string {
		if bytes == nil {
			return "null"
		}
		return string(bytes)
	}
	for _, output := range trial.Outputs {
		line := output.Topic + " " + text(output.Key) + "=" + text(output.Value)
		for _, header := range output.Headers {
			line += fmt.Sprintf(" %s:%.3s", header.Name, text(header.Value))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestResults(t *testing.T) {
	record := &Record{Key: []byte("k"), Value: []byte("v")}
	for name, one := range map[string]struct {
		result    Result
		unchanged bool
		outputs   string
	}{
		"unchanged":              {Unchanged(), true, ""},
		"the zero result":        {Result{}, true, ""},
		"dropped":                {Drop(), false, ""},
		"no outputs are a drop":  {Outputs(), false, ""},
		"another value":          {Value(record, []byte("w")), false, " k=w a:1 n:nul a:xxx"},
		"an empty value":         {Value(record, []byte{}), false, " k= a:1 n:nul a:xxx"},
		"a null is a tombstone":  {Value(record, nil), false, " k=null a:1 n:nul a:xxx"},
		"no key, and an empty":   {Outputs(Output{Value: []byte("1")}, Output{Key: []byte{}, Value: []byte("2")}), false, " null=1 a:1 n:nul a:xxx\n =2 a:1 n:nul a:xxx"},
		"a topic of its own":     {Outputs(Output{Topic: "t", Value: []byte("1")}), false, "t null=1 a:1 n:nul a:xxx"},
		"a tombstone at the end": {Outputs(Output{Value: []byte("1")}, Output{Key: []byte("k")}), false, " null=1 a:1 n:nul a:xxx\n k=null a:1 n:nul a:xxx"},
		"headers of its own": {
			Outputs(Output{Value: []byte("1"), Headers: []Header{{Name: "b"}, {Name: "b", Value: []byte("2")}}}), false, " null=1 b:nul b:2",
		},
		"headers of one are not those of the next": {
			Outputs(
				Output{Value: []byte("1")}, Output{Value: []byte("2"), Headers: []Header{}}, Output{Value: []byte("3")},
				Output{Headers: []Header{{Name: "b"}}}, Output{Value: []byte("5")},
			),
			false,
			" null=1 a:1 n:nul a:xxx\n null=2\n null=3 a:1 n:nul a:xxx\n null=null b:nul\n null=5 a:1 n:nul a:xxx",
		},
	} {
		answering(t, one.result, nil)
		trial := Try(given)
		if trial.Err != nil || trial.Unchanged != one.unchanged || gist(trial) != one.outputs {
			t.Errorf("%s: %+v\n%s", name, trial, gist(trial))
		}
	}
}

func TestAnErrorIsLoggedAndFails(t *testing.T) {
	answering(t, Result{}, errors.New("no such customer"))
	trial := Try(given)
	if trial.Err == nil || trial.Err.Error() != "no such customer" || len(trial.Log) != 1 || len(trial.Outputs) != 0 {
		t.Errorf("%+v", trial)
	}
}

func TestSeesItsRecord(t *testing.T) {
	Register(Functions{Transform: func(record *Record) (Result, error) {
		last, found := record.Header("a")
		null, foundNull := record.Header("n")
		_, foundNone := record.Header("b")
		text := fmt.Sprint(record.Topic(), record.Partition(), record.Offset(), record.TimestampMs(), len(record.Headers()),
			len(last), found, null == nil, foundNull, foundNone)
		return Value(record, []byte(text)), nil
	}})
	trial := Try(given)
	wanted := fmt.Sprint(given.Topic, 3, 1<<40, -1, 3, 100, true, true, true, false)
	if got := string(trial.Outputs[0].Value); got != wanted {
		t.Errorf("got %s, wanted %s", got, wanted)
	}
}

func TestNullAndEmptyKeys(t *testing.T) {
	for _, key := range [][]byte{nil, {}, []byte("k")} {
		Register(Functions{Transform: func(record *Record) (Result, error) {
			if (record.Key == nil) != (key == nil) || !bytes.Equal(record.Key, key) || record.Value == nil {
				return Result{}, fmt.Errorf("key %v, value %v", record.Key, record.Value)
			}
			return Drop(), nil
		}})
		if trial := Try(Given{Key: key}); trial.Err != nil {
			t.Error(trial.Err)
		}
	}
}

func TestATombstoneIsNotAnEmptyValue(t *testing.T) {
	Register(Functions{Transform: func(record *Record) (Result, error) {
		return Value(record, fmt.Append(nil, record.IsTombstone())), nil
	}})
	for _, one := range []struct {
		value  []byte
		wanted string
	}{{nil, "true"}, {[]byte{}, "false"}, {[]byte("v"), "false"}} {
		if trial := Try(Given{Value: one.value}); string(trial.Outputs[0].Value) != one.wanted {
			t.Errorf("%v: %+v", one.value, trial)
		}
	}
}

func TestAppendingToTheKeyLeavesTheValue(t *testing.T) {
	Register(Functions{Transform: func(record *Record) (Result, error) {
		_ = append(record.Key, "overwritten"...)
		return Value(record, record.Value), nil
	}})
	if trial := Try(given); string(trial.Outputs[0].Value) != "v" {
		t.Errorf("%+v", trial)
	}
}

func TestWhatDoesNotFitIsEmitted(t *testing.T) {
	record := &Record{Key: []byte("k")}
	for room, wanted := range map[int]uint32{9: 9, 8: nothingWritten, 0: nothingWritten} {
		answering(t, Value(record, []byte("four")), nil)
		elsewhere = memoryHost{given: given}
		memory := bytes.Repeat([]byte{'#'}, 32)
		written := transformRecord(appendFrame(nil, &Output{Value: []byte{}}), memory[:room])
		if written != wanted || bytes.ContainsFunc(memory[room:], func(r rune) bool { return r != '#' }) {
			t.Errorf("room for %d: %d, %q", room, written, memory)
		}
		if emitted := len(elsewhere.outputs); emitted != 1 && room < 9 || emitted != 0 && room == 9 {
			t.Errorf("room for %d: %d emitted", room, emitted)
		}
	}
}

func TestALyingFrameFails(t *testing.T) {
	answering(t, Drop(), nil)
	for _, payload := range []string{"", "\x00\x00\x00", "\x01\x00\x00\x00", "\xFE\xFF\xFF\xFFkey"} {
		elsewhere = memoryHost{}
		if !filterRecord([]byte(payload)) || transformRecord([]byte(payload), nil) != failed || len(elsewhere.log) != 1 {
			t.Errorf("%q: %v", payload, elsewhere.log)
		}
	}
}

func TestEachRecordIsDecidedOnce(t *testing.T) {
	calls := 0
	Register(Functions{Transform: func(record *Record) (Result, error) {
		calls++
		return Value(record, fmt.Append(nil, calls)), nil
	}})
	first, second := Try(given), Try(given)
	if calls != 2 || string(first.Outputs[0].Value) != "1" || string(second.Outputs[0].Value) != "2" {
		t.Errorf("%d calls: %+v %+v", calls, first, second)
	}
}

func TestInit(t *testing.T) {
	type settings struct {
		Field string `json:"field"`
	}
	var read settings
	Register(Functions{Init: func(config []byte) error {
		read = settings{}
		return ReadConfig(config, &read)
	}})
	if trial := TryInit(`{"field": "x"}`); trial.Err != nil || read.Field != "x" {
		t.Errorf("%+v %+v", trial, read)
	}
	for _, config := range []string{``, `{`, `{"field": 1}`, `{"fields": "x"}`, `{} {}`, `[]`} {
		if trial := TryInit(config); trial.Err == nil || !strings.HasPrefix(trial.Err.Error(), "config: ") {
			t.Errorf("%s: %+v", config, trial)
		}
	}
	Register(Functions{})
	if trial := TryInit(`{}`); trial.Err != nil {
		t.Error("a transform needs no Init")
	}
}

func TestLogAndMetrics(t *testing.T) {
	Register(Functions{Transform: func(*Record) (Result, error) {
		Log(LevelInfo, "seen")
		MetricAdd("seen", 1)
		MetricAdd("seen", 2)
		MetricSet("level", 7)
		return Unchanged(), nil
	}})
	trial := Try(given)
	if len(trial.Log) != 1 || trial.Metrics["seen"] != 3 || trial.Metrics["level"] != 7 {
		t.Errorf("%+v", trial)
	}
}

func TestPanicText(t *testing.T) {
	for value, wanted := range map[any]string{
		"text": "panic: text", errors.New("an error"): "panic: an error", 7: "panic: 7", 1.5: "panic: a value that is no text",
	} {
		if got := panicText(value); !strings.HasPrefix(got, wanted) {
			t.Errorf("%v: %s", value, got)
		}
	}
}
