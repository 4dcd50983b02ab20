// Package spool keeps on disk what a server does not take in time: blocks of documents as they would
// have been sent, and the run's own document. The format is described in docs/spool.md.
//
// A Dir holds a folder for each run and instance. Whoever writes or sends a folder has it locked: the
// live run itself, or a replay. What was delivered is forgotten, and an empty folder is removed.
//
// It knows nothing of documents or servers. It is not a stable Go API; what is stable is the format.
package spool
