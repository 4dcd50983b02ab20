package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/notify"
	"github.com/k6es/k6es/runs/ci"
)

// uploadPatience is how long an upload tries to get a request through when RetryTimeout is 0.
const uploadPatience = 2 * time.Minute

// Elastic is what the connection needs to know.
func (c Config) Elastic() elastic.Config {
	return elastic.Config{
		URLs: c.URLs, CloudID: c.CloudID, User: c.User, Password: c.Password, APIKey: c.APIKey,
		ServiceToken: c.ServiceAccountToken, BearerToken: c.BearerToken, Headers: c.Headers,
		SigV4: elastic.SigV4{
			Region: c.SigV4Region, Service: c.SigV4Service, AccessKey: c.SigV4AccessKey, SecretKey: c.SigV4SecretKey,
			SessionToken: c.SigV4SessionToken, Profile: c.SigV4Profile,
		},
		CACertFile: c.CACertFile, ClientCertFile: c.ClientCertFile, ClientKeyFile: c.ClientKeyFile,
		InsecureSkipVerify: c.InsecureSkipVerify, Proxy: c.Proxy, Timeout: c.Timeout,
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

// Notifications is who is told of ends of runs and of comparisons.
func (c Config) Notifications() notify.Options {
	return notify.Options{URLs: c.NotifyURLs, On: c.NotifyOn, Secret: c.NotifySecret, CACertFile: c.NotifyCACertFile}
}

// Origin is what the user says of where the run came from.
func (c Config) Origin() ci.Overrides {
	return ci.Overrides{
		Branch: c.Branch, SHA: c.Commit, BaseBranch: c.BaseBranch, ChangeID: c.Change, RunURL: c.PipelineURL,
	}
}

// UploadWriter is how an upload sends: it waits for the server, and ends where waiting does not help. It holds what
// keeps the server busy, and a little more: to be far ahead of it costs memory and gains nothing.
// Prepare, Rejects and Log are left to the caller.
func (c Config) UploadWriter() ingest.WriterOptions {
	options := c.writer()
	options.Wait, options.Fatal = true, true
	options.Memory = min(options.Memory, int64(options.InFlight+1)*int64(options.BlockSize))
	if options.RetryFor == 0 {
		options.RetryFor = uploadPatience
	}
	return options
}

// LiveWriter is how a live run sends: it never waits for the server, and never gives up before the run's end. Three
// quarters of the memory are for blocks, several of which must fit in, or those that come while one is written
// into the spool would be given up. Prepare, Rejects, Log and Spool are left to the caller.
func (c Config) LiveWriter() ingest.WriterOptions {
	options := c.writer()
	options.Memory -= c.LiveQueue()
	options.BlockSize = min(options.BlockSize, int(options.Memory/leastBlocks))
	options.SpoolAfter = c.FlushPeriod
	return options
}

// leastBlocks is how many blocks of a live run its memory holds, even if they are not compressed.
const leastBlocks = 6

// LiveQueue is how many bytes of a live run's memory are for samples that wait to become documents.
func (c Config) LiveQueue() int64 { return int64(c.Memory) / 4 }

// Spool is where a live run keeps what the server does not take in time. The error says that nobody told
// where, and that the user has no home folder.
func (c Config) Spool() (spool.Dir, error) {
	dir := spool.Dir{Root: c.SpoolDir, Size: int64(c.SpoolSize)}
	if dir.Root != "" {
		return dir, nil
	}
	state, err := stateDir()
	if err != nil {
		return dir, fmt.Errorf("no folder for the spool: %w. Set K6_ELASTICSEARCH_SPOOL_DIR", err)
	}
	dir.Root = filepath.Join(state, "k6es", "spool")
	return dir, nil
}

// stateDir is where programs keep what is to outlive them: by the XDG Base Directory Specification, but on
// Windows the user's local application data.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	if runtime.GOOS == "windows" {
		return os.UserCacheDir() // %LocalAppData%
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state"), err
}

func (c Config) writer() ingest.WriterOptions {
	return ingest.WriterOptions{
		BlockSize: int(c.BulkSize), InFlight: c.InFlight, Compression: c.Compression, Memory: int64(c.Memory),
		Timeout: c.Timeout, RetryFor: c.RetryTimeout,
	}
}

// RejectsFileOf is where documents of a live run that the server refuses are kept when nobody says where:
// in the working folder.
func RejectsFileOf(runID string) string {
	return "k6es-" + strings.Map(fileRune, runID) + ".rejects"
}

func fileRune(r rune) rune {
	if strings.ContainsRune(`/\:*?"<>| `, r) || r < ' ' {
		return '_'
	}
	return r
}
