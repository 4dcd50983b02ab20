// Package elastic is the connection to Elasticsearch or OpenSearch: addresses, TLS, credentials, and
// which server is on the other end. It sends single requests and explains what went wrong in one
// sentence; it does not retry, it knows no index and no document. Nothing that it prints holds a
// secret.
package elastic
