package cmd_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/terminal"
)

// badInput is something that no user means to give, and what they are told.
type badInput struct {
	name  string
	args  string // by blanks; DIR is the folder of the files
	stdin string
	env   map[string]string
	files map[string]string
	code  cmd.ExitCode
	told  string // standard error, without the lines of a load that went well but for this
}

const (
	sample    = `{"metric":"http_reqs","type":"Point","data":{"time":"2026-11-20T02:00:07Z","value":1,"tags":{}}}` + "\n"
	csvSample = "metric_name,timestamp,metric_value,name\nhttp_reqs,1795140007,1,a\n"
)

func packed(text string) string {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = io.WriteString(zip, text)
	_ = zip.Close()
	return b.String()
}

func packedZstd(text string) string {
	encoder, _ := zstd.NewWriter(nil)
	return string(encoder.EncodeAll([]byte(text), nil))
}

// utf16 is a text in UTF-16 with its mark.
func utf16(text string, big bool) string {
	var b strings.Builder
	for _, c := range []byte("\xff" + text) {
		pair := []byte{c, 0}
		if c == 0xff {
			pair[1] = 0xfe
		}
		if big {
			pair[0], pair[1] = pair[1], pair[0]
		}
		b.Write(pair)
	}
	return b.String()
}

// line is an upload of a file whose second line is bad.
func line(name, text, told string) badInput {
	return badInput{
		name: name, args: "upload --stdout DIR/f.json", files: map[string]string{"f.json": sample + text + "\n" + sample}, code: cmd.ExitUndelivered,
		told: "warning: DIR/f.json:2:" + told + "\nk6es: DIR/f.json: 1 line of 3 was left out; see DIR/f.json.rejects",
	}
}

// row is the same of a CSV file.
func row(name, text, told string) badInput {
	return badInput{
		name: name, args: "upload --stdout DIR/f.csv", files: map[string]string{"f.csv": csvSample + text + "\nhttp_reqs,1795140008,1,b\n"}, code: cmd.ExitUndelivered,
		told: "warning: DIR/f.csv:3:" + told + "\nk6es: DIR/f.csv: 1 line of 3 was left out; see DIR/f.csv.rejects",
	}
}

// file is an upload of something that is no file of samples.
func file(name, content, told string) badInput {
	return badInput{name: name, args: "upload --stdout DIR/f", files: map[string]string{"f": content}, code: cmd.ExitError, told: "k6es: DIR/f " + told}
}

// usage is a command line that is refused before anything is done.
func usage(name, args, told string) badInput {
	return badInput{name: name, args: args, code: cmd.ExitUsage, told: "k6es: " + told}
}

// configured is a config file that is refused.
func configured(name, content, told string) badInput {
	return badInput{name: name, args: "options --config DIR/k6es.yaml", files: map[string]string{"k6es.yaml": content}, code: cmd.ExitUsage, told: "k6es: " + told}
}

// variable is an environment variable that is refused.
func variable(name, value, told string) badInput {
	return badInput{name: name + "=" + value, args: "options", env: map[string]string{name: value}, code: cmd.ExitUsage, told: "k6es: " + name + ": " + told}
}

// summary is a file for --summary that is refused.
func summary(name, content, told string) badInput {
	return badInput{
		name: name, args: "upload --stdout --summary DIR/s.json DIR/f.json", files: map[string]string{"s.json": content, "f.json": sample}, code: cmd.ExitError,
		told: "k6es: --summary DIR/s.json: " + told,
	}
}

// compared is a comparison of something with a file that is well.
func compared(name, content, told string) badInput {
	return badInput{
		name: name, args: "compare --baseline DIR/good.json --contender DIR/f", files: map[string]string{"good.json": sample, "f": content},
		code: cmd.ExitError, told: "k6es: " + told,
	}
}

// asked is a question to a server that holds no runs.
func asked(name, args, told string) badInput {
	return badInput{name: name, args: args + " --url URL", code: cmd.ExitError, told: "k6es: " + told}
}

// point is a line of k6's JSON with these members of its data.
func sampleOf(data string) string {
	return `{"metric":"http_reqs","type":"Point","data":{` + data + `}}`
}

const at = `"time":"2026-11-20T02:00:07Z",`

var badInputs = []badInput{
	// Files that cannot be what is meant.
	{name: "missing", args: "upload --stdout DIR/f", code: 1, told: "k6es: cannot read DIR/f: no such file or directory"},
	{name: "missing, with a name that clears the screen", args: "upload --stdout DIR/a\x1b[2J\u202eb", code: 1, told: `k6es: cannot read DIR/a\x1b[2J\u202eb: no such file or directory`},
	{name: "directory", args: "upload --stdout DIR", code: 1, told: "k6es: DIR is a directory; name the files in it, for example DIR/*.json.gz"},
	{name: "device", args: "upload --stdout /dev/null", code: 1, told: "k6es: /dev/null is empty: there is no k6 sample in it"},
	{name: "below a file", args: "upload --stdout DIR/f/g", files: map[string]string{"f": ""}, code: 1, told: "k6es: cannot read DIR/f/g: not a directory"},
	{name: "name too long", args: "upload --stdout DIR/" + strings.Repeat("x", 300), code: 1, told: "k6es: cannot read DIR/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: file name too long"},
	file("empty", "", "is empty: there is no k6 sample in it"),
	file("blank", " \n\t\r\n", "is empty: there is no k6 sample in it"),
	file("mark only", "\ufeff", "is empty: there is no k6 sample in it"),
	file("empty gzip", packed(""), "is empty: there is no k6 sample in it"),
	file("empty zstd", packedZstd("\n"), "is empty: there is no k6 sample in it"),
	file("gzip, header cut", packed(sample)[:5], "is damaged: its compressed data end too early"),
	{name: "gzip, cut before the first sample", args: "upload --stdout DIR/f", files: map[string]string{"f": packed(sample)[:30]}, code: 1, told: "warning: DIR/f:1: the last line is cut off, as when k6 is killed; it is left out\nk6es: DIR/f is damaged: its compressed data end too early; there is no sample before that"},
	file("gzip of another method", "\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x00", "is damaged: it begins like gzip, but its header makes no sense"),
	file("gzip, damaged", packed(sample)[:10]+"\xff\xff\xff\xff\xff\xff", "is damaged: its compressed data make no sense"),
	file("zstd, magic only", "\x28\xb5\x2f\xfd", "is damaged: its compressed data end too early"),
	file("zstd, cut before the first sample", packedZstd(sample)[:12], "is damaged: its compressed data end too early"),
	file("zstd that needs a large window", "\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00", "is damaged: it takes more than 128 MiB of memory to decompress: compress it anew, without --ultra and --long"),
	file("UTF-16", utf16(sample, false), "is text in UTF-16, as Windows PowerShell makes of what it redirects; k6 itself writes UTF-8 (k6 run --out json=FILE), and iconv -f UTF-16 -t UTF-8 turns it back"),
	file("UTF-16, big end first", utf16(sample, true), "is text in UTF-16, as Windows PowerShell makes of what it redirects; k6 itself writes UTF-8 (k6 run --out json=FILE), and iconv -f UTF-16 -t UTF-8 turns it back"),
	file("zip", "PK\x03\x04\x14\x00", "is a zip archive; unpack it, and upload the files in it"),
	file("bzip2", "BZh91AY&SY", "is compressed by bzip2; unpack it first (bunzip2), or use gzip or zstd"),
	file("xz", "\xfd7zXZ\x00\x00", "is compressed by xz; unpack it first (unxz), or use gzip or zstd"),
	file("7-Zip", "7z\xbc\xaf\x27\x1c\x00", "is a 7-Zip archive; unpack it, and upload the files in it"),
	file("lz4", "\x04\x22\x4d\x18\x64", "is compressed by lz4; unpack it first (unlz4), or use gzip or zstd"),
	file("picture", "\x89PNG\r\n\x1a\n\x00", `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "\x89PNG\r\n\x1a\n\x00"`),
	file("page", "<!DOCTYPE html><html>", `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "<!DOCTYPE html><html>"`),
	file("prose", "The load test went well.\nSee above.", `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "The load test went well.\nSee above."`),
	file("sequences", "\x1b]0;owned\x07\x1b[2J\u202e", `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "\x1b]0;owned\a\x1b[2J\u202e"`),
	file("array", "["+sample+"]", `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "[{\"metric\":\"http_reqs\",\"type\":\"Point\",\"d"`),
	file("number", "42\n", `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "42\n"`),
	file("other CSV", "timestamp,metric,value\n1,2,3\n", `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "timestamp,metric,value\n1,2,3\n"`),
	file("summary export", `{"root_group":{},"metrics":{"http_reqs":{"count":1}}}`, "is k6's end-of-test summary (--summary-export or handleSummary): it has totals, but no samples to load. Record samples with k6 run --out json=FILE.json.gz, and upload that file"),
	file("summary", `{"options":{},"state":{},"metrics":{}}`, "is k6's end-of-test summary (--summary-export or handleSummary): it has totals, but no samples to load. Record samples with k6 run --out json=FILE.json.gz, and upload that file"),
	file("machine-readable summary", `{"version":"1.0.0","results":{}}`, "is k6's machine-readable summary: it has totals, but no samples to load. Record samples with k6 run --out json=FILE.json.gz, and upload that file"),
	file("definitions only", `{"type":"Metric","data":{"name":"a","type":"counter"},"metric":"a"}`, "holds no k6 sample"),
	{name: "other JSON", args: "upload --stdout DIR/f", files: map[string]string{"f": `{"level":"info"}` + "\n" + `{"level":"error"}`}, code: 1, told: "warning: DIR/f:1:1: not a k6 sample: \"type\" is missing\nwarning: DIR/f:2: the last line is cut off, as when k6 is killed; it is left out\nk6es: DIR/f holds no k6 sample"},
	{name: "deep JSON", args: "upload --stdout DIR/f", files: map[string]string{"f": strings.Repeat(`{"a":`, 100_000)}, code: 1, told: "warning: DIR/f:1: the last line is cut off, as when k6 is killed; it is left out\nk6es: DIR/f holds no k6 sample"},
	file("CSV header only", "metric_name,timestamp,metric_value\n", "holds no k6 sample"),
	{name: "CSV header in quotes that do not end", args: "upload --stdout DIR/f", files: map[string]string{"f": "metric_name,metric_value,\"timestamp\n"}, code: 1, told: "warning: DIR/f:1:1: not a k6 sample: a quoted cell does not end\nk6es: DIR/f holds no k6 sample"},
	{name: "stdin, empty", args: "upload --stdout -", code: 1, told: "k6es: stdin is empty: there is no k6 sample in it"},
	{name: "stdin, prose", args: "upload --stdout -", stdin: "Dear diary,", code: 1, told: `k6es: stdin is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "Dear diary,"`},
	{name: "stdin, sequences beside samples", args: "upload --stdout --test shop -", stdin: sample + "\x1b[2Jbanner\n" + sample, code: 0, told: `\x1b[2Jbanner`},

	// Lines.
	line("no JSON", "hello", "1: not a JSON object: 'h' stands where '{' should be"),
	line("half", `{"metric":"http_reqs","type":"Point",`, `38: not a JSON object: the line ends where '"' should be`),
	line("array", `[]`, "1: not a JSON object: '[' stands where '{' should be"),
	line("two in one", strings.TrimSpace(sample)+strings.TrimSpace(sample), "97: not a JSON object: '{' stands behind the end of the object"),
	line("no type", `{"metric":"a","data":{}}`, `1: not a k6 sample: "type" is missing`),
	line("other type", `{"type":"Span","metric":"a","data":{}}`, `9: not a k6 sample: "type" is "Span"`),
	line("type is a number", `{"type":1}`, `9: not a k6 sample: "type" is 1`),
	line("no metric", `{"type":"Point","data":{}}`, `24: not a k6 sample: "metric" is missing`),
	line("metric is a number", `{"metric":5,"type":"Point","data":{}}`, `11: not a k6 sample: "metric" is 5`),
	line("metric is empty", `{"metric":"","type":"Point","data":{}}`, `11: not a k6 sample: "metric" is ""`),
	line("metric is long", `{"metric":"`+strings.Repeat("m", 600)+`","type":"Point","data":{`+at+`"value":1,"tags":{}}}`, `11: not a k6 sample: "metric" is "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm…; a metric's name has at most 512 bytes`),
	line("no data", `{"metric":"a","type":"Point"}`, `1: not a k6 sample: "data" is missing`),
	line("data is a list", `{"metric":"a","type":"Point","data":[1]}`, `37: not a k6 sample: "data" is [1]`),
	line("no time", sampleOf(`"value":1,"tags":{}`), `45: not a k6 sample: "time" is missing`),
	line("time is a word", sampleOf(`"time":"yesterday","value":1`), `53: not a k6 sample: "time" is "yesterday"`),
	line("time is a number", sampleOf(`"time":1795140007,"value":1`), `53: not a k6 sample: "time" is 1795140007`),
	line("time without zone", sampleOf(`"time":"2026-11-20T02:00:07","value":1`), `53: not a k6 sample: "time" is "2026-11-20T02:00:07"`),
	line("time of the year 2300", sampleOf(`"time":"2300-01-01T00:00:00Z","value":1`), `53: not a k6 sample: "time" is "2300-01-01T00:00:00Z"`),
	line("time that turns the line round", sampleOf("\"time\":\"\u202e\u009b\x7f\xff\",\"value\":1"), `53: not a k6 sample: "time" is "\u202e\u009b\x7f\xff"`),
	line("no value", sampleOf(at+`"tags":{}`), `45: not a k6 sample: "value" is missing`),
	line("value is text", sampleOf(at+`"value":"1"`), `84: not a k6 sample: "value" is "1"`),
	line("value is null", sampleOf(at+`"value":null`), `84: not a k6 sample: "value" is null`),
	line("value is no number", sampleOf(at+`"value":NaN`), "84: not a JSON object: 'N' stands where a value should be"),
	line("value is too large", sampleOf(at+`"value":1e999`), `84: not a k6 sample: "value" is 1e999`),
	line("value begins with 0", sampleOf(at+`"value":01`), "85: not a JSON object: '1' stands where ',' should be"),
	line("value lacks digits", sampleOf(at+`"value":1.`), "86: not a JSON object: a number lacks digits behind its point"),
	line("tags are a list", sampleOf(at+`"value":1,"tags":["a"]`), `93: not a k6 sample: "tags" is ["a"]`),
	line("metadata is text", sampleOf(at+`"value":1,"tags":{},"metadata":"vu"`), `107: not a k6 sample: "metadata" is "vu"`),
	line("tags nest too deeply", sampleOf(at+`"value":1,"tags":{"a":`+strings.Repeat(`[`, 100_000)+`}`), "160: not a JSON object: values nest more than 64 deep"),
	line("no escape", sampleOf(at+`"value":1,"tags":{"a":"\x"}`), `100: not a JSON object: \x is not an escape`),
	line("half an escape", sampleOf(at+`"value":1,"tags":{"a":"\u00g0"}`), `100: not a JSON object: a \u escape is not four hexadecimal digits`),
	line("control character", sampleOf(at+"\"value\":1,\"tags\":{\"a\":\"\x1b[2J\"}"), "99: not a JSON object: a control character stands in a string"),
	line("string does not end", sampleOf(at+`"value":1,"tags":{"a":"b`), "102: not a JSON object: the line ends in a string"),
	line("definition without name", `{"type":"Metric","data":{"type":"counter"},"metric":"a"}`, `25: not a k6 sample: "data" is {"type":"counter"}`),
	line("definition of another type", `{"type":"Metric","data":{"name":"a","type":"histogram"},"metric":"a"}`, `25: not a k6 sample: "data" is {"name":"a","type":"histogram"}`),
	line("threshold is a number", `{"type":"Metric","data":{"name":"a","type":"counter","thresholds":[5]},"metric":"a"}`, `25: not a k6 sample: "data" is {"name":"a","type":"counter","thresholds":[5]}`),
	line("threshold is long", `{"type":"Metric","data":{"name":"a","type":"counter","thresholds":["`+strings.Repeat("c", 2000)+`"]},"metric":"a"}`, `25: not a k6 sample: "data" is {"name":"a","type":"counter","thresholds":["cccccccccccccccc…; a threshold has at most 1024 bytes`),
	{name: "torn line", args: "upload --stdout DIR/f", files: map[string]string{"f": sample + sample[:40]}, told: "warning: DIR/f:2: the last line is cut off, as when k6 is killed; it is left out"},
	{name: "gzip, cut in the middle", args: "upload --stdout DIR/f", files: map[string]string{"f": packed(sample) + packed(sample)[:40]}, code: 4, told: "warning: DIR/f:2: the last line is cut off, as when k6 is killed; it is left out\nk6es: DIR/f: the file is damaged (its compressed data end too early); what could be read of it is delivered"},
	{name: "gzip, wrong checksum", args: "upload --stdout DIR/f", files: map[string]string{"f": packed(sample)[:len(packed(sample))-8] + "12345678"}, code: 4, told: "k6es: DIR/f: the file is damaged (its checksum does not fit its content); what could be read of it is delivered"},
	{name: "gzip and something else", args: "upload --stdout DIR/f", files: map[string]string{"f": packed(sample) + "something else"}, code: 4, told: "k6es: DIR/f: the file is damaged (what follows its compressed data is neither gzip nor zstd); what could be read of it is delivered"},
	{name: "mark and a bad line", args: "upload --stdout DIR/f", files: map[string]string{"f": "\ufeff" + sample + "x\n"}, code: 4, told: "warning: DIR/f:2:1: not a JSON object: 'x' stands where '{' should be\nk6es: DIR/f: 1 line of 2 was left out; see DIR/f.rejects"},

	// Rows.
	row("too few cells", "http_reqs,1795140007", "1: not a k6 sample: 2 cells where the header has 4"),
	row("too many cells", "http_reqs,1795140007,1,a,b", "1: not a k6 sample: 5 cells where the header has 4"),
	row("no metric", ",1795140007,1,a", `1: not a k6 sample: metric_name is ""`),
	row("long metric", strings.Repeat("m", 600)+",1795140007,1,a", `1: not a k6 sample: metric_name is "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm…"; a metric's name has at most 512 bytes`),
	row("time is a word", "http_reqs,timestamp,1,a", `11: not a k6 sample: timestamp is "timestamp"`),
	row("time is negative", "http_reqs,-5,1,a", `11: not a k6 sample: timestamp is "-5"`),
	row("time is empty", "http_reqs,,1,a", `11: not a k6 sample: timestamp is ""`),
	row("time is too large", "http_reqs,99999999999999999999,1,a", `11: not a k6 sample: timestamp is "99999999999999999999"`),
	row("value is a word", "http_reqs,1795140007,one,a", `22: not a k6 sample: metric_value is "one"`),
	row("value is infinite", "http_reqs,1795140007,+Inf,a", `22: not a k6 sample: metric_value is "+Inf"`),
	row("value with a comma", `http_reqs,1795140007,"1,5",a`, `22: not a k6 sample: metric_value is "1,5"`),
	row("cell behind its quotes", `http_reqs,1795140007,1,"a"b`, "27: not a k6 sample: a quoted cell goes on behind its quote"),
	row("sequences", "http_reqs,\x1b[2J,1,a", `11: not a k6 sample: timestamp is "\x1b[2J"`),
	{name: "quotes that do not end", args: "upload --stdout DIR/f", files: map[string]string{"f": csvSample + "http_reqs,1795140007,1,\"a\nb\nc\n"}, code: 4, told: "warning: DIR/f:3:1: not a k6 sample: a quoted cell does not end\nk6es: DIR/f: 1 line of 2 was left out; see DIR/f.rejects"},
	{name: "two headers", args: "upload --stdout DIR/f", files: map[string]string{"f": csvSample + csvSample}, code: 4, told: "warning: DIR/f:3:13: not a k6 sample: timestamp is \"timestamp\"\nk6es: DIR/f: 1 line of 3 was left out; see DIR/f.rejects"},

	// Summaries.
	summary("empty", "", "it is not a summary of k6: it is not a JSON object"),
	summary("array", "[]", "it is not a summary of k6: it is not a JSON object"),
	summary("something else", `{"a":1}`, "it is not a summary of k6: it has no metrics"),
	summary("machine-readable", `{"results":{}}`, "it is k6's machine-readable summary, which has no verdicts on thresholds; use what handleSummary is given, or --summary-export"),
	summary("samples", sample+sample, "it is not a summary of k6: it is not a JSON object"),
	summary("odd verdict", `{"metrics":{"a\u001b":{"thresholds":{"x<1":"no"}}}}`, `the threshold "x<1" of "a\x1b": it is neither true, false, nor an object with ok`),
	{name: "summary, missing", args: "upload --stdout --summary DIR/s DIR/f", code: 1, told: "k6es: --summary: open DIR/s: no such file or directory"},
	{name: "summary, directory", args: "upload --stdout --summary DIR DIR/f", code: 1, told: "k6es: --summary DIR: read DIR: is a directory"},
	usage("summary for two", "upload --stdout --summary s a b", "one --summary for 2 files: upload them one by one"),

	// Comparisons of files.
	compared("empty", "", "DIR/f is empty: there is no k6 sample in it"),
	compared("prose", "Dear diary,", `DIR/f is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with "Dear diary,"`),
	compared("no sample", `{"type":"Metric","data":{"name":"a","type":"counter"},"metric":"a"}`, "DIR/f holds no k6 sample"),
	compared("damaged", packed(sample)[:30], "DIR/f is damaged: its compressed data end too early; there is no sample before that"),
	{name: "compared with nothing", args: "compare --baseline DIR/a.json.gz --contender DIR/b.csv", code: 1, told: "k6es: cannot read DIR/b.csv: no such file"},
	{name: "window without samples", args: "compare --baseline DIR/f --contender DIR/f --window 5m:", files: map[string]string{"f": sample}, code: 1, told: "k6es: DIR/f has nothing in the window 5m:"},
	usage("window", "compare --window soon", `--window: "soon" is no window: write FROM:TO, such as 30s: or 30s:5m`),
	usage("window that ends before it begins", "compare --window 5m:1m", `--window: the window "5m:1m" ends before it begins`),
	usage("window of a year", "compare --window 1y:", `--window: "1y" is no duration: write it like 30s or 1m30s`),
	usage("percentile", "compare --percentile 101", `--percentile: "101" is no percentile; write 95 or 50,95,99.9`),
	usage("delta", "compare --delta 5", `--delta: "5" is no percentage; write 5%`),
	usage("format", "compare --format xml", `--format is "xml"; choose text, markdown, json or junit`),
	usage("fail-on", "compare --fail-on better", `--fail-on is "better"; choose worse or never`),

	usage("command with flags", "export alert --for kibana", `unknown command "alert". Did you mean alerts?`),

	// Flags.
	usage("unknown flag", "upload --ouptut json f", "unknown flag: --ouptut. Did you mean --output?"),
	usage("unknown flag that clears the screen", "upload --\x1b[2J", "unknown flag: --\\x1b[2J. See `k6es upload --help`"),
	usage("flag without value", "upload f --run-id", "flag needs an argument: --run-id. See `k6es upload --help`"),
	usage("size", "upload --bulk-size much f", `--bulk-size: "much" is not a size (like 1MiB or 512KiB)`),
	usage("size, too large", "upload --bulk-size 1GiB f", "--bulk-size: 1GiB is out of range (1KiB to 90MiB)"),
	usage("size, far too large", "upload --bulk-size 99999999999GiB f", `--bulk-size: "99999999999GiB" is not a size (like 1MiB or 512KiB)`),
	usage("duration", "upload --timeout soon f", `--timeout: "soon" is not a duration (like 1s or 500ms)`),
	usage("duration, too long", "upload --timeout 9999999h f", `--timeout: "9999999h" is not a duration (like 1s or 500ms)`),
	usage("duration, negative", "upload --timeout -5s f", "--timeout: -5s is too small (at least 1ms)"),
	usage("number", "upload --in-flight 1.5 f", `--in-flight: "1.5" is not a whole number`),
	usage("number, too large", "upload --in-flight 99999999999999999999 f", `--in-flight: "99999999999999999999" is not a whole number`),
	usage("number, out of range", "upload --compression 17 f", "--compression: 17 is out of range (0 to 9)"),
	usage("choice", "upload --index-period year f", `--index-period: "year" is not one of month, day`),
	usage("prefix", "upload --index-prefix K6/* f", `--index-prefix: "K6/*" cannot begin an index name (lower-case letters, digits, - _ and ., beginning with a letter or a digit, at most 200)`),
	usage("label", "upload --label team f", `--label: "team" is not key=value (a comma inside a value is written \,)`),
	usage("header", "upload --header hush f", `--header: takes key=value pairs (a comma inside a value is written \,)`),
	usage("url", "upload --url ftp://es f", `--url: "ftp://es" is not an address (like http://localhost:9200)`),
	usage("url, odd", "upload --url http://[::1 f", `--url: "http://[::1" is not an address (like http://localhost:9200)`),
	{name: "cloud id", args: "upload --cloud-id nonsense f", code: 1, told: `k6es: the cloud id does not look like "name:base64…"; copy it from the deployment's page in Elastic Cloud`},
	usage("run id", "upload --stdout --run-id _search f", `"_search" cannot be a run id: it is empty, ".", "..", or begins with "_"`),
	usage("run id with a control character", "upload --stdout --run-id a\x1bb f", `"a\x1bb" cannot be a run id: it holds a control character, or what is no text`),
	usage("run id, too long", "upload --stdout --run-id "+strings.Repeat("x", 600)+" f", `"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" cannot be a run id: it has 600 bytes, 500 are possible`),
	usage("run name, too long", "upload --run-name "+strings.Repeat("x", 9000)+" f", `--run-name: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 9000 bytes; 8192 are possible`),
	usage("type of a metric", "upload --metric-type orders=number f", "--metric-type orders=number: the type must be counter, gauge, rate or trend"),
	{name: "CA file, missing", args: "upload --ca-cert-file DIR/ca.pem f", code: 1, told: "k6es: cannot use ca-cert-file (K6_ELASTICSEARCH_CA_CERT_FILE): open DIR/ca.pem: no such file or directory"},
	{name: "CA file that is none", args: "upload --ca-cert-file DIR/ca.pem f", files: map[string]string{"ca.pem": "hello"}, code: 1, told: "k6es: cannot use ca-cert-file (K6_ELASTICSEARCH_CA_CERT_FILE): DIR/ca.pem holds no PEM certificate"},
	usage("since", "runs list --since yesterday", `--since: "yesterday" is no time: say 7d, 12h, 2026-11-01 or 2026-11-01T10:30`),
	usage("age", "runs prune --older-than 99999999999d", `--older-than: "99999999999d" is too long`),
	usage("width", "runs list --width -1", "--width is -1; it cannot be negative"),

	// Variables.
	variable("K6_ELASTICSEARCH_FLUSH_PERIOD", "often", `"often" is not a duration (like 1s or 500ms)`),
	variable("K6_ELASTICSEARCH_INSECURE_SKIP_VERIFY", "maybe", `"maybe" is not true or false`),
	variable("K6_ELASTICSEARCH_URL", "://", `"://" is not an address (like http://localhost:9200)`),
	variable("K6_ELASTICSEARCH_URL", "http://me:hush@:x", "number 1 is not an address (like http://localhost:9200)"),
	variable("K6_ELASTICSEARCH_MEMORY", "-1", `"-1" is not a size (like 1MiB or 512KiB)`),
	variable("K6_ELASTICSEARCH_LABELS", "a,b", `"a" is not key=value (a comma inside a value is written \,)`),
	variable("K6ES_CONFIG", "/nowhere/k6es.yaml", "config file: open /nowhere/k6es.yaml: no such file or directory"),

	// Config files.
	configured("unknown option", "url: http://es\nflush-perod: 1s\n", `DIR/k6es.yaml:2: unknown option "flush-perod"; did you mean "flush-period"?`),
	configured("wrong value", "timeout: soon\n", `DIR/k6es.yaml:1: timeout: "soon" is not a duration (like 1s or 500ms)`),
	configured("list in the place of a value", "timeout: [1s]\n", "DIR/k6es.yaml:1: timeout: takes one value, not several"),
	configured("tabs", "labels:\n\tteam: shop\n", "DIR/k6es.yaml: line 2: found character that cannot start any token"),
	configured("no mapping", "- url\n", `DIR/k6es.yaml: is not a list of options like "url: http://localhost:9200"`),
	configured("picture", "\x89PNG\r\n\x1a\n\x00", "DIR/k6es.yaml: invalid leading UTF-8 octet"),
	configured("large", strings.Repeat("# nothing\n", 200_000), "DIR/k6es.yaml: has more than 1024 KiB, which no config file has"),
	configured("deep", "labels: "+strings.Repeat("[", 20_000), "DIR/k6es.yaml: exceeded max depth of 10000"),
	configured("bomb", "labels: &a {a: b}\nheaders: &b [*a,*a,*a,*a]\nurl: [*b,*b,*b,*b]\n", "DIR/k6es.yaml:2: headers: holds lists or maps inside a list or a map\nk6es: DIR/k6es.yaml:3: url: holds lists or maps inside a list or a map"),
	configured("sequences", "\"\\e[2J\": 1\n", `DIR/k6es.yaml:1: unknown option "\x1b[2J"`),
	{name: "config, directory", args: "options --config DIR", code: 2, told: "k6es: --config: config file: read DIR: is a directory"},

	// Runs.
	asked("run that is not there", "runs show checkout", "unknown run \"checkout\". `k6es runs list` shows those that are there"),
	asked("run of 9,000 letters", "runs show "+strings.Repeat("x", 9000), `unknown run "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…": neither an id nor a name has 9000 bytes`),
	asked("run that clears the screen", "runs show \x1b[2J", "unknown run \"\\x1b[2J\". `k6es runs list` shows those that are there"),
	asked("latest of none", "runs show latest", `unknown run "latest": there is no run yet`),
	asked("latest but 99999999999999999999", "runs show latest~99999999999999999999", "unknown run \"latest~99999999999999999999\". `k6es runs list` shows those that are there"),
	asked("latest but -1", "runs delete latest~-1", "unknown run \"latest~-1\". `k6es runs list` shows those that are there"),
	asked("pinned of none", "runs show pinned", `unknown run "pinned": no run is pinned`),
	asked("path", "runs show ../../_cluster/settings", "unknown run \"../../_cluster/settings\". `k6es runs list` shows those that are there"),
}

// emptyServer is an Elasticsearch without anything in it.
func emptyServer(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		switch {
		case r.URL.Path == "/":
			_, _ = io.WriteString(w, `{"cluster_name":"c","version":{"number":"7.10.2","build_flavor":"oss"},"tagline":"You Know, for Search"}`)
		case strings.Contains(r.URL.Path, "/_doc/"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"found":false}`)
		default:
			_, _ = io.WriteString(w, `{"hits":{"hits":[]},"count":0,"aggregations":{}}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestBadInput: whatever is given, the user is told what is wrong with it, where, and what to do.
func TestBadInput(t *testing.T) {
	t.Parallel()
	url := emptyServer(t)
	assert.Greater(t, len(badInputs), 150)
	for _, bad := range badInputs {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, content := range bad.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
			}
			args := strings.Split(bad.args, " ")
			for i := range args {
				args[i] = strings.NewReplacer("DIR", dir, "URL", url).Replace(args[i])
			}
			var told bytes.Buffer
			code := cmd.Main(t.Context(), cmd.Env{In: strings.NewReader(bad.stdin), Out: io.Discard, Err: &told, Vars: bad.env, Name: "k6es"}, args)
			got := strings.NewReplacer(dir, "DIR", url, "URL").Replace(strings.TrimSuffix(told.String(), "\n"))
			assert.Equal(t, bad.told, strings.TrimSuffix(resultLines.ReplaceAllString(got, ""), "\n"))
			assert.Equal(t, bad.code, code)
		})
	}
}

// resultLines say what was loaded all the same.
var resultLines = regexp.MustCompile(`(?m)^DIR/\S+ +run .*\n  .* s\n?|^stdin +run .*\n  .* s\n?`)

// evil is a name as JSON writes it that would clear the screen, begin new lines, and turn the text round.
const evil = `\u001b[2J\n::error::\u202e\u009b1A\u0000\u007f|<b>`

// TestHostileNames: whatever things are called, what is shown is text: on a terminal, in Markdown, in JUnit
// and in the log of a CI system.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	for i, name := range []string{"a\x1b[2J\n\u202e.json", "b.json"} {
		plain := synthetic{seed: uint64(i + 1), start: monday.AddDate(0, 0, i), factor: map[string]float64{"GET /items": 1 + float64(i)}}.write(t, dir, name, "p(95)<1")
		content, err := os.ReadFile(plain)
		require.NoError(t, err)
		text := strings.NewReplacer(
			"GET /items", "GET /"+evil, `"scenario":"shop"`, `"scenario":"`+evil+`","testid":"`+evil+`","a`+evil+`":"`+evil+`"`,
			`{"group":""`, `{"group":"::`+evil+`","check":"`+evil+`","error":"`+evil+`"`,
		).Replace(string(content))
		for range 3 {
			text += `{"metric":"` + evil + `","type":"Point","data":{"time":"2026-11-20T02:00:07Z","value":"` + evil + `","tags":{}}}` + "\n"
			text += `{"metric":"` + evil + `","type":"Point","data":{"time":"2026-11-20T02:00:07Z","value":1,"tags":{}}}` + "\n"
		}
		require.NoError(t, os.WriteFile(plain, []byte(text+"{\"\xff\u202e\x9b\n"), 0o600))
		files = append(files, plain)
	}
	loaded := execute(t, nil, "upload", "--stdout", files[0])
	assert.Contains(t, loaded.err, `\x1b[2J`)
	shown := map[string]string{"upload": loaded.err}
	for _, format := range []string{"text", "markdown", "junit"} {
		c := execute(t, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": filepath.Join(dir, format)},
			"compare", "--all", "--format", format, "--baseline", files[0], "--contender", files[1])
		summary, err := os.ReadFile(filepath.Join(dir, format))
		require.NoError(t, err, c.err)
		shown[format], shown[format+", errors"], shown[format+", summary"] = c.out, c.err, string(summary)
		assert.Contains(t, c.out, `[2J`)
	}
	for of, text := range shown {
		assert.Equal(t, terminal.Lines(text), text, of)
		assert.NotRegexp(t, `(?m)^::error::`, text, of)
	}
}
