// Package e2e tests the programs as a user has them: k6 with the output and k6es, built and run as
// processes, against real servers and the sample service. It has tests only.
//
// What the tests hold on to: the numbers that Elasticsearch computes from the documents are those of
// k6's own end-of-test summary; a live run and its file make the same documents; nothing is lost or
// doubled by interrupts, repeats and outages; and what could not be delivered is told.
package e2e
