package guest

// What transform answers instead of a length.
const (
	nothingWritten = 0
	failed         = 0xFFFFFFFF
)

// The host calls filter, then transform. Only filter can drop a record and only transform can have outputs, so the transform's
// function is called by filter and what it answered waits here for transform.
var waiting struct {
	result Result
	err    error
	ready  bool
}

func decide(payload []byte) (Result, error) {
	if registered.Transform == nil {
		panic("no transform: call guest.Register in an init function")
	}
	key, value, err := readFrame(payload)
	if err != nil {
		return Result{}, err
	}
	return registered.Transform(&Record{Key: key, Value: value})
}

// initGuest is false where the config is refused.
func initGuest(config []byte) bool {
	if registered.Init == nil {
		return true
	}
	err := registered.Init(config)
	if err != nil {
		Log(LevelError, err.Error())
	}
	return err == nil
}

// filterRecord is false where the record is dropped.
func filterRecord(payload []byte) bool {
	result, err := decide(payload)
	if err == nil && result.dropped {
		return false
	}
	waiting.result, waiting.err, waiting.ready = result, err, true
	return true
}

// transformRecord answers how many bytes it wrote to out, nothingWritten or failed.
func transformRecord(payload, out []byte) uint32 {
	result, err := waiting.result, waiting.err
	if !waiting.ready {
		result, err = decide(payload)
	}
	waiting.result, waiting.err, waiting.ready = Result{}, nil, false
	if err != nil {
		Log(LevelError, err.Error())
		return failed
	}
	if result.dropped {
		Log(LevelError, "the host did not call filter, and transform cannot drop a record")
		return failed
	}
	return deliver(result.outputs, out)
}
