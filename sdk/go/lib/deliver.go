package guest

// frame is where payloads are written before they are emitted: the host copies them at once.
var frame []byte

// deliver hands outputs to the host: the last as the answer if it can be one, all others emitted. It answers as
// transformRecord. What is larger than the host takes ends the call there, with nothing out.
func deliver(outputs []Output, out []byte) uint32 {
	headers := headersOfOutputs{}
	for i := range outputs {
		output := &outputs[i]
		headers.set(output.Headers)
		last := i == len(outputs)-1
		switch {
		case output.Value == nil:
			hostEmitTombstone(output.Key, output.Topic)
		case last && output.Topic == "" && frameBytes(output) <= len(out):
			return uint32(len(appendFrame(out[:0], output)))
		default:
			frame = appendFrame(frame[:0], output)
			hostEmit(frame, output.Topic)
		}
	}
	return nothingWritten
}

// headersOfOutputs changes the host's list of headers, which goes with every output after a change, to what each output has.
type headersOfOutputs struct {
	ofRecord []Header
	changed  bool
}

func (headers *headersOfOutputs) set(wanted []Header) {
	if wanted == nil {
		if headers.changed {
			replaceHeaders(headers.ofRecord)
		}
		return
	}
	if !headers.changed {
		headers.ofRecord = (*Record)(nil).Headers()
		headers.changed = true
	}
	replaceHeaders(wanted)
}

func replaceHeaders(wanted []Header) {
	for hostHeaderCount() > 0 {
		name, _ := readHost(func(into []byte) int32 { return hostHeaderName(0, into) })
		hostHeaderRemove(string(name))
	}
	for _, header := range wanted {
		hostHeaderAdd(header.Name, header.Value)
	}
}
