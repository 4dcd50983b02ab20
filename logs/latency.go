package logs

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Unit is the unit of a latency: ns, us, ms or s; empty where there is no latency.
type Unit string

// The units.
const (
	Nanoseconds  Unit = "ns"
	Microseconds Unit = "us"
	Milliseconds Unit = "ms"
	Seconds      Unit = "s"
)

// Factor makes milliseconds of a value; 0 for no unit.
func (u Unit) Factor() float64 {
	return map[Unit]float64{Nanoseconds: 1e-6, Microseconds: 1e-3, Milliseconds: 1, Seconds: 1000}[u]
}

// unitSuffixes find the unit at the end of a name: durationMs, elapsed_us, took_seconds.
var unitSuffixes = []struct {
	unit    Unit
	pattern *regexp.Regexp
}{
	{Nanoseconds, regexp.MustCompile(`([a-z0-9](Ns|Nanos|Nanoseconds)|[_-](?i:ns|nanos|nanoseconds))$`)},
	{Microseconds, regexp.MustCompile(`([a-z0-9](Us|Micros|Microseconds)|[_-](?i:us|micros|microseconds))$`)},
	{Milliseconds, regexp.MustCompile(`([a-z0-9](Ms|MS|Millis|Milliseconds)|[_-](?i:ms|msec|millis|milliseconds))$`)},
	{Seconds, regexp.MustCompile(`([a-z0-9](Sec|Secs|Seconds)|[_-](?i:s|sec|secs|seconds))$`)},
}

// cutUnit splits the unit off the last part of a name.
func cutUnit(name string) (rest string, unit Unit) {
	for _, suffix := range unitSuffixes {
		found := suffix.pattern.FindStringIndex(name)
		if found == nil {
			continue
		}
		start := found[0]
		if c := name[start]; c != '_' && c != '-' {
			start++ // the letter before the capital
		}
		return name[:start], suffix.unit
	}
	return name, ""
}

// fixedUnits are fields whose unit is documented: by the Elastic Common Schema, by pino-http, and by what
// express servers with winston log.
var fixedUnits = map[string]Unit{
	"event.duration": Nanoseconds, "responsetime": Milliseconds, "intervaltime": Milliseconds,
}

// unitOf finds the unit of a latency field, and says by what.
func unitOf(field string, values []float64) (unit Unit, why string) {
	parts := strings.Split(field, ".")
	if _, unit := cutUnit(parts[len(parts)-1]); unit != "" {
		return unit, fmt.Sprintf("%s by its name", unit)
	}
	for i := range parts {
		if unit, ok := fixedUnits[normal(strings.Join(parts[i:], "."))]; ok {
			return unit, fmt.Sprintf("%s, as %s always is", unit, strings.Join(parts[i:], "."))
		}
	}
	if len(values) == 0 {
		return Milliseconds, "ms, assumed without a value"
	}
	slices.Sort(values)
	unit = unitOfValues(values[len(values)/2], slices.ContainsFunc(values, isFraction))
	return unit, fmt.Sprintf("%s by its values, %s to %s", unit, short(values[0]), short(values[len(values)-1]))
}

// Services answer within 0.1 ms to 30 s, mostly: so a typical value tells its unit.
const (
	typicalNanoseconds  = 300_000 // above: 0.3 ms in ns, 0.3 s in µs
	typicalMicroseconds = 5_000   // above: 5 ms in µs, 5 s in ms
	typicalSeconds      = 0.8     // fractions below: 800 ms in s
)

func unitOfValues(median float64, fractions bool) Unit {
	switch {
	case median >= typicalNanoseconds:
		return Nanoseconds
	case median >= typicalMicroseconds:
		return Microseconds
	case fractions && median < typicalSeconds:
		return Seconds
	default:
		return Milliseconds
	}
}

func isFraction(value float64) bool { return value != math.Trunc(value) }

func short(value float64) string { return strconv.FormatFloat(value, 'g', 4, 64) }
