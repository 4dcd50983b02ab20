package ingest

import "sync/atomic"

// Stats counts what became of documents. Each document of a writer is in the end counted in just one
// of Created, Existing, Rejected, Undelivered and Spooled.
type Stats struct {
	Created     int64 // written by us
	Existing    int64 // were there already: a retry, or the same file again
	Rejected    int64 // refused by the server for what they are
	Undelivered int64 // never acknowledged, and kept nowhere
	Spooled     int64 // in the spool
	Damaged     int64 // places in the spool that could not be read; their documents are Undelivered
	Retried     int64 // documents sent again
	Requests    int64
	Bytes       int64 // on the wire, in request bodies
	RawBytes    int64 // the same before compression
}

// Delivered is how many documents are in the index.
func (s Stats) Delivered() int64 { return s.Created + s.Existing }

type counters struct {
	created, existing, rejected, undelivered, spooled, damaged, retried, requests, bytes, rawBytes atomic.Int64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Created: c.created.Load(), Existing: c.existing.Load(), Rejected: c.rejected.Load(),
		Undelivered: c.undelivered.Load(), Spooled: c.spooled.Load(), Damaged: c.damaged.Load(), Retried: c.retried.Load(), Requests: c.requests.Load(),
		Bytes: c.bytes.Load(), RawBytes: c.rawBytes.Load(),
	}
}
