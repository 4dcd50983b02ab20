package runs_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// holdings are a server's documents by run id, one of each source.
type holdings map[string][]string

// JSON answers the searches of a Claimer.
func (h holdings) JSON(_ context.Context, _, path string, in, out any) error {
	if !strings.Contains(path, "_search") {
		return nil
	}
	asked, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var query struct {
		Query struct{ Term map[string]string }
	}
	if err := json.Unmarshal(asked, &query); err != nil {
		return err
	}
	var hits []string
	for _, source := range h[query.Query.Term["k6.run.id"]] {
		hits = append(hits, `{"_source":`+source+`}`)
	}
	return json.Unmarshal([]byte(`{"hits":{"hits":[`+strings.Join(hits, ",")+`]}}`), out)
}

const (
	mine   = 0x0123456789abcdef
	theirs = `{"k6":{"test":"checkout","instance":"ffffffffffffffff","run":{"name":"nightly"}}}`
	ours   = `{"k6":{"test":"checkout","instance":"0123456789abcdef","run":{"name":"nightly"},` +
		`"tags":["env=ci","rel.no=7"]},"labels":{"branch":"main","rel_no":"6","a_b":"c"}}`
)

func wish(id string, origin runs.Origin) runs.Claim {
	return runs.Claim{Run: ingest.Run{ID: id, Instance: mine}, Origin: origin}
}

func TestClaimOfAFreeID(t *testing.T) {
	t.Parallel()
	for _, origin := range []runs.Origin{runs.FromOption, runs.FromTag, runs.FromContent} {
		claim := wish("812", origin)
		claim.Run.Test = "checkout"
		claimed, err := runs.Claimer{Client: holdings{}, Prefix: "k6"}.Claim(t.Context(), claim)
		require.NoError(t, err)
		assert.Equal(t, runs.Claimed{Run: claim.Run}, claimed)
	}
}

func TestClaimOfAnIDThatAnotherSourceHas(t *testing.T) {
	t.Parallel()
	claimer := runs.Claimer{Client: holdings{"812": {theirs}}, Prefix: "k6"}

	_, err := claimer.Claim(t.Context(), wish("812", runs.FromOption))
	var taken *runs.TakenError
	require.ErrorAs(t, err, &taken)
	assert.EqualError(t, err, `run id "812" already belongs to another source (test "checkout", run "nightly"). `+
		`Choose another run id, leave it out, or say append (--append, K6_ELASTICSEARCH_APPEND=true) to make both one run on purpose`)

	together := wish("812", runs.FromOption)
	together.Append = true
	claimed, err := claimer.Claim(t.Context(), together)
	require.NoError(t, err)
	assert.Equal(t, ingest.Run{ID: "812", Instance: mine, Test: "checkout", Name: "nightly"}, claimed.Run)
	assert.Empty(t, claimed.Taken)

	claimed, err = claimer.Claim(t.Context(), wish("812", runs.FromTag))
	require.NoError(t, err)
	assert.Equal(t, "812-01234567", claimed.Run.ID)
	assert.Equal(t, "812", claimed.Taken)
}

func TestClaimOfAnIDMadeFromOneThatIsTaken(t *testing.T) {
	t.Parallel()
	claimer := runs.Claimer{Client: holdings{"812": {theirs}, "812-01234567": {ours}}, Prefix: "k6"}
	claimed, err := claimer.Claim(t.Context(), wish("812", runs.FromTag))
	require.NoError(t, err)
	assert.Equal(t, ingest.Run{ID: "812-01234567", Instance: mine, Test: "checkout", Name: "nightly"}, claimed.Run)
	assert.Equal(t, "812", claimed.Taken)
}

func TestClaimOfARunThatIsThereAlready(t *testing.T) {
	t.Parallel()
	claimer := runs.Claimer{Client: holdings{"812": {theirs, ours}}, Prefix: "k6"}
	tests := map[string]struct {
		test, name string
		labels     map[string]string
		err        string // empty: it is the same run
	}{
		"nothing said":      {},
		"the same names":    {test: "checkout", name: "nightly"},
		"the same label":    {labels: map[string]string{"branch": "main"}},
		"a key with a dot":  {labels: map[string]string{"a.b": "c"}},
		"among the tags":    {labels: map[string]string{"env": "ci", "rel.no": "7"}},
		"another test":      {test: "smoke", err: `with test "checkout", not "smoke"`},
		"another name":      {name: "#812", err: `with name "nightly", not "#812"`},
		"another label":     {labels: map[string]string{"branch": "fix"}, err: `with label branch "main", not "fix"`},
		"one more label":    {labels: map[string]string{"team": "a"}, err: `with label team "", not "a"`},
		"another tag label": {labels: map[string]string{"env": "dev"}, err: `with label env "", not "dev"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claim := wish("812", runs.FromContent)
			claim.Run.Test, claim.Run.Name, claim.Run.Labels = test.test, test.name, test.labels
			claimed, err := claimer.Claim(t.Context(), claim)
			if test.err != "" {
				require.EqualError(t, err, "this file is already there as run 812 "+test.err+
					". To load it anew, delete it first: `k6es runs delete 812`")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "checkout", claimed.Run.Test)
			assert.Equal(t, "nightly", claimed.Run.Name)
		})
	}
}

// refusal answers everything with an error.
type refusal struct{ error }

func (r refusal) JSON(context.Context, string, string, any, any) error { return r.error }

func TestClaimWithoutTheRightToRead(t *testing.T) {
	t.Parallel()
	claim := wish("812", runs.FromOption)
	claimed, err := runs.Claimer{Client: refusal{&elastic.Error{Status: http.StatusForbidden}}}.Claim(t.Context(), claim)
	require.NoError(t, err)
	assert.Equal(t, claim.Run, claimed.Run)

	_, err = runs.Claimer{Client: refusal{errors.New("gone")}}.Claim(t.Context(), claim)
	require.EqualError(t, err, "looking whether run 812 is there: gone")
}

func TestClaimOfADocumentThatIsNotOurs(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{"k6":{"instance":"x"}}`: "a document of run 812 has no k6.instance: ",
		`{"k6":[]}`:               "reading a document of run 812: ",
	} {
		_, err := runs.Claimer{Client: holdings{"812": {source}}}.Claim(t.Context(), wish("812", runs.FromOption))
		require.ErrorContains(t, err, want)
	}
}

// TestRealClaim claims a run whose documents were written a moment ago, so that no refresh has shown
// them yet.
func TestRealClaim(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, err := elastic.New(elastic.Config{URLs: []string{url}})
		require.NoError(t, err)
		prefix := servertest.Prefix(t, url)
		claimer := runs.Claimer{Client: client, Prefix: prefix}
		_, err = mappings.Install(t.Context(), client, mappings.Options{Prefix: prefix})
		require.NoError(t, err)

		claimed, err := claimer.Claim(t.Context(), wish("812", runs.FromOption))
		require.NoError(t, err, "while there is no index")
		assert.Equal(t, "812", claimed.Run.ID)

		for index, source := range map[string]string{"-metrics-2026.11": theirs, "-metrics-2026.12": ours} {
			var document map[string]any
			require.NoError(t, json.Unmarshal([]byte(source), &document))
			document["k6"].(map[string]any)["run"].(map[string]any)["id"] = "812" //nolint:forcetypeassert // as above
			for range 3 {
				require.NoError(t, client.JSON(t.Context(), http.MethodPost, "/"+prefix+index+"/_doc", document, nil))
			}
		}
		claimed, err = claimer.Claim(t.Context(), wish("812", runs.FromOption))
		require.NoError(t, err)
		assert.Equal(t, "nightly", claimed.Run.Name)

		other := wish("812", runs.FromOption)
		other.Run.Instance = 1
		_, err = claimer.Claim(t.Context(), other)
		var taken *runs.TakenError
		require.ErrorAs(t, err, &taken)
	})
}
