package alerts

import (
	"fmt"
	"slices"
	"strings"
)

// Names within queries, which conditions and messages go by.
const (
	judgedAgg  = "judged"  // its buckets are what is abnormal
	measureAgg = "measure" // the metric
	recentAgg  = "recent"  // documents of the window
	usualAgg   = "usual"   // documents of the window on earlier days
	whileAgg   = "while"   // documents of the second condition
	shownAgg   = "shown"   // the number as people read it
	linkName   = "link"
)

// monitorQuery is the search that a monitor makes.
func monitorQuery(a Alarm) object {
	c := a.Condition
	switch c.Kind {
	case Documents:
		return newDocuments(a)
	case Silent:
		return judge(all(c.Filter, within(c.Time, c.Horizon, 0)), groups(c), object{
			recentAgg:  object{"filter": within(c.Time, c.Window, 0)},
			"selected": selector("params.recent == 0", nil, object{"recent": recentAgg + "._count"}),
		})
	case Unusual:
		return unusualQuery(a)
	default:
		return aboveQuery(a)
	}
}

// judge is a search whose buckets are judged by what is below them.
func judge(query, buckets, below object) object {
	buckets["aggs"] = below
	return object{"size": 0, "query": query, "aggs": object{judgedAgg: buckets}}
}

// groups makes a bucket of each value of the group, those with the most documents, or one of all.
func groups(c Condition) object {
	if c.Group == "" {
		return object{"filters": object{"filters": []any{object{"match_all": object{}}}}}
	}
	return object{"terms": object{"field": c.Group, "size": maxGroups, "min_doc_count": max(int(c.Least), 1)}}
}

// selector leaves the buckets for which a script is true.
func selector(source string, params, paths object) object {
	script := object{"lang": "painless", "source": source}
	if params != nil {
		script["params"] = params
	}
	return object{"bucket_selector": object{"buckets_path": paths, "script": script}}
}

// shown is a number with two digits behind the point.
func shown(source string, params, paths object) object {
	return object{"bucket_script": object{"buckets_path": paths, "script": object{
		"lang": "painless", "source": "Math.round(100.0 * " + source + ") / 100.0", "params": params,
	}}}
}

func aboveQuery(a Alarm) object {
	c := a.Condition
	value, below := "_count", object{}
	switch c.Metric.Of {
	case Mean:
		value = measureAgg
		below[measureAgg] = object{"avg": object{"field": c.Metric.Field}}
	case Percentile:
		value = fmt.Sprintf("%s[%s]", measureAgg, format(c.Metric.Percent))
		below[measureAgg] = object{"percentiles": object{"field": c.Metric.Field, "percents": []any{c.Metric.Percent}}}
	}
	if c.Metric.Of != Count {
		factor, _, _ := shownAs(c.Metric, a.LatencyUnit)
		below[shownAgg] = shown("params.value * params.factor", object{"factor": factor}, object{"value": value})
	}
	below["selected"] = selector("params.value > params.limit && params.count >= params.least",
		object{"limit": c.Limit, "least": max(c.Least, 1)}, object{"value": value, "count": "_count"})
	return judge(all(c.Filter, within(c.Time, c.Window, 0)), groups(c), below)
}

// unusualQuery has one bucket, of the documents of the window and of the same time of each earlier day; and of
// those of the second condition.
func unusualQuery(a Alarm) object {
	c := a.Condition
	query := all(c.Filter, sameTimes(c, 0))
	params := object{"times": c.Times, "days": c.Days, "limit": c.Limit}
	source := "params.recent > params.times * params.usual / params.days + params.limit"
	paths := object{"recent": recentAgg + "._count", "usual": usualAgg + "._count"}
	below := object{
		recentAgg: object{"filter": all(c.Filter, within(c.Time, c.Window, 0))},
		usualAgg:  object{"filter": all(c.Filter, sameTimes(c, 1))},
		shownAgg:  shown("params.usual / params.days", object{"days": c.Days}, object{"usual": usualAgg + "._count"}),
	}
	if a.While != nil {
		below[whileAgg] = object{"filter": all(a.While.Filter)}
		paths[whileAgg] = whileAgg + "._count"
		source += " && params." + whileAgg + " > 0"
		query = anyOf(query, all(a.While.Filter))
	}
	below["selected"] = selector(source, params, paths)
	return judge(query, groups(c), below)
}

// newDocuments finds documents that are new since the last look, a while ago: who writes them may be late. A
// run may be uploaded after it ended: it is new by when it was written, and told of within an hour of its end.
func newDocuments(a Alarm) object {
	c := a.Condition
	filter, written := c.Filter, c.Time
	if c.Time == "event.end" && a.Rule.Look.Dashboard == "run" {
		filter, written = slices.Concat(filter, []any{within(c.Time, Span(documentsBuffer), 0)}), "k6.run.heartbeat"
	}
	ago := fmt.Sprintf("||-%ds", int(monitorDelay.Seconds()))
	facts := object{}
	for i, fact := range a.Facts {
		facts[factName(i)] = field(readable, fact.Field)
	}
	facts[linkName] = field(escapedLink, stateField)
	return object{
		"size": groupsShown, "_source": false, "track_total_hits": true, "sort": []any{object{c.Time: "desc"}},
		"query": all(filter, object{"range": object{written: object{
			"gt": "{{period_start}}" + ago, "lte": "{{period_end}}" + ago, "format": "epoch_millis",
		}}}),
		"script_fields": facts,
	}
}

// factName is the name of a fact in a template, where a name has no dots.
func factName(i int) string { return fmt.Sprintf("fact%d", i) }

// field reads a field of a document as it was written, with dots in its name or as objects in one another; a
// list in one line. What is not there is an empty list, which a template passes over.
func field(returned, name string) object {
	const source = `def value = params._source.get(params.field);
if (value == null) {
  value = params._source;
  for (part in params.path) { value = value instanceof Map ? value.get(part) : null; }
}
if (value == null) { return []; }
String text = '';
if (value instanceof List) { for (element in value) { text += (text == '' ? '' : '; ') + element; } } else { text += value; }
`
	return object{"script": object{
		"lang": "painless", "source": source + returned,
		"params": object{"field": name, "path": strings.Split(name, ".")},
	}}
}

// What field returns. A message is read as Slack's or as Markdown: there <…> and […](…) would be links or a
// call to everybody.
const (
	readable = `text = text.replace('<', '‹').replace('>', '›').replace('](', '] (');
return text.length() > 500 ? text.substring(0, 500) + '…' : text;`
	escapedLink = `return text.replace('\\', '').replace('"', '%22').replace(' ', '%20').replace('<', '%3C').replace('>', '%3E');`
)
