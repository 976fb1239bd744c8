package main

import (
	"strings"
	"testing"

	"streamline/guest"
)

func withConfig(t *testing.T) {
	t.Helper()
	if trial := guest.TryInit(`{"fields": ["email", "contact"]}`); trial.Err != nil {
		t.Fatal(trial.Err)
	}
}

func TestMasks(t *testing.T) {
	withConfig(t)
	for value, wanted := range map[string]string{
		`{"email": "ann@example.com"}`:                        `{"email":"***@example.com"}`,
		`{"contact": "a@b.c", "id": 20211207123456789012}`:    `{"contact":"***@b.c","id":20211207123456789012}`,
		`{"em\u0061il": "a@b.c", "note": "<a & b>"}`:          `{"email":"***@b.c","note":"<a & b>"}`,
		`{"email": "a@b.c", "contact": 1, "amount": 5285.90}`: `{"amount":5285.90,"contact":1,"email":"***@b.c"}`,
	} {
		trial := guest.Try(guest.Given{Key: []byte("user-1"), Value: []byte(value)})
		if trial.Err != nil || len(trial.Outputs) != 1 {
			t.Fatalf("%s: %+v", value, trial)
		}
		if output := trial.Outputs[0]; string(output.Value) != wanted || string(output.Key) != "user-1" {
			t.Errorf("%s: got %s of key %s", value, output.Value, output.Key)
		}
	}
}

func TestLeavesOthersAsTheyCame(t *testing.T) {
	withConfig(t)
	for _, value := range []string{`{}`, `{ "email": null }`, `{"email": "nobody"}`, `{"other": "a@b.c"}`} {
		if trial := guest.Try(guest.Given{Value: []byte(value)}); !trial.Unchanged {
			t.Errorf("%s: %+v", value, trial)
		}
	}
}

func TestFailsWhatIsNoObject(t *testing.T) {
	withConfig(t)
	for _, value := range []string{``, `{`, `[]`, `null`, `"a@b.c"`, `{} {}`} {
		if trial := guest.Try(guest.Given{Value: []byte(value)}); trial.Err == nil {
			t.Errorf("%s: %+v", value, trial)
		}
	}
}

func TestRefusesAConfig(t *testing.T) {
	for config, wanted := range map[string]string{
		`{}`:                                 "names no field",
		`{"fields": "email"}`:                "cannot unmarshal",
		`{"fields": ["email"], "feilds": 1}`: "unknown field",
	} {
		if trial := guest.TryInit(config); trial.Err == nil || !strings.Contains(trial.Err.Error(), wanted) {
			t.Errorf("%s: %v", config, trial.Err)
		}
	}
}
