// Package k6es is the k6 extension: importing it, as xk6 does, gives k6 the outputs elasticsearch,
// output-elasticsearch and opensearch, and the subcommand k6 x es.
package k6es

import (
	"go.k6.io/k6/v2/output"
	k6subcommand "go.k6.io/k6/v2/subcommand"

	"github.com/k6es/k6es/k6output"
)

func init() {
	for _, name := range k6output.Names {
		output.RegisterExtension(name, k6output.New)
	}
	k6subcommand.RegisterExtension(subcommandName, subcommand)
}
