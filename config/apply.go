package config

import (
	"time"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs/ci"
)

// uploadPatience is how long an upload tries to get a request through when RetryTimeout is 0.
const uploadPatience = 2 * time.Minute

// Elastic is what the connection needs to know.
func (c Config) Elastic() elastic.Config {
	return elastic.Config{
		URLs: c.URLs, CloudID: c.CloudID, User: c.User, Password: c.Password, APIKey: c.APIKey,
		ServiceToken: c.ServiceAccountToken, Headers: c.Headers, CACertFile: c.CACertFile,
		ClientCertFile: c.ClientCertFile, ClientKeyFile: c.ClientKeyFile,
		InsecureSkipVerify: c.InsecureSkipVerify, Timeout: c.Timeout,
	}
}

// Mappings is what installing templates needs to know.
func (c Config) Mappings() mappings.Options {
	options := mappings.Options{Prefix: c.IndexPrefix}
	if c.Replicas >= 0 {
		options.Replicas = &c.Replicas
	}
	return options
}

// Documents is what making documents needs to know.
func (c Config) Documents() ingest.Options {
	return ingest.Options{
		Prefix: c.IndexPrefix, Period: ingest.Period(c.IndexPeriod), MaxLabels: c.MaxLabels,
		URLs: ingest.URLPolicy(c.URLTag), MaxURLs: c.MaxURLs,
	}
}

// Origin is what the user says of where the run came from.
func (c Config) Origin() ci.Overrides {
	return ci.Overrides{
		Branch: c.Branch, SHA: c.Commit, BaseBranch: c.BaseBranch, ChangeID: c.Change, RunURL: c.PipelineURL,
	}
}

// UploadWriter is how an upload sends: it waits for the server, and ends where waiting does not help.
// Prepare, Rejects and Log are left to the caller.
func (c Config) UploadWriter() ingest.WriterOptions {
	options := c.writer()
	options.Wait, options.Fatal = true, true
	if options.RetryFor == 0 {
		options.RetryFor = uploadPatience
	}
	return options
}

// LiveWriter is how a live run sends: it never waits, and never gives up before the run's end.
// Prepare, Rejects and Log are left to the caller.
func (c Config) LiveWriter() ingest.WriterOptions { return c.writer() }

func (c Config) writer() ingest.WriterOptions {
	return ingest.WriterOptions{
		BlockSize: int(c.BulkSize), InFlight: c.InFlight, Compression: c.Compression, Memory: int64(c.Memory),
		Timeout: c.Timeout, RetryFor: c.RetryTimeout,
	}
}
