// Package runs is about test runs as a whole: what they are called, and which source they belong to.
//
// It is not a stable Go API; what is stable are CLI flags, environment variables and document fields.
package runs
