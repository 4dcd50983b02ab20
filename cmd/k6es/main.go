// Command k6es loads k6's results into Elasticsearch or OpenSearch.
package main

import (
	"os"

	"github.com/k6es/k6es/cmd"
)

func main() {
	ctx, stop := cmd.Interruptible()
	code := cmd.Main(ctx, cmd.OSEnv(), os.Args[1:])
	stop()
	os.Exit(int(code))
}
