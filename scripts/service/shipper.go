package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	queueLength   = 10_000 // lines that wait, some 3 MB
	batchLength   = 500
	flushPeriod   = 500 * time.Millisecond
	bulkAttempts  = 3
	firstRetry    = 250 * time.Millisecond // doubles with each further one
	bulkTimeout   = 5 * time.Second
	drainingLimit = 10 * time.Second
)

// shipper sends log lines to a log index as Logstash would: dynamic mapping, and @timestamp beside
// the line's own fields. At most queueLength lines wait; further ones are dropped and counted, so
// that a request never waits for its log line.
type shipper struct {
	bulkURL string
	index   string // with YYYY, MM and DD for the day of a line
	client  *http.Client

	queue  chan entry
	quit   chan struct{}   // closed by close: drain and end
	done   chan struct{}   // closed by ship when it has ended
	ctx    context.Context // done when draining has taken too long
	cancel context.CancelFunc

	delivered, dropped atomic.Int64
	lastError          error // of a lost line; owned by ship until done
}

// entry is a log line on its way. Text is one JSON object.
type entry struct {
	at   time.Time
	text []byte
}

// newShipper starts the goroutine that sends lines to the Elasticsearch at base; close stops it.
func newShipper(base, index string) (*shipper, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("--log-elasticsearch must be a URL such as http://127.0.0.1:9200")
	}
	s := &shipper{
		bulkURL: u.JoinPath("_bulk").String(),
		index:   index,
		client:  &http.Client{Timeout: bulkTimeout},
		queue:   make(chan entry, queueLength),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.ship()
	return s, nil
}

// add never blocks.
func (s *shipper) add(at time.Time, text []byte) {
	select {
	case s.queue <- entry{at, text}:
	default:
		s.dropped.Add(1)
	}
}

// close sends what waits, for at most drainingLimit, and says what became of all lines.
func (s *shipper) close() string {
	close(s.quit)
	defer time.AfterFunc(drainingLimit, s.cancel).Stop()
	<-s.done
	s.cancel()
	report := fmt.Sprintf("log index: %d lines delivered, %d dropped", s.delivered.Load(), s.dropped.Load())
	if s.lastError != nil {
		report += fmt.Sprintf(" (last error: %v)", s.lastError)
	}
	return report
}

func (s *shipper) ship() {
	defer close(s.done)
	tick := time.NewTicker(flushPeriod)
	defer tick.Stop()
	batch := make([]entry, 0, batchLength)
	for {
		select {
		case e := <-s.queue:
			batch = append(batch, e)
			if len(batch) < batchLength {
				continue
			}
		case <-tick.C:
		case <-s.quit:
			s.drain(batch)
			return
		}
		s.send(batch)
		batch = batch[:0]
	}
}

func (s *shipper) drain(batch []entry) {
	for {
		select {
		case e := <-s.queue:
			batch = append(batch, e)
			if len(batch) < batchLength {
				continue
			}
			s.send(batch)
			batch = batch[:0]
		default:
			s.send(batch)
			return
		}
	}
}

// send delivers a batch or drops it after some attempts.
func (s *shipper) send(batch []entry) {
	if len(batch) == 0 {
		return
	}
	body := s.bulkBody(batch)
	pause := firstRetry
	for attempt := 1; ; attempt++ {
		rejected, again, err := s.post(body)
		if err == nil {
			s.dropped.Add(int64(rejected))
			s.delivered.Add(int64(len(batch) - rejected))
			return
		}
		s.lastError = err
		if !again || attempt == bulkAttempts || wait(s.ctx, pause) != nil {
			s.dropped.Add(int64(len(batch)))
			return
		}
		pause *= 2
	}
}

// bulkBody asks to create documents, which plain indices and data streams both allow.
func (s *shipper) bulkBody(batch []entry) []byte {
	var b bytes.Buffer
	for _, e := range batch {
		at := e.at.UTC()
		fmt.Fprintf(&b, "{\"create\":{\"_index\":%q}}\n", s.indexOf(at))
		fmt.Fprintf(&b, "{\"@timestamp\":%q,", at.Format(timestampFormat))
		b.Write(e.text[1:]) // the line's own fields, without its opening brace
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (s *shipper) indexOf(day time.Time) string {
	return strings.NewReplacer(
		"YYYY", day.Format("2006"), "MM", day.Format("01"), "DD", day.Format("02"),
	).Replace(s.index)
}

// bulkAnswer is what counts in the answer to a bulk request.
type bulkAnswer struct {
	Errors bool `json:"errors"`
	Items  []map[string]struct {
		Error *struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		} `json:"error"`
	} `json:"items"`
}

// post sends one bulk request. It returns the number of rejected lines; if there is an error, all
// of them are not delivered, and again says whether another attempt may help.
func (s *shipper) post(body []byte) (rejected int, again bool, err error) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.bulkURL, bytes.NewReader(body))
	if err != nil {
		return 0, false, fmt.Errorf("send log lines: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := s.client.Do(req)
	if err != nil {
		return 0, true, fmt.Errorf("send log lines: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		again = res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500
		return 0, again, fmt.Errorf("send log lines to %s: %s", req.URL.Redacted(), res.Status)
	}
	var answer bulkAnswer
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return 0, false, fmt.Errorf("read the answer of %s: %w", req.URL.Redacted(), err)
	}
	return s.rejections(answer), false, nil
}

func (s *shipper) rejections(answer bulkAnswer) int {
	if !answer.Errors {
		return 0
	}
	rejected := 0
	for _, item := range answer.Items {
		for _, result := range item {
			if result.Error != nil {
				rejected++
				s.lastError = fmt.Errorf("log line rejected: %s: %s", result.Error.Type, result.Error.Reason)
			}
		}
	}
	return rejected
}
