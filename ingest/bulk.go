package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/k6es/k6es/elastic"
)

// Transport sends a request whose URL is a path to one of the server's addresses, with whatever lets us
// in. CheckResponse turns an answer that is no success into an *elastic.Error. URL names the server in
// messages, without secrets. *elastic.Client is one.
type Transport interface {
	Perform(*http.Request) (*http.Response, error)
	CheckResponse(*http.Response) error
	URL() string
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// itemsError is why the server did not take documents of a request that it answered with 200.
type itemsError struct {
	url    string
	status int
	reason string
}

func (e *itemsError) Error() string {
	return fmt.Sprintf("%s does not take documents (%d, %s)", e.url, e.status, e.reason)
}

// Passing says whether what failed may well succeed later, without anybody doing anything about it.
func Passing(err error) bool {
	var answer *elastic.Error
	var items *itemsError
	switch {
	case errors.As(err, &answer):
		return passingStatus(answer.Status)
	case errors.As(err, &items):
		return passingStatus(items.status)
	}
	var unprepared *prepareError
	var connection *elastic.ConnectionError
	return !errors.As(err, &unprepared) || errors.As(err, &connection)
}

func passingStatus(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// prepareError is why the templates could not be looked for or installed.
type prepareError struct{ error }

func (e *prepareError) Unwrap() error { return e.error }

// tooLarge tells whether an error is the server's answer that a bulk request is too large.
func tooLarge(err error) bool {
	return !unprepared(err) && elastic.IsStatus(err, http.StatusRequestEntityTooLarge)
}

// malformed tells whether an error is the server's answer that it cannot make anything of a bulk request. A
// proxy gives no type: it may mean something else, and think better of it.
func malformed(err error) bool {
	var answer *elastic.Error
	return !unprepared(err) && errors.As(err, &answer) && answer.Status == http.StatusBadRequest && answer.Type != ""
}

func unprepared(err error) bool {
	var unprepared *prepareError
	return errors.As(err, &unprepared)
}

func (w *Writer) url() string { return w.transport.URL() }

// attempt sends a block once. It returns the documents that are to be sent again, nil for none or, with
// an error, for all; the error says what kept them from being taken.
func (w *Writer) attempt(b *block) (left *block, err error) {
	if err := w.ready(); err != nil {
		return nil, err
	}
	body, err := w.post(b)
	if err != nil {
		return nil, err
	}
	items, err := parseBulk(body, b.docs)
	if err != nil {
		return nil, err
	}
	if items == nil {
		w.counts.created.Add(int64(b.docs))
		return nil, nil
	}
	return w.judge(b, items)
}

// ready looks for the templates unless that was done since the last outage.
func (w *Writer) ready() error {
	w.prepare.Lock()
	defer w.prepare.Unlock()
	if w.prepared || w.options.Prepare == nil {
		return nil
	}
	if err := w.options.Prepare(w.ctx); err != nil {
		return &prepareError{err}
	}
	w.prepared = true
	return nil
}

// unready makes the next attempt look for the templates: what kept documents from being taken may have
// been a server that lost its indices.
func (w *Writer) unready() {
	w.prepare.Lock()
	defer w.prepare.Unlock()
	w.prepared = false
}

// post sends a block and returns the body of the answer.
func (w *Writer) post(b *block) ([]byte, error) {
	ctx, cancel := context.WithTimeout(w.ctx, w.options.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "/_bulk?filter_path="+bulkFilter, bytes.NewReader(b.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if b.compressed {
		request.Header.Set("Content-Encoding", "gzip")
	}
	w.counts.requests.Add(1)
	w.counts.bytes.Add(int64(len(b.body)))
	w.counts.rawBytes.Add(int64(b.raw))
	response, err := w.transport.Perform(request)
	if err != nil {
		return nil, w.explainTimeout(ctx, err)
	}
	defer response.Body.Close()
	if err := w.transport.CheckResponse(response); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", w.url(), err)
	}
	return body, nil
}

// explainTimeout puts into words that a request had no answer in its time.
func (w *Writer) explainTimeout(ctx context.Context, err error) error {
	if w.ctx.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s does not answer (nothing came within %s)", w.url(), w.options.Timeout)
	}
	return err
}

// judge counts the documents of a block by what became of each, and returns those to be sent again.
func (w *Writer) judge(b *block, items []bulkItem) (*block, error) {
	var verdicts tally
	var unkept error
	left, err := b.pick(w.options.Compression, func(i int, entry []byte) []byte {
		item := &items[i]
		switch item.verdict() {
		case created:
			w.counts.created.Add(1)
		case existing:
			w.counts.existing.Add(1)
		case again, barred:
			verdicts.wait(item, w.url())
			return entry
		case relabel:
			if moved, err := relabelled(entry); err == nil && !bytes.Equal(moved, entry) {
				return moved
			}
			fallthrough
		default:
			verdicts.refuse(item.Error.String())
			err := w.options.Rejects.entry(entry, item.Error.String())
			if err != nil && w.replays() {
				unkept = err
				return entry
			}
			w.counts.rejected.Add(1)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("taking a block apart: %w", err)
	}
	w.warn(verdicts.reasons)
	switch {
	case left.docs == 0:
		return nil, nil
	case unkept != nil:
		return left, &unkeptError{unkept}
	default:
		return left, verdicts.waiting
	}
}

// unkeptError says that refused documents stay in the spool: the rejects file does not take them.
type unkeptError struct{ error }

func (e *unkeptError) Error() string {
	return "refused documents cannot be kept: " + e.error.Error() + ". See option rejects-file"
}

func (e *unkeptError) Unwrap() error { return e.error }

// replays tells whether the writer only sends what is in the spool.
func (w *Writer) replays() bool { return w.spill != nil && w.options.Fatal }

// tally sums up what the server said of the documents of a block.
type tally struct {
	reasons map[string]int // why documents were refused
	waiting error          // why documents are to be sent again later, nil if none is
}

func (t *tally) wait(item *bulkItem, url string) {
	if t.waiting == nil {
		t.waiting = &itemsError{url, item.Status, item.Error.String()}
	}
}

func (t *tally) refuse(reason string) {
	if t.reasons == nil {
		t.reasons = map[string]int{}
	}
	t.reasons[reason]++
}

// warn shows why documents were refused, each reason once.
func (w *Writer) warn(reasons map[string]int) {
	for reason, count := range reasons {
		w.outage.refused(count, reason)
	}
}
