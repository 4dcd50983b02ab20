// Command k6 is k6 with this module's output and subcommand, for the demo, the tests and CI. Users build
// theirs with xk6.
package main

import (
	"go.k6.io/k6/v2/cmd"

	_ "github.com/k6es/k6es"
)

func main() { cmd.Execute() }
