package guest

import (
	"path"
	"runtime"
	"strconv"
	"strings"
)

// panicText is one line: what the panic was about and where. Without fmt, which a transform may do without.
func panicText(value any) string {
	text := "panic: " + panicValue(value)
	if place := panicPlace(); place != "" {
		text += " (" + place + ")"
	}
	return text
}

func panicValue(value any) string {
	switch value := value.(type) {
	case error:
		return value.Error()
	case string:
		return value
	case interface{ String() string }:
		return value.String()
	case int:
		return strconv.Itoa(value)
	default:
		return "a value that is no text"
	}
}

// panicPlace is file and line of the innermost function that is neither the runtime's nor this package's.
func panicPlace() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := frames.Next()
		own := strings.HasPrefix(frame.Function, "streamline/guest.")
		if frame.Function != "" && !own && !strings.HasPrefix(frame.Function, "runtime.") {
			return path.Base(frame.File) + ":" + strconv.Itoa(frame.Line)
		}
		if !more {
			return ""
		}
	}
}
