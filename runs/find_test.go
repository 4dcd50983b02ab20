package runs

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs/ci"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// catalogue is a store with runs that began an hour after each other, the oldest first.
func catalogue(t *testing.T) *Store {
	t.Helper()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning.Add(12*time.Hour))
	for i, facts := range []Facts{
		{ID: "0193a1b2-1", Test: "checkout", Name: "#810 main@aaaaaaa", Environment: "staging", Pinned: true, Labels: map[string]string{"team.name": "shop"}},
		{ID: "0193a1b2-2", Test: "checkout", Name: "#811 main@bbbbbbb", Environment: "production", Origin: ci.Origin{Branch: "main"}.Fields()},
		{ID: "77aa", Test: "search", Name: "nightly", Pinned: true},
		{ID: "88bb", Test: "search", Name: "nightly"},
		{ID: "nightlyish", Test: "search", Name: "weekly", Origin: ci.Origin{Tag: "v1"}.Fields()},
	} {
		start := morning.Add(time.Duration(i) * time.Hour)
		status := []Status{Passed, Failed, Passed, Aborted, Interrupted}[i]
		store.save(t, facts, Part{Start: start, End: start.Add(time.Minute), Status: status})
	}
	return store
}

func TestList(t *testing.T) {
	t.Parallel()
	store := catalogue(t)
	for _, c := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"nightlyish", "88bb", "77aa", "0193a1b2-2", "0193a1b2-1"}},
		{Filter{Limit: 2}, []string{"nightlyish", "88bb"}},
		{Filter{Test: "checkout"}, []string{"0193a1b2-2", "0193a1b2-1"}},
		{Filter{Test: "checkout", Environment: "staging"}, []string{"0193a1b2-1"}},
		{Filter{Branch: "main"}, []string{"0193a1b2-2"}},
		{Filter{Branch: "v1"}, []string{"nightlyish"}},
		{Filter{Status: Failed}, []string{"0193a1b2-2"}},
		{Filter{Status: Interrupted}, []string{"nightlyish"}},
		{Filter{Status: Running}, []string{}},
		{Filter{Pinned: true}, []string{"77aa", "0193a1b2-1"}},
		{Filter{Labels: map[string]string{"team.name": "shop"}}, []string{"0193a1b2-1"}},
		{Filter{Labels: map[string]string{"team_name": "shop", "other": "x"}}, []string{}},
		{Filter{Since: morning.Add(3 * time.Hour)}, []string{"nightlyish", "88bb"}},
	} {
		found, err := store.List(t.Context(), c.filter)
		require.NoError(t, err)
		assert.Equal(t, c.want, ids(found), "%+v", c.filter)
		for _, d := range found {
			assert.Nil(t, d.K6.Run.Parts)
		}
	}
}

func TestListWithoutAnyIndex(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	found, err := store.List(t.Context(), Filter{})
	require.NoError(t, err)
	assert.Equal(t, []*Document{}, found)
}

func TestListReadsEveryPage(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	var body []byte
	for i := range pageSize + 7 {
		body = fmt.Appendf(body, `{"create":{"_index":%q,"_id":"%d"}}`+"\n", store.runsIndex(), i)
		body = fmt.Appendf(body, `{"@timestamp":%q,"k6":{"run":{"id":"%d"}}}`+"\n", morning.Add(time.Duration(i/3)*time.Second).Format(time.RFC3339), i)
	}
	store.bulk(t, body)
	found, err := store.List(t.Context(), Filter{})
	require.NoError(t, err)
	distinct := map[string]bool{}
	for _, id := range ids(found) {
		distinct[id] = true
	}
	assert.Len(t, found, pageSize+7)
	assert.Len(t, distinct, pageSize+7)
	found, err = store.List(t.Context(), Filter{Limit: pageSize + 2})
	require.NoError(t, err)
	assert.Len(t, found, pageSize+2)
}

func TestSilentRunsAreInterrupted(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	alive := Part{Status: Running, Start: morning.Add(-time.Minute), End: morning, Heartbeat: morning.Add(-29 * time.Second)}
	silent := Part{Status: Running, Start: morning.Add(-2 * time.Minute), End: morning, Heartbeat: morning.Add(-31 * time.Second), Requests: 7}
	store.save(t, Facts{ID: "alive"}, alive)
	// What a run was when it fell silent: written while it was alive.
	store.at(silent.Heartbeat).save(t, Facts{ID: "silent"}, silent)

	reader := store.through(func(ctx context.Context, method, path string, in, out any) error {
		if method == http.MethodPut {
			return forbidden(method, path)
		}
		return store.Client.JSON(ctx, method, path, in, out)
	})
	stored := func() Status {
		d, err := store.Load(t.Context(), "silent")
		require.NoError(t, err)
		return d.K6.Run.Status
	}
	statuses := func(s *Store, f Filter) map[string]Status {
		found, err := s.List(t.Context(), f)
		require.NoError(t, err)
		all := map[string]Status{}
		for _, d := range found {
			all[d.K6.Run.ID] = d.K6.Run.Status
			assert.Nil(t, d.K6.Run.Parts)
		}
		return all
	}
	assert.Equal(t, map[string]Status{"silent": Interrupted}, statuses(reader, Filter{Status: Interrupted}), "who may not write sees it all the same")
	assert.Equal(t, map[string]Status{"alive": Running}, statuses(reader, Filter{Status: Running}))
	assert.Equal(t, Running, stored())
	blind := store.through(func(ctx context.Context, method, path string, in, out any) error {
		if method != http.MethodPost {
			return forbidden(method, path)
		}
		return store.Client.JSON(ctx, method, path, in, out)
	})
	assert.Equal(t, map[string]Status{"silent": Interrupted, "alive": Running}, statuses(blind, Filter{}))
	assert.Equal(t, map[string]Status{"silent": Interrupted, "alive": Running}, statuses(store, Filter{}))
	assert.Equal(t, Interrupted, stored())
	d, err := store.Find(t.Context(), "silent")
	require.NoError(t, err)
	assert.True(t, d.K6.Run.Partial)
	assert.Equal(t, 7.0, d.K6.Summary.Requests)
	assert.Equal(t, "failure", d.Event.Outcome)
	// It was only the network: the next heartbeat says so.
	silent.Heartbeat = morning
	store.save(t, Facts{ID: "silent"}, silent)
	assert.Equal(t, Running, stored())
	store.valid(t)
}

func TestFind(t *testing.T) {
	t.Parallel()
	store := catalogue(t)
	for ref, want := range map[string]string{
		"77aa": "77aa", "77": "77aa", "0193a1b2-2": "0193a1b2-2", "#811 main@bbbbbbb": "0193a1b2-2", "#810": "0193a1b2-1",
		"weekly": "nightlyish", "nightlyi": "nightlyish", "latest": "nightlyish", "latest~0": "nightlyish", "latest~4": "0193a1b2-1", "pinned": "77aa",
	} {
		d, err := store.Find(t.Context(), ref)
		require.NoError(t, err, ref)
		assert.Equal(t, want, d.K6.Run.ID, ref)
		assert.NotEmpty(t, d.K6.Run.Parts, ref)
	}
}

func TestFindExplains(t *testing.T) {
	t.Parallel()
	store := catalogue(t)
	for ref, message := range map[string]string{
		"nightly":  `"nightly" may be search nightly (88bb) or search nightly (77aa). Name the run by its id, or by more of it`,
		"0193a1b2": `"0193a1b2" may be checkout #811 main@bbbbbbb (0193a1b2-2) or checkout #810 main@aaaaaaa (0193a1b2-1). Name the run by its id, or by more of it`,
		"nightlx":  `unknown run "nightlx". Did you mean search weekly (nightlyi), search nightly (88bb) or search nightly (77aa)?`,
		"chekout":  `unknown run "chekout". Did you mean checkout #811 main@bbbbbbb (0193a1b2-2) or checkout #810 main@aaaaaaa (0193a1b2-1)?`,
		"#912":     `unknown run "#912". Did you mean checkout #811 main@bbbbbbb (0193a1b2-2) or checkout #810 main@aaaaaaa (0193a1b2-1)?`,
		"qqqqqqqq": `unknown run "qqqqqqqq"`,
		"":         `unknown run ""`,
		"latest~5": `unknown run "latest~5": there are only 5 runs`,
		"latset":   `unknown run "latset". Did you mean latest?`,
		"latest~x": `unknown run "latest~x". Did you mean latest?`,
	} {
		_, err := store.Find(t.Context(), ref)
		assert.EqualError(t, err, message)
	}
}

func TestFindWhereThereIsNothing(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for ref, message := range map[string]string{
		"latest": `unknown run "latest": there is no run yet`,
		"pinned": `unknown run "pinned": no run is pinned`,
		"x":      `unknown run "x"`,
	} {
		_, err := store.Find(t.Context(), ref)
		var unknown *UnknownRunError
		require.ErrorAs(t, err, &unknown)
		assert.EqualError(t, err, message)
	}
}

func TestAmbiguousRunsAreNotAllListed(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for i := range maxListed + 1 {
		store.save(t, Facts{ID: fmt.Sprint("run-", i), Test: "t", Name: "t " + fmt.Sprint(i)}, Part{})
	}
	_, err := store.Find(t.Context(), "run-")
	assert.EqualError(t, err, `"run-" may be t 0 (run-0), t 1 (run-1), t 2 (run-2), t 3 (run-3) or t 4 (run-4), or an older one. Name the run by its id, or by more of it`)
}

func TestShortIDsTellRunsApart(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"0193a1b2-7c3e", "0193a1b2-7c4f", "0193a1b3-7c3e-70", "0193a1b3-7c3e-71", "866c3d05", "77aa-1", "77aa-2", "x", "nachts🚀"},
		ShortIDs([]string{
			"0193a1b2-7c3e-7000", "0193a1b2-7c4f-7000", "0193a1b3-7c3e-7000", "0193a1b3-7c3e-7100", "866c3d05-0dd5-8000", "77aa-1", "77aa-2", "x", "nachts🚀🚀",
		}))
	assert.Equal(t, []string{"0193a1b2-7c3e", "0193a1b2-7c3e"}, ShortIDs([]string{"0193a1b2-7c3e-7000", "0193a1b2-7c3e-7000"}), "one run twice")
}

// What is shown of the id of a run must do to find it, whatever other runs there are.
func TestShortIDsAreFound(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for _, id := range []string{"01a205c9-cf6f-7e20-8864-d20cd83854f6", "01a205c9-a0b1-7e20-8864-d20cd83854f6", "01a205c9-eeee-7e20-8864-d20cd83854f6"} {
		store.save(t, Facts{ID: id, Test: "t", Name: id[9:13]}, Part{})
	}
	found, err := store.List(t.Context(), Filter{Limit: 1})
	require.NoError(t, err)
	require.Len(t, found, 1)
	d, err := store.Find(t.Context(), found[0].ShortID())
	require.NoError(t, err)
	assert.Equal(t, found[0].K6.Run.ID, d.K6.Run.ID)
	assert.Contains(t, d.Label(), "("+found[0].ShortID()+")")
}
