package ingest_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

const csvHeader = "metric_name,timestamp,metric_value,check,group,name,status,extra_tags,metadata\n"

func readCSV(text string) read {
	return readStream(ingest.NewCSVReader(strings.NewReader(text), "f.csv", ingest.NewRegistry()))
}

func TestCSVSample(t *testing.T) {
	t.Parallel()
	http := ingest.Counter
	for name, c := range map[string]struct {
		text string
		want readSample
	}{
		"plain": {csvHeader + "http_reqs,1795348800,1.500000,,::home,GET /,200,journey=buy&two words=x y,iter=3&vu=7\n",
			readSample{"http_reqs", http, atNoon, 1.5, `group="::home" journey="buy" name="GET /" status="200" two words="x y"`, `iter="3" vu="7"`}},
		"columns in another order": {"extra_tags,metric_value,my tag,metric_name,timestamp\na=b,2,v,http_reqs,1795348800\n",
			readSample{"http_reqs", http, atNoon, 2, `a="b" my tag="v"`, ""}},
		"columns missing":   {"metric_name,timestamp,metric_value\nhttp_reqs,1795348800,2\n", readSample{"http_reqs", http, atNoon, 2, "", ""}},
		"a byte order mark": {"\ufeff" + "metric_name,timestamp,metric_value\nhttp_reqs,1795348800,2\n", readSample{"http_reqs", http, atNoon, 2, "", ""}},
		"quotes": {csvHeader + `http_reqs,1795348800,1,"a ""b"", c",,"x",,"q=""&r=,",` + "\n",
			readSample{"http_reqs", http, atNoon, 1, `check="a \"b\", c" name="x" q="\"" r=","`, ""}},
		"newlines in a cell": {csvHeader + "http_reqs,1795348800,1,\"one\ntwo\r\n\nthree\",\"a\nb\",,,,\n",
			readSample{"http_reqs", http, atNoon, 1, `check="one\ntwo\r\n\nthree" group="a\nb"`, ""}},
		"carriage returns": {strings.ReplaceAll(csvHeader, "\n", "\r\n") + "http_reqs,1795348800,1,,,,,,vu=1\r\n", readSample{"http_reqs", http, atNoon, 1, "", `vu="1"`}},
		"a quoted cell and carriage returns": {strings.ReplaceAll(csvHeader, "\n", "\r\n") + "http_reqs,1795348800,1,\"a\nb\",,,,,\"vu=1\"\r\n",
			readSample{"http_reqs", http, atNoon, 1, `check="a\nb"`, `vu="1"`}},
		"a quote within a cell":       {csvHeader + "http_reqs,1795348800,1,5\" pipe,,,,,\n", readSample{"http_reqs", http, atNoon, 1, `check="5\" pipe"`, ""}},
		"= and & in a value":          {csvHeader + "http_reqs,1795348800,1,,,,,a=1=2&b=x&y&&c=&=d,\n", readSample{"http_reqs", http, atNoon, 1, `="d" a="1=2" b="x&y&" c=""`, ""}},
		"an extra tag without =":      {csvHeader + "http_reqs,1795348800,1,,,,,alone,\n", readSample{"http_reqs", http, atNoon, 1, `alone=""`, ""}},
		"an extra tag like a column":  {csvHeader + "http_reqs,1795348800,1,,,a,,name=b,\n", readSample{"http_reqs", http, atNoon, 1, `name="b"`, ""}},
		"not UTF-8":                   {csvHeader + "http_reqs,1795348800,1,a\xffb,,,,c=\xfe,\n", readSample{"http_reqs", http, atNoon, 1, `c="` + "\ufffd" + `" check="a` + "\ufffd" + `b"`, ""}},
		"a custom metric":             {csvHeader + "orders,1795348800,-0.500000,,,,,,\n", readSample{"orders", ingest.Unknown, atNoon, -0.5, "", ""}},
		"no newline at the end":       {csvHeader + "http_reqs,1795348800,1,,,,,,", readSample{"http_reqs", http, atNoon, 1, "", ""}},
		"empty lines here and there":  {"\n\r\n" + csvHeader + "\n\nhttp_reqs,1795348800,1,,,,,,\n\n", readSample{"http_reqs", http, atNoon, 1, "", ""}},
		"a metric with a comma in it": {csvHeader + "\"a,b\",1795348800,1,,,,,,\n", readSample{"a,b", ingest.Unknown, atNoon, 1, "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, read{samples: []readSample{c.want}, err: io.EOF}, readCSV(c.text))
		})
	}
}

func TestCSVTimes(t *testing.T) {
	t.Parallel()
	ns := time.Date(2026, 11, 22, 15, 9, 50, 650_736_901, time.UTC)
	for text, want := range map[string]time.Time{
		"1795360190":                            ns.Truncate(time.Second), // unix
		"1795360190650":                         ns.Truncate(time.Millisecond),
		"1795360190650736":                      ns.Truncate(time.Microsecond),
		"1795360190650736901":                   ns,
		"2026-11-22T15:09:50Z":                  ns.Truncate(time.Second), // rfc3339
		"2026-11-22T16:09:50+01:00":             ns.Truncate(time.Second),
		"2026-11-22T15:09:50.650736901Z":        ns, // rfc3339_nano
		"2026-11-22T16:09:50.650736901+01:00":   ns,
		"0":                                     time.Unix(0, 0).UTC(),
		fmt.Sprint(int64(math.MaxInt64)):        time.Unix(0, math.MaxInt64).UTC(),
		fmt.Sprint(int64(math.MaxInt64 / 1000)): time.UnixMicro(math.MaxInt64 / 1000).UTC(),
	} {
		got := readCSV(csvHeader + "vus," + text + ",1,,,,,,\n")
		require.Len(t, got.samples, 1, text)
		assert.Equal(t, want, got.samples[0].time, text)
	}
	for _, text := range []string{"", "-1", "x", "1e9", "99999999999", "99999999999999", "99999999999999999999999999", "2026-11-22", "15:09:50", "1795360190.5", "2026-11-22T15:09:50"} {
		got := readCSV(csvHeader + "vus," + text + ",1,,,,,,\n")
		assert.Equal(t, []string{`f.csv:2:5: not a k6 sample: timestamp is "` + text + `"`}, got.bad, text)
	}
}

// The recorded files of one run, with k6's six time formats.
func TestCSVOfEveryTimeFormatIsTheSame(t *testing.T) {
	t.Parallel()
	row := "http_req_duration,%s,6.675480,,,GET /fast,200,,\n"
	at := time.Date(2026, 11, 22, 15, 9, 50, 960_048_310, time.UTC)
	for format, precision := range map[string]time.Duration{
		at.Format(time.RFC3339): time.Second, at.Format(time.RFC3339Nano): 1, fmt.Sprint(at.Unix()): time.Second,
		fmt.Sprint(at.UnixMilli()): time.Millisecond, fmt.Sprint(at.UnixMicro()): time.Microsecond, fmt.Sprint(at.UnixNano()): 1,
	} {
		got := readCSV(csvHeader + fmt.Sprintf(row, format))
		want := readSample{"http_req_duration", ingest.Trend, at.Truncate(precision), 6.67548, `name="GET /fast" status="200"`, ""}
		assert.Equal(t, []readSample{want}, got.samples)
	}
}

func TestCSVBadLines(t *testing.T) {
	t.Parallel()
	good := "vus,1795348800,1,,,,,,\n"
	for _, c := range []struct{ line, want string }{
		{"hello", `1: not a k6 sample: 1 cells where the header has 9`},
		{"vus,1795348800,1,,,,,", `1: not a k6 sample: 8 cells where the header has 9`},
		{"vus,1795348800,1,,,,,,,", `1: not a k6 sample: 10 cells where the header has 9`},
		{",1795348800,1,,,,,,", `1: not a k6 sample: metric_name is ""`},
		{"vus,now,1,,,,,,", `5: not a k6 sample: timestamp is "now"`},
		{"vus,1795348800,,,,,,,", `16: not a k6 sample: metric_value is ""`},
		{"vus,1795348800,one,,,,,,", `16: not a k6 sample: metric_value is "one"`},
		{"vus,1795348800,NaN,,,,,,", `16: not a k6 sample: metric_value is "NaN"`},
		{"vus,1795348800,+Inf,,,,,,", `16: not a k6 sample: metric_value is "+Inf"`},
		{"vus,1795348800,1 ,,,,,,", `16: not a k6 sample: metric_value is "1 "`},
		{`"a ""b""",1795348800,x,,,,,,`, `22: not a k6 sample: metric_value is "x"`},
		{`vus,1795348800,1,"a"b,,,,,`, `21: not a k6 sample: a quoted cell goes on behind its quote`},
		{"metric_name,timestamp,metric_value,check,group,name,status,extra_tags,metadata", `13: not a k6 sample: timestamp is "timestamp"`},
	} {
		got := readCSV(csvHeader + good + c.line + "\n" + good)
		assert.Equal(t, []string{"f.csv:3:" + c.want}, got.bad, c.line)
		assert.Len(t, got.samples, 2, "%s: the rest goes on", c.line)
		assert.Equal(t, io.EOF, got.err)
	}
}

func TestCSVHeaderMustNameWhatIsNeeded(t *testing.T) {
	t.Parallel()
	got := readCSV("metric_name,timestamp\nvus,1\n")
	want := "1: not a header of k6's CSV: metric_name, timestamp and metric_value must be among its columns"
	assert.Equal(t, []string{"f.csv:1:" + want, "f.csv:2:" + want}, got.bad)
	assert.Equal(t, io.EOF, got.err)
}

func TestCSVQuotedCellWithoutEnd(t *testing.T) {
	t.Parallel()
	good := "vus,1795348800,1,,,,,,\n"
	text := csvHeader + good + "vus,1795348800,1,\"open,,,,,\n" + strings.Repeat(good, 1000)
	got := readCSV(text)
	assert.Len(t, got.samples, 1)
	assert.Equal(t, []string{"f.csv:3:1: not a k6 sample: a quoted cell does not end"}, got.bad)

	// The next quote does not make one cell of all that, and then the rest goes on.
	got = readCSV(text + "vus,1795348800,1,\"closed\",,,,,\n" + good)
	assert.Len(t, got.samples, 2)
	assert.Equal(t, []string{fmt.Sprintf("f.csv:3:%d: not a k6 sample: a quoted cell goes on behind its quote", len(text)-len(csvHeader)-len(",,,,,")+1)}, got.bad)

	// It costs no more time than others, and it does not fill the memory.
	start := time.Now()
	got = readCSV(csvHeader + "vus,1795348800,1,\"open,,,,,\n" + strings.Repeat(good, 800_000))
	assert.Equal(t, []string{"f.csv:2:16777217: the line is longer than 16 MiB"}, got.bad)
	assert.Greater(t, len(got.samples), 50_000, "the rest goes on")
	assert.Less(t, time.Since(start), time.Minute)
}

func TestCSVBadLineIsTorn(t *testing.T) {
	t.Parallel()
	reader := ingest.NewCSVReader(strings.NewReader(csvHeader+"vus,1795348"), "f.csv", ingest.NewRegistry())
	var bad *ingest.BadLine
	require.ErrorAs(t, reader.Read(new(ingest.Sample)), &bad)
	assert.True(t, bad.Torn)
	assert.Equal(t, "vus,1795348", string(bad.Text))
}

func TestCSVTakesTypesFromTheRegistry(t *testing.T) {
	t.Parallel()
	registry := ingest.NewRegistry()
	registry.Define("orders", ingest.Counter)
	got := readStream(ingest.NewCSVReader(strings.NewReader(csvHeader+"orders,1795348800,1,,,,,,\nsize,1795348800,1,,,,,,\n"), "f.csv", registry))
	require.Len(t, got.samples, 2)
	assert.Equal(t, ingest.Counter, got.samples[0].typ)
	assert.Equal(t, ingest.Unknown, got.samples[1].typ)
}

// Cells that hold what keeps cells apart are not mixed up.
func TestCSVTagSetsAreToldApart(t *testing.T) {
	t.Parallel()
	got := readCSV(csvHeader + "vus,1795348800,1,a\x00b,c,,,,\n" + "vus,1795348800,1,a,b\x00c,,,,\n" + "vus,1795348800,1,a,b,c,,,\n" + "vus,1795348800,1,a,b,,c,,\n" + "vus,1795348800,1,a,b,,c,,\n")
	require.Len(t, got.samples, 5)
	assert.Equal(t, []string{`check="a\x00b" group="c"`, `check="a" group="b\x00c"`, `check="a" group="b" name="c"`, `check="a" group="b" status="c"`, `check="a" group="b" status="c"`},
		[]string{got.samples[0].tags, got.samples[1].tags, got.samples[2].tags, got.samples[3].tags, got.samples[4].tags})
}

// The reader sees the same cells in recorded files as encoding/csv.
func TestCSVOfARealRun(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"testdata/everything.csv.gz", "testdata/checkout.csv.gz"} {
		text := unzip(t, file)
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		require.NoError(t, err)
		got := readStream(ingest.NewCSVReader(iotest.HalfReader(bytes.NewReader(text)), "f.csv", ingest.NewRegistry()))
		require.Empty(t, got.bad)
		require.Len(t, got.samples, len(rows)-1)
		for i, row := range rows[1:] {
			var tags []ingest.Tag
			for c, cell := range row[:len(row)-2] {
				if c > 2 && cell != "" {
					tags = append(tags, ingest.Tag{Key: rows[0][c], Value: cell})
				}
			}
			s := got.samples[i]
			require.Equal(t, row[0], s.metric)
			require.Equal(t, row[2], fmt.Sprintf("%f", s.value))
			for _, tag := range tags {
				require.Contains(t, s.tags, fmt.Sprintf("%s=%q", tag.Key, tag.Value))
			}
		}
	}
}

// A run's CSV and JSON say the same, but for what CSV cannot say.
func TestCSVAndJSONOfOneRunAgree(t *testing.T) {
	t.Parallel()
	fromJSON := readJSON(string(checkout(t))).samples
	fromCSV := readCSV(string(unzip(t, "testdata/checkout.csv.gz"))).samples
	require.Len(t, fromCSV, len(fromJSON))
	for i, j := range fromJSON {
		c := fromCSV[i]
		require.Equal(t, j.metric, c.metric)
		require.InDelta(t, j.value, c.value, 5.1e-7)
		require.Equal(t, j.time.Truncate(time.Second), c.time.Truncate(time.Second))
	}
}
