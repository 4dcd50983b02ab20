package ingest_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// FuzzJSONLine: the short way and the long way agree, and what they take is JSON that encoding/json
// reads the same.
func FuzzJSONLine(f *testing.F) {
	for _, line := range []string{
		strings.TrimSpace(point("2026-11-22T12:00:00.123456789+02:00", "-1.5e-3", `{"a":"b","c":"\"\u00e9}{"}`)),
		`{"type":"Point","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":{"a":"b"},"metadata":{"vu":"1"}},"metric":"http_reqs"}`,
		`{"type":"Metric","data":{"name":"m","type":"counter"},"metric":"m"}`,
		`{"metric":"m","type":"Point","data":{"time":"2026-11-22T12:00:00Z","value":1,"tags":null,"metadata":{}}}`,
		`{"metric":"` + "\xff" + `","type":"Point","data":{"time":"2026-11-22T12:00:00Z","value":01,"tags":{}}}`,
		`{"x":[[[[{"a":[1,2.5E+7,true,null]}]]]],"metric":"m"}`, `{`, ``, `[]`, `{"metric":"m","type":"Point","data":{"time":"`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n") {
			t.Skip()
		}
		// The second time, the reader remembers the first.
		quick, long := readJSON(line+"\n"+line+"\n"), readJSON(" "+line+"\n "+line+"\n")
		require.Equal(t, long.samples, quick.samples)
		require.Len(t, quick.bad, len(long.bad))
		require.Equal(t, io.EOF, quick.err)
		if len(quick.samples) == 0 {
			return
		}
		require.Len(t, quick.samples, 2)
		require.True(t, json.Valid([]byte(line)))
		first := quick.samples[0]
		require.Equal(t, first, quick.samples[1])
		compareLoosely(t, line, first)
	})
}

// compareLoosely compares a sample with what encoding/json finds, where the two can be compared: keys
// that are there twice, or written with escapes, are taken otherwise.
func compareLoosely(t *testing.T, line string, s readSample) {
	var outer, data map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(line), &outer))
	require.NoError(t, json.Unmarshal(outer["data"], &data))
	if strings.Contains(line, `\u`) || strings.Count(line, `"data"`) != 1 {
		return
	}
	var metric string
	var value float64
	var at time.Time
	require.NoError(t, json.Unmarshal(outer["metric"], &metric))
	require.NoError(t, json.Unmarshal(data["value"], &value))
	require.NoError(t, json.Unmarshal(data["time"], &at))
	require.Equal(t, metric, s.metric)
	require.Equal(t, math.Float64bits(value), math.Float64bits(s.value))
	require.True(t, at.Equal(s.time))
	var tags map[string]string
	if json.Unmarshal(data["tags"], &tags) == nil && !bytes.Contains(data["tags"], []byte("null")) {
		require.Equal(t, ingest.NewTagSet(ingest.TagsFromMap(tags)).String(), s.tags)
	}
}

// FuzzCSV: as many records as encoding/csv finds, where it finds nothing wrong.
func FuzzCSV(f *testing.F) {
	f.Add("vus,1795348800,1,\"a\nb\",,\"x\"\"y\",,a=b&c=d,vu=1\nvus,1795348800650,2,,,,,,\n")
	f.Add("vus,2026-11-22T12:00:00Z,1,\"open,,,,\n\r\nx\n\"\r\n")
	f.Add("\"vus\"x,1,1,,,,,,\n\"\"\"\",\"")
	f.Fuzz(func(t *testing.T, text string) {
		got := readCSV(csvHeader + text)
		require.Equal(t, io.EOF, got.err)
		for _, s := range got.samples {
			require.False(t, math.IsNaN(s.value) || math.IsInf(s.value, 0))
			require.NotEmpty(t, s.metric)
		}
		rows := csv.NewReader(strings.NewReader(csvHeader + text))
		rows.FieldsPerRecord = -1
		if all, err := rows.ReadAll(); err == nil {
			require.Len(t, all, 1+len(got.samples)+len(got.bad))
		}
	})
}

// FuzzPipeline: whatever a script calls things and measures, documents are one line of JSON that the
// mappings know, and every sample is in one.
func FuzzPipeline(f *testing.F) {
	f.Add("orders", uint8(1), 1.5, int64(0), "a=b|c.d=e|c_d=f|=g|vu=1|status=200|url=http://x", "vu=1|iter=2|trace_id=4bf|x=y", "run \"1\"")
	f.Add("http_req_duration", uint8(4), -0.0004, int64(-5e9), "name=a|expected_response=false|ip=::1|tls_version=tls1.3|group=::a::b|proto=HTTP/1.1", "vu=x", "")
	f.Add("checks", uint8(3), 0.0, int64(3e9), "check=a\x00\x7f\xff\u2028|  =x|service=s|method=m", "", "é")
	f.Add("http_reqs", uint8(2), math.MaxFloat64, int64(1e18), strings.Repeat("k=v|", 200)+"k="+strings.Repeat("x", 9000), "=", "\x00")
	f.Fuzz(func(t *testing.T, name string, typ uint8, value float64, step int64, tags, meta, runID string) {
		const n, year = 5, 365 * 24 * time.Hour
		if math.IsNaN(value) || math.IsInf(value, 0) {
			t.Skip()
		}
		at := time.Duration(step) % (10 * year)
		metricType := ingest.MetricType(typ % 5)
		s := newStream().define(name, metricType)
		for i := range time.Duration(n) {
			s.add(name, i*at, value, tags, meta)
			s.request(i*at, float64(i%2), tags, meta)
		}
		run := ingest.Run{ID: runID, Name: name, Test: tags, Labels: map[string]string{"label": meta, name: runID}}
		docs := parseDocuments(t, s.bulk(t, run, withLabels(10)))
		accountFor(t, s, docs)
	})
}

// accountFor checks that the documents hold each sample of the stream once.
func accountFor(t *testing.T, s *stream, docs []document) {
	count, total := map[*ingest.Metric]float64{}, map[*ingest.Metric]float64{}
	for _, sample := range s.samples {
		count[sample.Metric]++
		total[sample.Metric] += sample.Value
	}
	ids := map[string]bool{}
	for _, d := range docs {
		require.False(t, ids[d.ID])
		ids[d.ID] = true
	}
	for metric, n := range count {
		if metric.Name == "vus" || metric.Name == "vus_max" || math.IsInf(total[metric], 0) {
			continue
		}
		name := strings.ToValidUTF8(metric.Name, "\ufffd")
		if !metric.Builtin() && name != metric.Name {
			continue // as it is in the document, more than one name may look like this
		}
		got := documentCounts(docs, metric, name)
		if metric.Builtin() && metric.Type == ingest.Counter {
			require.InDelta(t, total[metric], got, math.Abs(total[metric])*1e-9, name)
			continue
		}
		require.InDelta(t, n, got, 0, name)
	}
}

// documentCounts counts the samples of a metric in the documents: of a built-in counter, the sum.
func documentCounts(docs []document, metric *ingest.Metric, name string) (n float64) {
	for _, d := range docs {
		switch own := d.fields["k6."+name]; {
		case !metric.Builtin():
			if d.fields["k6.metric.name"] == name && d.fields["k6.metric.type"] == metric.Type.String() {
				n += d.fields["k6.metric.count"].(float64)
			}
		case name == "checks":
			n += number(d.fields["k6.checks.passes"]) + number(d.fields["k6.checks.fails"])
		case metric.Type == ingest.Counter:
			n += number(own)
		case own != nil:
			n++
		}
	}
	return n
}

func number(field any) float64 {
	n, _ := field.(float64)
	return n
}

// FuzzSource: any file is read to its end, or refused with words.
func FuzzSource(f *testing.F) {
	text := []byte(point(noon, "1", `{"a":"b"}`))
	f.Add(text)
	f.Add(gzipped(f, text, text))
	f.Add(gzipped(f, text)[:20])
	f.Add(zstdCompressed(f, text, text))
	f.Add([]byte(csvHeader + "vus,1,1,,,,,,\n"))
	f.Add([]byte("\ufeff{\"metrics\":{},\"root_group\":{}}"))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, content []byte) {
		source, err := ingest.Open("-", bytes.NewReader(content), io.Discard)
		if err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), "stdin "), "%v", err)
			return
		}
		defer source.Close()
		reader := source.Samples(ingest.NewRegistry())
		var s ingest.Sample
		var bad *ingest.BadLine
		for err == nil || errors.As(err, &bad) {
			bad = nil
			err = reader.Read(&s)
		}
		if damage := ingest.Damage(err); damage != nil {
			assert.NotEmpty(t, damage.Error())
		}
	})
}
