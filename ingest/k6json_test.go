package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// read is what a reader made of a stream, in a form that can be compared.
type read struct {
	samples []readSample
	bad     []string
	err     error // what the stream ended with
}

type readSample struct {
	metric string
	typ    ingest.MetricType
	time   time.Time
	value  float64
	tags   string
	meta   string
}

func readStream(reader ingest.SampleReader) (r read) {
	for {
		var s ingest.Sample
		err := reader.Read(&s)
		var bad *ingest.BadLine
		switch {
		case err == nil:
			r.samples = append(r.samples, readSample{s.Metric.Name, s.Metric.Type, time.Unix(0, s.Time).UTC(), s.Value, s.Tags.String(), s.Meta.String()})
		case errors.As(err, &bad):
			r.bad = append(r.bad, bad.Error())
		default:
			r.err = err
			return r
		}
	}
}

func readJSON(text string) read {
	return readStream(ingest.NewJSONReader(strings.NewReader(text), "f.json", ingest.NewRegistry()))
}

func point(time, value, tags string) string {
	return `{"metric":"m","type":"Point","data":{"time":"` + time + `","value":` + value + `,"tags":` + tags + `}}` + "\n"
}

const noon = "2026-11-22T12:00:00Z"

var atNoon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestJSONLayouts(t *testing.T) {
	t.Parallel()
	want := []readSample{{"orders", ingest.Unknown, atNoon.Add(123 * ms), 1.5, `a="1" b="x \"y\" é"`, `vu="3"`}}
	tags, meta := `{"a":"1","b":"x \"y\" é"}`, `{"vu":"3"}`
	for name, line := range map[string]string{
		"k6 since v0.45": `{"metric":"orders","type":"Point","data":{"time":"2026-11-22T12:00:00.123Z","value":1.5,"tags":` + tags + `,"metadata":` + meta + `}}`,
		"k6 before":      `{"type":"Point","data":{"time":"2026-11-22T12:00:00.123Z","value":1.5,"tags":` + tags + `,"metadata":` + meta + `},"metric":"orders"}`,
		"other order":    `{"data":{"metadata":` + meta + `,"tags":` + tags + `,"value":1.5,"time":"2026-11-22T12:00:00.123Z"},"metric":"orders","type":"Point"}`,
		"white space":    " {\t\"metric\" : \"orders\" , \"type\":\r \"Point\",\"data\": { \"time\" :\"2026-11-22T12:00:00.123Z\", \"value\": 1.5 ,\"tags\" : { \"b\" : \"x \\\"y\\\" é\" ,\"a\":\"1\" },\"metadata\": " + meta + " } } ",
		"unknown members": `{"version":{"a":[1,-2.5e3,true,false,null,{}],"b":[]},"metric":"orders","type":"Point","data":{"time":"2026-11-22T12:00:00.123Z","value":1.5,"tags":` +
			tags + `,"metadata":` + meta + `,"exemplar":{"x":"\u00e9\/"}},"more":null}`,
		"escapes":         `{"metric":"\u006frders","type":"Point","data":{"time":"2026-11-22T12:00:00.123Z","value":1.5,"tags":{"\u0061":"1","b":"x \"y\" \u00e9"},"metadata":{"v\u0075":"3"}}}`,
		"offset":          `{"metric":"orders","type":"Point","data":{"time":"2026-11-22T14:30:00.123+02:30","value":15e-1,"tags":` + tags + `,"metadata":` + meta + `}}`,
		"a number as tag": `{"metric":"orders","type":"Point","data":{"time":"2026-11-22T12:00:00.123Z","value":1.50,"tags":{"a":1,"b":"x \"y\" é","c":null},"metadata":{"vu":3}}}`,
		"carriage return": `{"metric":"orders","type":"Point","data":{"time":"2026-11-22T12:00:00.123Z","value":1.5,"tags":` + tags + `,"metadata":` + meta + "}}\r",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, read{samples: want, err: io.EOF}, readJSON(line+"\n"))
			assert.Equal(t, read{samples: want, err: io.EOF}, readJSON(line), "without its newline")
			assert.Equal(t, read{samples: append(want, want...), err: io.EOF}, readJSON("\n"+line+"\n \n"+line+"\n\n"), "with empty lines")
		})
	}
}

func TestJSONTagsAndMetadataMayBeMissing(t *testing.T) {
	t.Parallel()
	for _, members := range []string{``, `,"tags":null`, `,"tags":{}`, `,"tags":{},"metadata":null`, `,"metadata":{}`} {
		line := `{"metric":"m","type":"Point","data":{"time":"` + noon + `","value":1` + members + `}}` + "\n"
		want := readSample{metric: "m", time: atNoon, value: 1}
		assert.Equal(t, read{samples: []readSample{want, want}, err: io.EOF}, readJSON(line+line), members)
	}
}

func TestJSONMetricLinesGiveTypes(t *testing.T) {
	t.Parallel()
	define := func(name, typ string) string {
		return `{"type":"Metric","data":{"name":"` + name + `","type":"` + typ + `","contains":"default","thresholds":["p(95)<500"],"submetrics":[{"name":"x{a:b}","suffix":"a:b","tags":{"a":"b"}}]},"metric":"` + name + `"}` + "\n"
	}
	got := readJSON(point(noon, "1", "{}") + define("m", "counter") + point(noon, "2", "{}") + define("vus", "gauge") + define("m", "trend") + point(noon, "3", "{}"))
	require.Equal(t, io.EOF, got.err)
	require.Len(t, got.samples, 3)
	for i, typ := range []ingest.MetricType{ingest.Unknown, ingest.Counter, ingest.Trend} {
		assert.Equal(t, typ, got.samples[i].typ)
	}
}

func TestJSONNumbersEqualStrconv(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	numbers := []string{
		"0", "-0", "0.0", "1e0", "1E+2", "1e-2", "0.1", "123456789012345678", "12345678901234567890", "0.1234567890123456789012345678", "9007199254740993",
		"9007199254740992.5", "1e22", "1e23", "1.7976931348623157e308", "5e-324", "2.2250738585072011e-308", "1e-400", "0.000000000000000000000000000000000001",
		"99999999999999999999999999999999999999999", "123456.7890120000000000000000000000", "-1.5", "18446744073709551615", "18446744073709551616.5",
	}
	for range 20_000 {
		f := math.Float64frombits(rng.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		numbers = append(numbers, strconv.FormatFloat(f, 'g', -1, 64), strconv.FormatFloat(rng.ExpFloat64()*100, 'f', rng.IntN(25), 64),
			strconv.FormatFloat(rng.Float64()*1e6, 'f', -1, 64), strconv.FormatFloat(f, 'e', rng.IntN(20), 64))
	}
	var text strings.Builder
	for _, number := range numbers {
		text.WriteString(point(noon, number, "{}"))
	}
	got := readJSON(text.String())
	require.Empty(t, got.bad)
	require.Len(t, got.samples, len(numbers))
	for i, number := range numbers {
		want, err := strconv.ParseFloat(number, 64)
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got.samples[i].value), number)
	}
}

func TestJSONTimesEqualTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	times := []string{
		"2026-11-22T12:00:00.Z", "2026-11-22T12:00:00", "2026-11-22T12:00:60Z", "2026-11-22T24:00:00Z", "2026-02-29T12:00:00Z", "2024-02-29T12:00:00Z", "2026-13-01T12:00:00Z",
		"2026-11-22T12:00:00+0200", "2026-11-22T12:00:00-23:59", "2026-11-22 12:00:00Z",
		"1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z", "1700-01-01T00:00:00.5-01:00", "yesterday", "",
		"2026-11-22T12:00:00.12345678901234567890Z", "2026-11-22T12:00:00ZZ", "2026-11-22T12:00:00.1+1:00", "\u0000\u0000", strings.Repeat("\\u0000", 19) + "Z",
	}
	for range 20_000 {
		at := time.Unix(rng.Int64N(8e9)-4e9, rng.Int64N(1e9)).In(time.FixedZone("", (rng.IntN(2*24*60-1)-24*60+1)*60))
		text := at.Format("2006-01-02T15:04:05")
		if digits := rng.IntN(12); digits > 0 {
			text += "." + fmt.Sprintf("%012d", rng.Int64N(1e12))[:digits]
		}
		times = append(times, text+at.Format("Z07:00"))
	}
	for _, text := range times {
		got := readJSON(point(text, "1", "{}"))
		var want time.Time
		if err := want.UnmarshalText([]byte(text)); err != nil {
			require.Empty(t, got.samples, text)
			require.Len(t, got.bad, 1, text)
			continue
		}
		require.Len(t, got.samples, 1, text)
		require.True(t, want.Equal(got.samples[0].time), "%s: %s", text, got.samples[0].time)
	}
}

func TestJSONTimesOutOfRange(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"2026-11-22T1:00:00Z", "2026-11-22T12:00:00,5Z", "2026-11-22t12:00:00z", "2026-11-22T12:00:00+24:00", "2026-11-22T12:00:00+02:60", "0001-01-01T00:00:00Z", "1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "9999-12-31T23:59:59Z"} {
		got := readJSON(point(text, "1", "{}"))
		assert.Equal(t, []string{`f.json:1:45: not a k6 sample: "time" is "` + text + `"`}, got.bad)
	}
	for _, text := range []string{"1678-01-01T00:00:00+23:59", "2261-12-31T23:59:59.999999999-23:59"} {
		got := readJSON(point(text, "1", "{}"))
		require.Len(t, got.samples, 1)
		want, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		assert.True(t, want.Equal(got.samples[0].time))
	}
}

func TestJSONBadLines(t *testing.T) {
	t.Parallel()
	good := point(noon, "1", "{}")
	for _, c := range []struct{ line, want string }{
		{`hello`, `1: not a JSON object: 'h' stands where '{' should be`},
		{`"hello"`, `1: not a JSON object: '"' stands where '{' should be`},
		{`null`, `1: not a JSON object: 'n' stands where '{' should be`},
		{`[1,2]`, `1: not a JSON object: '[' stands where '{' should be`},
		{`{`, `2: not a JSON object: the line ends where '"' should be`},
		{`{}`, `1: not a k6 sample: "type" is missing`},
		{`{}}`, `3: not a JSON object: '}' stands behind the end of the object`},
		{`{"metric"`, `10: not a JSON object: the line ends where ':' should be`},
		{`{"metric":`, `11: not a JSON object: the line ends where a value should be`},
		{`{"metric":"m"`, `14: not a JSON object: the line ends where ',' should be`},
		{`{"metric":"m",}`, `15: not a JSON object: '}' stands where '"' should be`},
		{`{"metric":"m" "type":"Point"}`, `15: not a JSON object: '"' stands where ',' should be`},
		{`{'metric':'m'}`, `2: not a JSON object: '\'' stands where '"' should be`},
		{`{"met`, `6: not a JSON object: the line ends in a string`},
		{`{"metric":"m\q"}`, `14: not a JSON object: \q is not an escape`},
		{`{"metric":"m\u12G4"}`, `14: not a JSON object: a \u escape is not four hexadecimal digits`},
		{`{"metric":"m	"}`, `13: not a JSON object: a control character stands in a string`},
		{`{"metric":tru}`, `11: not a JSON object: 't' stands where a value should be`},
		{`{"metric":-}`, `12: not a JSON object: a number lacks its digits`},
		{`{"metric":1.}`, `13: not a JSON object: a number lacks digits behind its point`},
		{`{"metric":1e}`, `13: not a JSON object: a number lacks the digits of its exponent`},
		{`{"metric":01}`, `12: not a JSON object: '1' stands where ',' should be`},
		{`{"type":"Dot"}`, `9: not a k6 sample: "type" is "Dot"`},
		{`{"type":7,"data":{}}`, `9: not a k6 sample: "type" is 7`},
		{`{"type":"Point"}`, `1: not a k6 sample: "metric" is missing`},
		{`{"type":"Point","metric":""}`, `26: not a k6 sample: "metric" is ""`},
		{`{"type":"Point","metric":7,"data":{}}`, `26: not a k6 sample: "metric" is 7`},
		{`{"type":"Point","metric":"m"}`, `1: not a k6 sample: "data" is missing`},
		{`{"type":"Point","metric":"m","data":[]}`, `37: not a k6 sample: "data" is []`},
		{`{"type":"Point","metric":"m","data":{}}`, `37: not a k6 sample: "time" is missing`},
		{`{"type":"Point","metric":"m","data":{"time":"yesterday","value":1}}`, `45: not a k6 sample: "time" is "yesterday"`},
		{`{"type":"Point","metric":"m","data":{"time":1795360190650736901,"value":1}}`, `45: not a k6 sample: "time" is 1795360190650736901`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00+24:00","value":1}}`, `45: not a k6 sample: "time" is "2026-11-22T12:00:00+24:00"`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z"}}`, `37: not a k6 sample: "value" is missing`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":null}}`, `76: not a k6 sample: "value" is null`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":"1"}}`, `76: not a k6 sample: "value" is "1"`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":1e400}}`, `76: not a k6 sample: "value" is 1e400`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":NaN}}`, `76: not a JSON object: 'N' stands where a value should be`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":[]}}`, `85: not a k6 sample: "tags" is []`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":{"a":{"b":"c"}}}}`, `85: not a k6 sample: "tags" is {"a":{"b":"c"}}`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":{"a":["b"]},"metadata":{}}}`, `85: not a k6 sample: "tags" is {"a":["b"]}`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":{},"metadata":"vu"}}`, `99: not a k6 sample: "metadata" is "vu"`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":{}`, `87: not a JSON object: the line ends where ',' should be`},
		{`{"type":"Point","metric":"m","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":{}}}{"type":"Point"}`, `89: not a JSON object: '{' stands behind the end of the object`},
		{`{"type":"Metric","metric":"m"}`, `1: not a k6 sample: "data" is missing`},
		{`{"type":"Metric","metric":"m","data":{"name":"m","type":"histogram"}}`, `38: not a k6 sample: "data" is {"name":"m","type":"histogram"}`},
		{`{"type":"Metric","metric":"m","data":{"type":"counter"}}`, `38: not a k6 sample: "data" is {"type":"counter"}`},
		{`{"type":"Metric","metric":"m","data":{"name":"m","type":7}}`, `38: not a k6 sample: "data" is {"name":"m","type":7}`},
		{`metric_name,timestamp,metric_value`, `1: not a JSON object: 'm' stands where '{' should be`},
		{`{"metric":"m","type":"Point","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":{"a":"this is a very long value that nobody wants to read in a message","b":[]}}}`, `85: not a k6 sample: "tags" is {"a":"this is a very long value that nobody wants to read in…`},
	} {
		got := readJSON(good + c.line + "\n" + good)
		assert.Equal(t, []string{"f.json:2:" + c.want}, got.bad, c.line)
		assert.Len(t, got.samples, 2, "%s: the rest goes on", c.line)
		assert.Equal(t, io.EOF, got.err)
	}
}

func TestJSONBadLineCarriesItsText(t *testing.T) {
	t.Parallel()
	reader := ingest.NewJSONReader(strings.NewReader("{}\n{\"met"), "f.json", ingest.NewRegistry())
	var s ingest.Sample
	var bad *ingest.BadLine
	require.ErrorAs(t, reader.Read(&s), &bad)
	assert.Equal(t, ingest.BadLine{File: "f.json", Line: 1, Byte: 1, Reason: `not a k6 sample: "type" is missing`, Text: []byte("{}")}, *bad)
	require.ErrorAs(t, reader.Read(&s), &bad)
	assert.Equal(t, ingest.BadLine{File: "f.json", Line: 2, Byte: 6, Reason: "not a JSON object: the line ends in a string", Text: []byte(`{"met`), Torn: true}, *bad)
	assert.Equal(t, io.EOF, reader.Read(&s))
	assert.Equal(t, io.EOF, reader.Read(&s), "and it stays the end")
}

// However the stream is cut into reads, the samples are the same; and an error behind them comes back.
func TestJSONReadsAnyStream(t *testing.T) {
	t.Parallel()
	text := checkout(t)[:300_000]
	want := readJSON(string(text))
	require.Len(t, want.bad, 1, "the last line is torn")
	broken := errors.New("broken pipe")
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"byte by byte": iotest.OneByteReader, "halves": iotest.HalfReader, "error with the data": iotest.DataErrReader,
	} {
		got := readStream(ingest.NewJSONReader(wrap(bytes.NewReader(text)), "f.json", ingest.NewRegistry()))
		assert.Equal(t, want, got, name)
	}
	got := readStream(ingest.NewJSONReader(io.MultiReader(bytes.NewReader(text), iotest.ErrReader(broken)), "f.json", ingest.NewRegistry()))
	assert.Equal(t, want.samples, got.samples)
	assert.Equal(t, broken, got.err)
	got = readStream(ingest.NewJSONReader(stuckReader{}, "f.json", ingest.NewRegistry()))
	assert.Equal(t, io.ErrNoProgress, got.err)
}

type stuckReader struct{}

func (stuckReader) Read([]byte) (int, error) { return 0, nil }

func TestJSONLongLines(t *testing.T) {
	t.Parallel()
	const most = 16 << 20
	good := point(noon, "1", "{}")
	line := func(size int) string {
		empty := len(point(noon, "1", `{"a":""}`)) - 1
		return point(noon, "1", `{"a":"`+strings.Repeat("x", size-empty)+`"}`)
	}
	for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.HalfReader} { // full buffers, and others
		for _, c := range []struct {
			name, text string
			samples    int
			bad        []string
		}{
			{"as long as can be", good + line(most) + good, 3, nil},
			{"a byte too long", good + line(most+1) + good, 2, []string{"f.json:2:16777217: the line is longer than 16 MiB"}},
			{"much too long", good + line(2*most+9) + good, 2, []string{"f.json:2:16777217: the line is longer than 16 MiB"}},
			{"too long at the end", good + strings.TrimSpace(line(2*most+9)), 1, []string{"f.json:2:16777217: the line is longer than 16 MiB"}},
			{"a byte too long at the end", good + strings.TrimSpace(line(most+1)), 1, []string{"f.json:2:16777217: the line is longer than 16 MiB"}},
		} {
			got := readStream(ingest.NewJSONReader(wrap(strings.NewReader(c.text)), "f.json", ingest.NewRegistry()))
			assert.Len(t, got.samples, c.samples, c.name)
			assert.Equal(t, c.bad, got.bad, c.name)
			assert.Equal(t, io.EOF, got.err, c.name)
		}
	}
}

// A line without end does not fill the memory.
func TestJSONMemoryIsBounded(t *testing.T) {
	const size = 256 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := readStream(ingest.NewJSONReader(io.LimitReader(endless{}, size), "f.json", ingest.NewRegistry()))
	runtime.ReadMemStats(&after)
	assert.Equal(t, []string{"f.json:1:16777217: the line is longer than 16 MiB"}, got.bad)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(80<<20), "buffers of 0.25, 0.5 … 32 MiB")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p) // NUL is as good a byte as any that ends no line
	return len(p), nil
}

// The short way and the long way read the same.
func TestJSONFastAndSlowAgree(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/checkout.json.gz", "testdata/everything.json.gz"} {
		text := unzip(t, file)
		slow := spaced(text)
		require.NotEqual(t, text, slow)
		want := readJSON(string(slow))
		require.Empty(t, want.bad)
		got := readJSON(string(text))
		require.Len(t, got.samples, bytes.Count(text, []byte(`"type":"Point"`)))
		assert.Equal(t, want, got, file)
		assert.Equal(t, got, readJSON(string(oldLayout(t, text))), "%s as k6 before v0.45 would have written it", file)
		comparePlainly(t, text, got.samples)
	}
}

// Lines that repeat the last one but for metric and value are read in a way of their own, which must find the
// same in every neighbourhood. A blank in each line sends it the slow way.
func TestJSONRepeatedLines(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	var text strings.Builder
	for range 20_000 {
		line := `{"metric":"` + pick("http_reqs", "http_req_duration", "checks") +
			`","type":"Point","data":{"time":"2026-11-22T12:43:5` + pick("6", "6", "6", "7") + pick("", "", ".5") + `Z","value":` +
			pick("1", "1.5", "-2", "1e3", "1e", "01", "1.", "9007199254740993", "0."+strings.Repeat("3", 40), "") + `,"tags":` +
			pick(`{"a":"1"}`, `{"a":"1"}`, `{"a":"12"}`, `{}`) + pick("", "", `,"metadata":{"vu":"1"}`) + `}}` + pick("", "", "", "}", " ", "\r", ",") + "\n"
		text.WriteString(pick(strings.Repeat(line, random.IntN(4)), line, line, "\n", "{\n", `{"type":"Metric"}`+"\n"))
	}
	text.WriteString(point("2026-11-22T12:43:56Z", "3", `{"a":"1"}`)) // without a newline
	want := readJSON(string(spaced([]byte(text.String()))))
	require.Greater(t, len(want.samples), 5000)
	require.Greater(t, len(want.bad), 1000)
	for name, reader := range map[string]io.Reader{
		"at once": strings.NewReader(text.String()), "byte by byte": iotest.OneByteReader(strings.NewReader(text.String())),
	} {
		got := readStream(ingest.NewJSONReader(reader, "f.json", ingest.NewRegistry()))
		require.Equal(t, want.samples, got.samples, name)
		require.Len(t, got.bad, len(want.bad), name)
		for i := range want.bad {
			require.Equal(t, place(want.bad[i]), place(got.bad[i]), name)
		}
	}
}

// place is the file and the line of a bad line's message.
func place(message string) string {
	parts := strings.SplitN(message, ":", 3)
	return strings.Join(parts[:2], ":")
}

// oldLayout puts the metric last.
func oldLayout(tb testing.TB, text []byte) []byte {
	var old []byte
	for line := range bytes.Lines(text) {
		var l struct {
			Metric json.RawMessage `json:"metric"`
			Type   string          `json:"type"`
			Data   json.RawMessage `json:"data"`
		}
		require.NoError(tb, json.Unmarshal(line, &l))
		old = fmt.Appendf(old, `{"type":%q,"data":%s,"metric":%s}`+"\n", l.Type, l.Data, l.Metric)
	}
	return old
}

// comparePlainly compares samples with what encoding/json reads.
func comparePlainly(tb testing.TB, text []byte, samples []readSample) {
	for line := range bytes.Lines(text) {
		var l plainLine
		require.NoError(tb, json.Unmarshal(line, &l))
		if l.Type != "Point" {
			continue
		}
		s := samples[0]
		samples = samples[1:]
		same := s.metric == l.Metric && s.value == l.Data.Value && s.time.Equal(l.Data.Time) &&
			s.tags == ingest.NewTagSet(ingest.TagsFromMap(l.Data.Tags)).String() && s.meta == ingest.NewMeta(ingest.TagsFromMap(l.Data.Metadata)).String()
		require.True(tb, same, "%s\n%+v", line, s)
	}
	require.Empty(tb, samples)
}
