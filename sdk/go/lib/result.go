package guest

// Result is what becomes of a record. The zero Result is Unchanged.
type Result struct {
	dropped bool
	outputs []Output
}

// Output is one record that goes out.
type Output struct {
	// Topic is where it goes; "" is the spec's output_topic.
	Topic string
	// Key is nil for none. To keep the record's, say so: Key: record.Key.
	Key []byte
	// Value is nil for a tombstone.
	Value []byte
	// Headers are the record's where this is nil, and none where it is empty.
	Headers []Header
}

// Unchanged lets the record go on as it came, a tombstone as a tombstone.
func Unchanged() Result { return Result{} }

// Drop lets nothing go on.
func Drop() Result { return Result{dropped: true} }

// Value lets the record go on with another value: key and headers stay. nil makes it a tombstone.
func Value(record *Record, value []byte) Result {
	return Outputs(Output{Key: record.Key, Value: value})
}

// Outputs are what goes on in place of the record, in this order and all together or not at all. Without any it is Drop.
func Outputs(outputs ...Output) Result {
	return Result{dropped: len(outputs) == 0, outputs: outputs}
}
