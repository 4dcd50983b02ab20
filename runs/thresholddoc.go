package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/runs/series"
)

// thresholdDocument is the verdict on one threshold, as a document of its own in <prefix>-series: a table
// in Kibana has one row a document.
type thresholdDocument struct {
	Timestamp time.Time   `json:"@timestamp"`
	Event     eventFields `json:"event"`
	K6        struct {
		Run struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"run"`
		Test      string          `json:"test"`
		Threshold thresholdFields `json:"threshold"`
	} `json:"k6"`
}

type thresholdFields struct {
	Metric     string   `json:"metric"`
	Expression string   `json:"expression"`
	Value      *float64 `json:"value,omitempty"`
	Crossed    bool     `json:"crossed"`
	Evaluated  bool     `json:"evaluated"`
	By         string   `json:"by,omitempty"`
}

// Verdicts are what became of the run's thresholds, over all instances.
func (d *Document) Verdicts() ([]Verdict, error) {
	parts, err := d.parts()
	if err != nil {
		return nil, err
	}
	m, err := merge(parts, d.K6.Run.Heartbeat)
	return m.Thresholds, err
}

// saveThresholds writes the verdicts of a run, over those that were written before.
func (s *Store) saveThresholds(ctx context.Context, d *Document) error {
	verdicts, err := d.Verdicts()
	if err != nil || len(verdicts) == 0 {
		return err
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	for _, v := range verdicts {
		id := seriesID(d.K6.Run.ID, v.Metric, series.Key{Scope: "verdict", Selector: v.Expression})
		doc := thresholdDocument{Timestamp: d.Timestamp, Event: eventFields{Dataset: "k6.threshold"}}
		doc.K6.Run.ID, doc.K6.Run.Name, doc.K6.Test = d.K6.Run.ID, d.K6.Run.Name, d.K6.Test
		doc.K6.Threshold = thresholdFields(v)
		action := map[string]any{"index": map[string]any{"_id": id}}
		if err := errors.Join(encoder.Encode(action), encoder.Encode(doc)); err != nil {
			return fmt.Errorf("encoding the verdict on %s %s: %w", v.Metric, v.Expression, err)
		}
	}
	var answer bulkAnswer
	err = s.Client.JSON(ctx, http.MethodPost, s.bulkPath(), body.Bytes(), &answer)
	for i, item := range answer.Items[:min(len(answer.Items), len(verdicts))] {
		for _, result := range item {
			if result.Status >= http.StatusMultipleChoices {
				err = &refusedError{"that on " + verdicts[i].Metric + " " + verdicts[i].Expression, result.Status, elastic.Explain(result.Error.Reason)}
			}
		}
	}
	return wrap(err, "writing the verdicts on thresholds of run %s", d.K6.Run.ID)
}
