// Package ingesttest has a bulk API in memory for tests of what sends documents. It is there for the
// faults that a real server will not produce on demand; what a server does on a good day is tested on
// real ones.
package ingesttest
