package guest

// Level of a log line.
type Level uint32

const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// Log writes a line to the transform's log. Lines are cut and rate-limited by the sidecar. What goes to standard output becomes
// lines of level info, standard error warn.
func Log(level Level, text string) { hostLog(level, text) }

// MetricAdd counts the counter streamline_transform_guest_counter_total{name="…"} up. The name has up to 64 lower-case letters,
// digits and _, not a digit first; by is not negative. Anything else ends the call and fails the record.
func MetricAdd(name string, by float64) { hostMetricAdd(name, by) }

// MetricSet sets the gauge streamline_transform_guest_gauge{name="…"}. Names as of MetricAdd.
func MetricSet(name string, value float64) { hostMetricSet(name, value) }
