// Command filebeat is Filebeat OSS 7.10.2, made of its own modules: tests ship real log lines with it. It
// is a module of its own, so that what Filebeat needs stays out of k6es.
//
//	go build -o filebeat .        takes two minutes the first time
//
// Two things do not work when it is built with a later Go than its own: loading its index template
// (setup.template.enabled: false), and its system call filter (seccomp.enabled: false).
package main

import (
	"os"

	"github.com/elastic/beats/v7/filebeat/cmd"
	inputs "github.com/elastic/beats/v7/filebeat/input/default-inputs"
)

func main() {
	if err := cmd.Filebeat(inputs.Init).Execute(); err != nil {
		os.Exit(1)
	}
}
