package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/mappings"
)

// versionKey is where the templates put their version into the mappings of an index, below _meta.
const versionKey = "k6es_version"

// indices looks at what is there already: an index that came to be without its template lacks mappings.
func (p Patient) indices(ctx context.Context) Finding {
	const check, quiet = "indices", "?ignore_unavailable=true&allow_no_indices=true&filter_path="
	path := "/" + strings.Join(p.names(), ",")
	var stats struct {
		All struct {
			Primaries struct {
				Docs struct{ Count int64 }
			}
			Total struct {
				Store struct {
					Bytes uint64 `json:"size_in_bytes"`
				}
			}
		} `json:"_all"`
	}
	if err := p.get(ctx, path+"/_stats/docs,store"+quiet+"_all.primaries.docs.count,_all.total.store.size_in_bytes", &stats); err != nil {
		return unseen(check, err)
	}
	var mapped map[string]struct {
		Mappings struct {
			Meta struct {
				Version *int `json:"k6es_version"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	if err := p.get(ctx, path+"/_mapping"+quiet+"*.mappings._meta."+versionKey+",*.mappings.properties.*.type", &mapped); err != nil {
		return unseen(check, err)
	}
	var without, older []string
	for _, index := range slices.Sorted(maps.Keys(mapped)) {
		switch version := mapped[index].Mappings.Meta.Version; {
		case version == nil:
			without = append(without, index)
		case *version < mappings.SchemaVersion:
			older = append(older, index)
		}
	}
	switch {
	case len(without) > 0:
		return Finding{
			check, Wrong, without[0] + more(len(without)-1) + ": made without the template, so dashboards and runs cannot read it",
			"delete it, k6es setup, and upload its runs again",
		}
	case len(older) > 0:
		return Finding{
			check, Warning, older[0] + more(len(older)-1) + ": made by an older version of the template, so new fields cannot be searched there",
			"none is needed: the next index has them",
		}
	case len(mapped) == 0:
		return Finding{check, Off, "none yet: the first run makes them", ""}
	}
	text := fmt.Sprintf("%d, with %s documents in %s", len(mapped), humanize.Comma(stats.All.Primaries.Docs.Count), humanize.Bytes(stats.All.Total.Store.Bytes))
	return Finding{check, OK, text, ""}
}
