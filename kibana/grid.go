package kibana

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
)

// box is where a panel is on a dashboard, in columns and rows.
type box struct{ x, y, w, h int }

func (b box) overlaps(other box) bool {
	return b.x < other.x+other.w && other.x < b.x+b.w && b.y < other.y+other.h && other.y < b.y+b.h
}

// panel is a panel of a dashboard's file.
type panel struct {
	box
	target string // type:id; empty for one that holds its own visualization
	fields map[string]any
}

func readPanels(list any) []panel {
	elements, _ := list.([]any)
	panels := make([]panel, 0, len(elements))
	for _, element := range elements {
		fields, _ := element.(map[string]any)
		p := panel{fields: fields}
		p.target, _ = fields["panel"].(string)
		at, _ := fields["at"].([]any)
		for i, side := range []*int{&p.x, &p.y, &p.w, &p.h} {
			if i < len(at) {
				*side = whole(at[i])
			}
		}
		panels = append(panels, p)
	}
	return panels
}

func whole(value any) int {
	number, _ := value.(json.Number)
	n, _ := number.Int64()
	return int(n)
}

// written is the panel as its file has it.
func (p panel) written() map[string]any {
	out := make(map[string]any, len(p.fields))
	for key, value := range p.fields {
		out[key] = value
	}
	var at []any
	for _, side := range []int{p.x, p.y, p.w, p.h} {
		at = append(at, json.Number(strconv.Itoa(side)))
	}
	out["at"] = at
	return out
}

// withoutPanels returns the object, if it is a dashboard, without the panels whose objects are gone.
func (o Object) withoutPanels(gone map[string][]string) Object {
	if o.Type != Dashboard {
		return o
	}
	panels := readPanels(o.Attributes["panelsJSON"])
	for i := 0; i < len(panels); {
		if _, broken := gone[panels[i].target]; !broken {
			i++
			continue
		}
		hole := panels[i].box
		panels = slices.Delete(panels, i, i+1)
		closeHole(panels, hole)
	}
	attributes := make(map[string]any, len(o.Attributes))
	for key, value := range o.Attributes {
		attributes[key] = value
	}
	list := make([]any, len(panels))
	for i, p := range panels {
		list[i] = p.written()
	}
	attributes["panelsJSON"] = list
	return Object{Type: o.Type, ID: o.ID, Attributes: attributes}
}

// closeHole gives the place of a panel that is gone to those beside it, or, where it was alone, to those
// below. Where neither fits, the hole stays.
func closeHole(panels []panel, hole box) {
	var row []*panel
	beside := false
	for i := range panels {
		if panels[i].y == hole.y {
			row = append(row, &panels[i])
		}
		beside = beside || panels[i].y < hole.y+hole.h && hole.y < panels[i].y+panels[i].h
	}
	if !beside {
		for i := range panels {
			if panels[i].y > hole.y {
				panels[i].y -= hole.h
			}
		}
		return
	}
	before := make([]box, len(row))
	for i, p := range row {
		before[i] = p.box
	}
	widen(row, hole)
	if overlap(panels) {
		for i, p := range row {
			p.box = before[i]
		}
	}
}

// widen shares the width of the hole among the panels of its row, each by its own width.
func widen(row []*panel, hole box) {
	slices.SortFunc(row, func(a, b *panel) int { return cmp.Compare(a.x, b.x) })
	left, own := hole.x, 0
	for _, p := range row {
		left, own = min(left, p.x), own+p.w
	}
	total, used := own+hole.w, 0
	for _, p := range row {
		p.x = left + used*total/own
		used += p.w
		p.w = left + used*total/own - p.x
	}
}

// overlap tells whether two panels are in one place, or one stands out of the grid.
func overlap(panels []panel) bool {
	for i, p := range panels {
		if p.x < 0 || p.y < 0 || p.w < 1 || p.h < 1 || p.x+p.w > gridColumns {
			return true
		}
		for _, other := range panels[:i] {
			if p.overlaps(other.box) {
				return true
			}
		}
	}
	return false
}

// gridColumns is how many columns a dashboard has.
const gridColumns = 48
