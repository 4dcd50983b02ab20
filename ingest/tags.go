package ingest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tag is one key and value of a sample.
type Tag struct{ Key, Value string }

// TagSet is a set of tags. It is immutable but for the encoded parts of documents that the pipeline
// keeps with it, so one set belongs to one pipeline.
type TagSet struct {
	key   string // the sorted tags, each length-prefixed: equal sets have equal keys
	tags  []Tag  // sorted by key, keys distinct
	parts [numProtocols]*tagParts
}

// NewTagSet makes a set of tags; of tags with one key, the last wins.
func NewTagSet(tags []Tag) *TagSet {
	tags = sortedTags(tags)
	return &TagSet{key: tagsKey(tags), tags: tags}
}

// Get returns the value of a tag, "" if the set has none of that key.
func (t *TagSet) Get(key string) string {
	for _, tag := range t.tags {
		if tag.Key == key {
			return tag.Value
		}
	}
	return ""
}

// Size is about how many bytes of text the set has.
func (t *TagSet) Size() int { return len(t.key) }

// String lists the tags by key, for messages and tests: a="1" b="2".
func (t *TagSet) String() string { return listTags(t.tags) }

func (t *TagSet) equal(other *TagSet) bool { return t == other || t.key == other.key }

// Meta is what k6 calls metadata: facts about one sample that are not part of its series, such as
// vu, iter and trace_id.
type Meta struct {
	key  string
	tags []Tag
	metaParts
}

// NewMeta makes metadata from pairs. It returns nil for none.
func NewMeta(pairs []Tag) *Meta {
	if len(pairs) == 0 {
		return nil
	}
	tags := sortedTags(pairs)
	return &Meta{key: tagsKey(tags), tags: tags, metaParts: newMetaParts(tags)}
}

// Matches says whether the metadata is just what the map holds.
func (m *Meta) Matches(pairs map[string]string) bool {
	if m == nil || len(m.tags) != len(pairs) {
		return m == nil && len(pairs) == 0
	}
	for _, tag := range m.tags {
		if value, ok := pairs[tag.Key]; !ok || value != tag.Value {
			return false
		}
	}
	return true
}

// String lists the pairs by key, as TagSet.String does; nil has none.
func (m *Meta) String() string {
	if m == nil {
		return ""
	}
	return listTags(m.tags)
}

func listTags(tags []Tag) string {
	var b strings.Builder
	for i, tag := range tags {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%q", tag.Key, tag.Value)
	}
	return b.String()
}

func (m *Meta) equal(other *Meta) bool {
	return m == other || (m != nil && other != nil && m.key == other.key)
}

// TagsFromMap lists a map's pairs, sorted by key.
func TagsFromMap(pairs map[string]string) []Tag {
	tags := make([]Tag, 0, len(pairs))
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		tags = append(tags, Tag{key, pairs[key]})
	}
	return tags
}

func sortedTags(tags []Tag) []Tag {
	tags = slices.Clone(tags)
	slices.SortStableFunc(tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	distinct := tags[:0]
	for i, tag := range tags {
		if i+1 < len(tags) && tags[i+1].Key == tag.Key {
			continue
		}
		distinct = append(distinct, tag)
	}
	return distinct
}

func tagsKey(tags []Tag) string {
	var key []byte
	for _, tag := range tags {
		key = binary.AppendUvarint(key, uint64(len(tag.Key)))
		key = append(key, tag.Key...)
		key = binary.AppendUvarint(key, uint64(len(tag.Value)))
		key = append(key, tag.Value...)
	}
	return string(key)
}

// Bounds of a TagTable. A run with more distinct tag sets is still right, only slower: a set that
// was forgotten is made anew.
const (
	maxTagSets      = 8192
	maxTagSetsBytes = 16 << 20
)

// TagTable remembers the tag set of a key: of the bytes in a file, or of k6's own pointer. It holds
// at most maxTagSets sets, whose texts have at most maxTagSetsBytes; when it is full it starts anew.
// It is not safe for concurrent use.
type TagTable[K comparable] struct {
	byKey     map[K]*TagSet
	canonical map[string]*TagSet
	bytes     int
}

// NewTagTable makes an empty table.
func NewTagTable[K comparable]() *TagTable[K] {
	return &TagTable[K]{byKey: map[K]*TagSet{}, canonical: map[string]*TagSet{}}
}

// Put remembers the set of these tags under the key, and returns it: the same set as before when
// equal tags are known under another key.
func (t *TagTable[K]) Put(key K, tags []Tag) *TagSet {
	set := NewTagSet(tags)
	size := 2*len(set.key) + 64
	if len(t.byKey) >= maxTagSets || t.bytes+size > maxTagSetsBytes {
		clear(t.byKey)
		clear(t.canonical)
		t.bytes = 0
	}
	t.bytes += size
	if known, ok := t.canonical[set.key]; ok {
		set = known
	}
	t.canonical[set.key] = set
	t.byKey[key] = set
	return set
}

// Get returns the set that was put under the key.
func (t *TagTable[K]) Get(key K) (*TagSet, bool) {
	set, ok := t.byKey[key]
	return set, ok
}
