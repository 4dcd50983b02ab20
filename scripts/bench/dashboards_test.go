package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/kibana/searches"
)

// The runs of the store have all requests together, and follow each other without meeting.
func TestHistory(t *testing.T) {
	t.Parallel()
	const requests = 10_000_000
	runs := history(requests)
	var sum int64
	for i, run := range runs {
		sum += run.Requests
		if i > 0 {
			assert.LessOrEqual(t, run.Requests, runs[i-1].Requests, "the largest comes first")
			assert.True(t, run.end().Add(margin).Before(runs[i-1].Start), "%s ends before the next begins", run.id)
		}
	}
	assert.EqualValues(t, requests, sum)
}

// Every panel that asks something is drawn, with all that it asks.
func TestPanelsAskEverything(t *testing.T) {
	t.Parallel()
	objects, _, err := kibana.Rendered(dashboardsPrefix, nil)
	require.NoError(t, err)
	around := searches.View{From: time.Unix(0, 0), To: time.Unix(3600, 0)}
	all, err := searches.All(objects, around)
	require.NoError(t, err)
	drawn := 0
	for _, dashboard := range []string{kibana.RunsDashboard, kibana.RunDashboard, kibana.CompareDashboard} {
		panels, err := panelsOf(objects, dashboardsPrefix+"-"+dashboard, around)
		require.NoError(t, err)
		for _, p := range panels {
			assert.NotEmpty(t, p.title)
			drawn += len(p.searches)
		}
	}
	assert.Equal(t, len(all), drawn)

	_, err = panelsOf(objects, "nothing", around)
	require.ErrorContains(t, err, "no dashboard nothing")
}

// The mark of a dashboard is that of its slowest panel.
func TestSlowestPanelIsTheMark(t *testing.T) {
	t.Parallel()
	var r report
	r.add("k6 · Run", []*panel{
		{title: "quick", seconds: values{9, 1, 1}},
		{title: "slow", seconds: values{4, 4, 1}},
		{title: "other", seconds: values{2, 2, 2}},
	})
	require.Len(t, r.Marks, 1)
	assert.Contains(t, r.Marks[0].Name, "slow")
	assert.False(t, r.Marks[0].passed(), "four seconds are too many")
	r.Marks[0].Found = values{3, 3, 3}
	assert.True(t, r.Marks[0].passed())
}
