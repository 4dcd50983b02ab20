// Package mappings is the contract on what the documents hold. The fields are written once, in
// fields.yml; the index templates, the field reference and the Kibana field list are made from them.
// The package installs the templates on a server and validates documents; it writes no documents.
package mappings

//go:generate go run ./generate
