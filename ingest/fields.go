package ingest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// protocol tells how tags that several protocols use are to be read: a status of 200 is HTTP's, a
// status of 5 gRPC's, and the status tag of a custom metric is the script's own affair.
type protocol uint8

const (
	otherProtocol protocol = iota
	webProtocol
	grpcProtocol
	numProtocols
)

func (d Dataset) protocol() protocol {
	switch d {
	case datasetHTTP, datasetWS, datasetBrowser:
		return webProtocol
	case datasetGRPC:
		return grpcProtocol
	default:
		return otherProtocol
	}
}

type outcome uint8

const (
	outcomeUnknown outcome = iota
	outcomeSuccess
	outcomeFailure
)

// tagParts are the parts of a document that a set of tags decides, encoded once.
type tagParts struct {
	outer   []byte // objects beside "k6", each with a comma before it: `,"http":{…},"labels":{…}`
	url     []byte // `,"url":{"full":"…"}`, apart because a run with too many URLs leaves it out
	inner   []byte // fields of "k6", each with a comma before it: `,"scenario":"browse","name":"…"`
	tags    []byte // elements of k6.tags, each with a comma before it
	cut     []byte // elements of k6.truncated, likewise
	counts  bool   // vu or iter stand in inner
	outcome outcome
}

// field is a value that is to be written at a path of a document.
type field struct {
	path  []string
	value []byte // JSON
}

// partsBuilder collects what a set of tags says, field by field.
type partsBuilder struct {
	outer, inner []field
	labels       []string // the label keys so far
	tagParts
}

// tagEncoder turns tags into parts of documents. It holds what has to be known of the whole run: the
// label keys and the URLs so far.
type tagEncoder struct {
	runLabels []Tag
	maxLabels int
	labels    map[string]struct{}
	url       URLPolicy
	maxURLs   int
	urls      map[string]struct{}
	capped    bool // whether a label key went to k6.tags because of the cap
}

// URLPolicy says whether documents carry url.full.
type URLPolicy string

// The URL policies. URLAuto keeps URLs until a run has more distinct ones than its cap.
const (
	URLAuto URLPolicy = "auto"
	URLOn   URLPolicy = "on"
	URLOff  URLPolicy = "off"
)

// maxLabelKey is the longest label key, in bytes, that becomes a field.
const maxLabelKey = 256

func newTagEncoder(run Run, o Options) tagEncoder {
	return tagEncoder{
		runLabels: TagsFromMap(run.Labels), maxLabels: o.MaxLabels, labels: map[string]struct{}{},
		url: o.URLs, maxURLs: o.MaxURLs, urls: map[string]struct{}{},
	}
}

// parts returns the encoded parts of a set of tags for a protocol.
func (e *tagEncoder) parts(set *TagSet, p protocol) *tagParts {
	if parts := set.parts[p]; parts != nil {
		return parts
	}
	parts := e.build(set, p)
	set.parts[p] = parts
	return parts
}

func (e *tagEncoder) build(set *TagSet, p protocol) *tagParts {
	var b partsBuilder
	name := set.Get("name")
	for _, tag := range set.tags {
		if tag.Key == "url" {
			if tag.Value != name || name == "" {
				e.buildURL(&b, tag.Value)
			}
		} else if !b.system(tag, p) {
			e.label(&b, tag)
		}
	}
	for _, tag := range e.runLabels {
		e.label(&b, tag)
	}
	if len(b.outer) > 0 {
		b.tagParts.outer = appendFields([]byte{','}, b.outer)
	}
	for _, f := range b.inner {
		b.tagParts.inner = append(appendKey(append(b.tagParts.inner, ','), f.path[0]), f.value...)
	}
	return &b.tagParts
}

// system writes a tag that k6 itself sets to its own field. It returns false when the tag is to become
// a label: because k6 does not know the key, or because the value is not of k6's making.
func (b *partsBuilder) system(tag Tag, p protocol) bool {
	key, value := tag.Key, tag.Value
	switch key {
	case "name", "scenario", "check", "subproto", "ocsp_status":
		b.k6(key, value)
	case "group":
		b.k6(key, strings.TrimPrefix(value, "::"))
	case "method":
		b.ecs(value, methodPath(p)...)
	case "service":
		b.ecs(value, servicePath(p)...)
	case "proto":
		b.ecs(strings.ToLower(value), "network", "protocol")
	case "error":
		b.ecs(value, "error", "message")
	case "error_code":
		b.ecs(value, "error", "code")
	case "status":
		return b.status(value, p)
	case "expected_response":
		return b.expected(value)
	case "tls_version":
		return b.tls(value)
	case "ip":
		return b.ip(value)
	case "vu", "iter":
		return b.count(key, value)
	default:
		return false
	}
	return true
}

func methodPath(p protocol) []string {
	if p == grpcProtocol {
		return []string{"rpc", "method"}
	}
	return []string{"http", "request", "method"}
}

func servicePath(p protocol) []string {
	if p == grpcProtocol {
		return []string{"rpc", "service"}
	}
	return []string{"service", "name"}
}

// status: what a server answered. No answer at all is 0 in k6, and no field here.
func (b *partsBuilder) status(value string, p protocol) bool {
	code, err := strconv.ParseUint(value, 10, 16)
	if err != nil || strconv.FormatUint(code, 10) != value {
		return value == "" && p != otherProtocol
	}
	switch {
	case p == grpcProtocol:
		b.outer = append(b.outer, field{[]string{"rpc", "grpc", "status_code"}, []byte(value)})
		b.outcome = outcomeFailure
		if code == 0 {
			b.outcome = outcomeSuccess
		}
	case p == webProtocol && code >= 100 && code <= 599:
		b.outer = append(b.outer, field{[]string{"http", "response", "status_code"}, []byte(value)})
	default:
		return p == webProtocol && code == 0
	}
	return true
}

func (b *partsBuilder) expected(value string) bool {
	switch value {
	case "true":
		b.outcome = outcomeSuccess
	case "false":
		b.outcome = outcomeFailure
	case "":
	default:
		return false
	}
	return true
}

// tls splits k6's "tls1.3" as ECS wants it.
func (b *partsBuilder) tls(value string) bool {
	for _, protocol := range []string{"tls", "ssl"} {
		if version, ok := strings.CutPrefix(value, protocol); ok && version != "" {
			b.ecs(version, "tls", "version")
			b.ecs(protocol, "tls", "version_protocol")
			return true
		}
	}
	return value == ""
}

func (b *partsBuilder) ip(value string) bool {
	addr, err := netip.ParseAddr(value)
	if err != nil || addr.Zone() != "" {
		return value == ""
	}
	b.ecs(value, "server", "ip")
	return true
}

// count writes the vu and iter tags of k6 before v0.41, which later became metadata.
func (b *partsBuilder) count(key, value string) bool {
	number, ok := countNumber(value)
	if ok {
		b.counts = true
		b.inner = append(b.inner, field{[]string{key}, number})
	}
	return ok
}

func countNumber(value string) (number []byte, ok bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return nil, false
	}
	return strconv.AppendInt(nil, n, 10), true
}

func (b *partsBuilder) k6(key, value string) {
	if value != "" {
		b.inner = append(b.inner, field{[]string{key}, b.text(value, "k6."+key)})
	}
}

func (b *partsBuilder) ecs(value string, path ...string) {
	if value != "" {
		b.outer = append(b.outer, field{path, b.text(value, strings.Join(path, "."))})
	}
}

// text encodes a value and notes the field where it had to be cut.
func (b *partsBuilder) text(value, name string) []byte {
	var cut bool
	encoded := appendString(nil, value, &cut)
	if cut {
		b.cut = appendString(append(b.cut, ','), name, nil)
	}
	return encoded
}

func (e *tagEncoder) buildURL(b *partsBuilder, url string) {
	if url == "" || e.url == URLOff || e.urlsOff() {
		return
	}
	if e.url == URLAuto {
		e.urls[CutText(url)] = struct{}{}
	}
	b.url = append(append([]byte(`,"url":{"full":`), b.text(url, "url.full")...), '}')
}

// urlsOff says whether the run has had more distinct URLs than its cap.
func (e *tagEncoder) urlsOff() bool { return len(e.urls) > e.maxURLs }

// label writes a tag of the script's own: to labels.<key>, or to k6.tags as "key=value" where the key
// cannot be a field, is taken, or is one too many.
func (e *tagEncoder) label(b *partsBuilder, tag Tag) {
	key := strings.ReplaceAll(tag.Key, ".", "_")
	if !e.labelKey(key) || slices.Contains(b.labels, key) {
		b.tags = appendTag(b.tags, tag, &b.cut)
		return
	}
	b.labels = append(b.labels, key)
	b.outer = append(b.outer, field{[]string{"labels", key}, b.text(tag.Value, "labels."+key)})
}

// labelKey says whether a key may be a field, and counts it.
func (e *tagEncoder) labelKey(key string) bool {
	if strings.TrimSpace(key) == "" || len(key) > maxLabelKey || strings.ContainsFunc(key, isControl) {
		return false
	}
	if _, known := e.labels[key]; known {
		return true
	}
	if len(e.labels) >= e.maxLabels {
		e.capped = true
		return false
	}
	e.labels[key] = struct{}{}
	return true
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }

// appendTag appends an element of k6.tags.
func appendTag(dst []byte, tag Tag, truncated *[]byte) []byte {
	var cut bool
	dst = appendString(append(dst, ','), tag.Key+"="+tag.Value, &cut)
	if cut {
		*truncated = append(*truncated, `,"k6.tags"`...)
	}
	return dst
}

// metaParts are the parts of an event document that metadata decides.
type metaParts struct {
	inner []byte // `,"vu":1,"iter":0`
	spare []byte // the same as elements of k6.tags, for documents whose tags hold vu or iter already
	tags  []byte // elements of k6.tags
	cut   []byte // elements of k6.truncated
	outer []byte // `,"trace":{"id":"…"}`
}

func newMetaParts(tags []Tag) metaParts {
	var m metaParts
	for _, tag := range tags {
		switch number, ok := countNumber(tag.Value); {
		case ok && (tag.Key == "vu" || tag.Key == "iter"):
			m.inner = append(appendKey(append(m.inner, ','), tag.Key), number...)
			m.spare = appendTag(m.spare, Tag{tag.Key, string(number)}, &m.cut)
		case tag.Key == "trace_id" && tag.Value != "":
			m.trace(tag.Value)
		default:
			m.tags = appendTag(m.tags, tag, &m.cut)
		}
	}
	return m
}

func (m *metaParts) trace(id string) {
	var cut bool
	m.outer = append(appendString(append(m.outer, `,"trace":{"id":`...), id, &cut), '}')
	if cut {
		m.cut = append(m.cut, `,"trace.id"`...)
	}
}

func appendKey(dst []byte, key string) []byte {
	return append(appendString(dst, key, nil), ':')
}

// appendFields appends fields as the members of nested objects, without the outermost braces.
func appendFields(dst []byte, fields []field) []byte {
	for i := 0; i < len(fields); {
		head := fields[i].path[0]
		if len(fields[i].path) == 1 {
			dst = append(appendKey(dst, head), fields[i].value...)
			i++
		} else {
			var inside []field
			for _, f := range fields {
				if f.path[0] == head {
					inside = append(inside, field{f.path[1:], f.value})
				}
			}
			dst = append(appendFields(append(appendKey(dst, head), '{'), inside), '}')
			fields = slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.path[0] == head })
		}
		if i < len(fields) {
			dst = append(dst, ',')
		}
	}
	return dst
}
