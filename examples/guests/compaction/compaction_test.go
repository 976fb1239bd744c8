package main

import (
	"strings"
	"testing"

	"streamline/guest"
)

const config = `{"key_field": "id", "deleted_field": "deleted"}`

func try(t *testing.T, key []byte, value string) guest.Trial {
	t.Helper()
	if trial := guest.TryInit(config); trial.Err != nil {
		t.Fatal(trial.Err)
	}
	return guest.Try(guest.Given{Key: key, Value: []byte(value), Headers: []guest.Header{{Name: "h", Value: []byte("1")}}})
}

func TestGivesItsKey(t *testing.T) {
	for value, wanted := range map[string]string{
		`{"id": "u-1"}`:                      "u-1",
		`{"id": "ü\n"}`:                      "ü\n",
		`{"\u0069d": "u-1"}`:                 "u-1",
		`{"id": 20211207123456789012}`:       "20211207123456789012",
		`{"id": -1.50, "deleted": false}`:    "-1.50",
		`{"id": 1, "id": 2, "deleted":null}`: "2",
	} {
		trial := try(t, nil, value)
		if trial.Err != nil || len(trial.Outputs) != 1 {
			t.Fatalf("%s: %+v", value, trial)
		}
		output := trial.Outputs[0]
		if string(output.Key) != wanted || string(output.Value) != value || len(output.Headers) != 1 {
			t.Errorf("%s: %+v", value, output)
		}
	}
}

func TestLeavesTheRightKey(t *testing.T) {
	if trial := try(t, []byte("u-1"), `{"id": "u-1"}`); !trial.Unchanged {
		t.Errorf("%+v", trial)
	}
}

func TestMakesTombstones(t *testing.T) {
	trial := try(t, []byte("offset-7"), `{"id": "u-1", "deleted": true}`)
	if trial.Err != nil || len(trial.Outputs) != 1 {
		t.Fatalf("%+v", trial)
	}
	if output := trial.Outputs[0]; string(output.Key) != "u-1" || output.Value != nil || len(output.Headers) != 1 {
		t.Errorf("%+v", output)
	}
	if trial.Metrics["deletions"] != 1 {
		t.Errorf("%v", trial.Metrics)
	}
}

func TestPassesTombstones(t *testing.T) {
	if trial := try(t, []byte("u-1"), ""); !trial.Unchanged {
		t.Errorf("%+v", trial)
	}
}

func TestFailsWhatHasNoKey(t *testing.T) {
	for value, why := range map[string]string{
		`{`:                            "no JSON object",
		`null`:                         "no JSON object",
		`[{"id": 1}]`:                  "no JSON object",
		`{}`:                           `no field "id"`,
		`{"id": ""}`:                   "neither text nor a number",
		`{"id": null}`:                 "neither text nor a number",
		`{"id": true}`:                 "neither text nor a number",
		`{"id": {"a": 1}}`:             "neither text nor a number",
		`{"id": 1, "deleted": "true"}`: "neither true nor false",
		`{"id": 1, "deleted": 1}`:      "neither true nor false",
	} {
		if trial := try(t, nil, value); trial.Err == nil || !strings.Contains(trial.Err.Error(), why) {
			t.Errorf("%s: %v", value, trial.Err)
		}
	}
}

func TestRefusesAConfig(t *testing.T) {
	for _, config := range []string{`{}`, `{"key_field": ""}`, `{"key_field": 1}`, `{"key_field": "id", "delete_field": "x"}`} {
		if guest.TryInit(config).Err == nil {
			t.Error(config)
		}
	}
	if trial := guest.TryInit(`{"key_field": "id"}`); trial.Err != nil {
		t.Fatal(trial.Err)
	}
	if trial := guest.Try(guest.Given{Value: []byte(`{"id": 1, "deleted": true, "": true}`)}); trial.Outputs[0].Value == nil {
		t.Error("nothing is deleted without deleted_field")
	}
}
