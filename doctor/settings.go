package doctor

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// settings are those of a cluster that are in force.
type settings struct {
	values map[string]any
	err    error // they were not shown
}

func (p Patient) settings(ctx context.Context) settings {
	var answer struct{ Transient, Persistent, Defaults map[string]any }
	if err := p.get(ctx, "/_cluster/settings?flat_settings=true&include_defaults=true", &answer); err != nil {
		return settings{err: err}
	}
	values := answer.Defaults
	if values == nil {
		values = map[string]any{}
	}
	maps.Copy(values, answer.Persistent)
	maps.Copy(values, answer.Transient)
	return settings{values: values}
}

func (s settings) text(name string) string {
	if value, ok := s.values[name]; ok {
		return fmt.Sprint(value)
	}
	return ""
}

// blocks looks for what makes a server refuse documents. A full disk leaves such a block behind.
func (p Patient) blocks(ctx context.Context, s settings) Finding {
	const check = "blocks"
	for _, name := range []string{"cluster.blocks.read_only", "cluster.blocks.read_only_allow_delete", "cluster.blocks.create_index"} {
		if s.text(name) == "true" {
			return Finding{
				check, Wrong, "the cluster takes no documents: " + name + " is set",
				fmt.Sprintf(`make room on the disks, then PUT _cluster/settings {"persistent":{%q:null},"transient":{%q:null}}`, name, name),
			}
		}
	}
	var indices map[string]struct{ Settings map[string]any }
	names := strings.Join(p.names(), ",")
	err := p.get(ctx, "/"+names+"/_settings/index.blocks.*?flat_settings=true&ignore_unavailable=true&allow_no_indices=true", &indices)
	if err != nil {
		return unseen(check, err)
	}
	for _, index := range slices.Sorted(maps.Keys(indices)) {
		for _, name := range slices.Sorted(maps.Keys(indices[index].Settings)) {
			if fmt.Sprint(indices[index].Settings[name]) == "true" {
				return Finding{
					check, Wrong, fmt.Sprintf("%s takes no documents: %s is set, as when a disk is full", index, name),
					fmt.Sprintf(`make room on the disks, then PUT %s/_settings {%q:null}`, index, name),
				}
			}
		}
	}
	return Finding{check, OK, "none: documents are taken", ""}
}

// disk compares the fullest disk with what the cluster does about full disks.
func (p Patient) disk(ctx context.Context, s settings) Finding {
	const check = "disk"
	var nodes []struct {
		Node      string `json:"node"`
		Available string `json:"disk.avail"`
		Total     string `json:"disk.total"`
	}
	if err := p.get(ctx, "/_cat/allocation?format=json&bytes=b&h=node,disk.avail,disk.total", &nodes); err != nil {
		return unseen(check, err)
	}
	fullest, node := disk{total: 0}, ""
	for _, n := range nodes {
		if d := (disk{count(n.Available), count(n.Total)}); d.total > 0 && (fullest.total == 0 || d.used() > fullest.used()) {
			fullest, node = d, n.Node
		}
	}
	if fullest.total == 0 {
		return Finding{check, Off, "the server does not tell", ""}
	}
	text := fmt.Sprintf("%s is %.0f %% full, %s free", node, 100*fullest.used(), humanize.Bytes(fullest.available))
	const fix = "make room: k6es runs prune --older-than 90d, or a larger disk"
	switch {
	case s.err != nil || s.text(watermarks+"threshold_enabled") == "false":
		return Finding{check, OK, text, ""}
	case fullest.beyond(s, "flood_stage"):
		return Finding{check, Wrong, text + ": beyond the flood stage, indices become read-only", fix}
	case fullest.beyond(s, "high"):
		return Finding{check, Warning, text + ": beyond the high watermark; at the flood stage indices become read-only", fix}
	default:
		return Finding{check, OK, text, ""}
	}
}

// disk has its sizes in bytes.
type disk struct{ available, total uint64 }

func (d disk) used() float64 { return 1 - float64(d.available)/float64(d.total) }

const watermarks = "cluster.routing.allocation.disk."

// beyond says whether the disk is fuller than a watermark allows. That is a share that may be used, or the
// bytes that must be free; newer servers cap what a share keeps free.
func (d disk) beyond(s settings, name string) bool {
	mark := s.text(watermarks + "watermark." + name)
	if free, err := humanize.ParseBytes(binary(mark)); err == nil && !isRatio(mark) {
		return d.available < free
	}
	share, err := strconv.ParseFloat(strings.TrimSuffix(mark, "%"), 64)
	if err != nil {
		return false
	}
	if strings.HasSuffix(mark, "%") {
		share /= 100
	}
	free := (1 - share) * float64(d.total)
	if headroom, err := humanize.ParseBytes(binary(s.text(watermarks + "watermark." + name + ".max_headroom"))); err == nil {
		free = math.Min(free, float64(headroom))
	}
	return float64(d.available) < free
}

func count(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64) // empty where shards have no node
	return n
}

// isRatio tells a share, 0.85, from a number of bytes.
func isRatio(mark string) bool {
	share, err := strconv.ParseFloat(mark, 64)
	return err == nil && share <= 1
}

// binary writes a size of the server's, whose gb are 1024³, as humanize reads it; others as they are.
func binary(size string) string {
	number, ok := strings.CutSuffix(strings.ToLower(size), "b")
	if !ok || number == "" || !strings.ContainsAny(number[len(number)-1:], "kmgtp") {
		return size
	}
	return number + "ib"
}

// newIndices tells whether a run may make the index that it needs.
func (p Patient) newIndices(h health, s settings) Finding {
	const check = "new indices"
	if s.err != nil {
		return unseen(check, s.err)
	}
	if allowed := s.text("action.auto_create_index"); !autoCreates(allowed, p.prefix()+"-metrics-2026.11") {
		return Finding{
			check, Wrong, fmt.Sprintf("the cluster makes none by itself: action.auto_create_index is %s", allowed),
			fmt.Sprintf(`PUT _cluster/settings {"persistent":{"action.auto_create_index":%q}}`, allowing(allowed, "+"+p.prefix()+"-*")),
		}
	}
	limit, err := strconv.Atoi(s.text("cluster.max_shards_per_node"))
	if err != nil || h.err != nil {
		return Finding{check, OK, "are made when a run needs them", ""}
	}
	const enough = 20
	left := limit*h.DataNodes - h.Shards
	text := fmt.Sprintf("the cluster has %s of %s shards that it may have", humanize.Comma(int64(h.Shards)), humanize.Comma(int64(limit*h.DataNodes)))
	switch fix := "delete indices, or raise cluster.max_shards_per_node"; {
	case left < 2:
		return Finding{check, Wrong, text, fix}
	case left < enough:
		return Finding{check, Warning, text, fix}
	default:
		return Finding{check, OK, "are made when a run needs them", ""}
	}
}

// allowing puts a pattern before those that are there.
func allowing(setting, pattern string) string {
	if setting == "false" {
		return pattern
	}
	return pattern + "," + strings.Trim(setting, "[]")
}

// autoCreates reads action.auto_create_index: true, false, or patterns, of which the first that fits
// decides; + allows and - forbids.
func autoCreates(setting, index string) bool {
	switch setting {
	case "", "true":
		return true
	case "false":
		return false
	}
	for pattern := range strings.SplitSeq(strings.Trim(setting, "[]"), ",") {
		pattern = strings.TrimSpace(pattern)
		if fits, err := path.Match(strings.TrimLeft(pattern, "+-"), index); err == nil && fits {
			return !strings.HasPrefix(pattern, "-")
		}
	}
	return false
}
