package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
)

// serverName is what is started when there is no server: see scripts/servers.
const serverName = "es-oss-7.10.2"

// probeTimeout is how long a server may take to say what it is.
const probeTimeout = 10 * time.Second

// server is where the demo writes to.
type server struct {
	what string // product and version
	ours bool   // started by the demo
	stop func() error
}

// findServer uses the server of ELASTICSEARCH_URL if it answers, and starts one otherwise.
func (d *demo) findServer(ctx context.Context) error {
	d.server.stop = func() error { return nil }
	url := config.Environ(d.environ)["ELASTICSEARCH_URL"]
	if url != "" {
		err := d.connect(ctx, url, config.DefaultFiles())
		if err == nil {
			fmt.Fprintf(d.out, "%s (ELASTICSEARCH_URL): %s\n", d.client.URL(), d.server.what)
			return nil
		}
		var silent *elastic.ConnectionError
		if !errors.As(err, &silent) && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("ELASTICSEARCH_URL: %w", err)
		}
		fmt.Fprintf(d.out, "ELASTICSEARCH_URL: %v. Starting a server instead.\n", err)
	}
	return d.startServer(ctx)
}

// connect asks the server what it is, and makes it the one that the commands write to.
func (d *demo) connect(ctx context.Context, url string, files []string) error {
	environ := append(slices.Clone(d.environ), "K6_ELASTICSEARCH_URL="+url)
	cfg, err := config.Load(config.Sources{Files: files, Env: config.Environ(environ)})
	if err != nil {
		return err
	}
	client, err := elastic.New(cfg.Elastic())
	if err != nil {
		return err
	}
	probe, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	what, err := client.Probe(probe)
	if err != nil {
		return err
	}
	d.client, d.server.what, d.environ, d.prefix = client, what.String(), environ, cfg.IndexPrefix
	d.logging = open(cfg)
	return nil
}

// open tells whether the server lets anybody in, at one address and without TLS. The sample service can
// log nowhere else.
func open(cfg config.Config) bool {
	login := cfg.User + cfg.APIKey + cfg.ServiceAccountToken + cfg.BearerToken + cfg.SigV4Region + cfg.CloudID
	return login == "" && len(cfg.URLs) == 1 && strings.HasPrefix(cfg.URLs[0], "http://") && !strings.Contains(cfg.URLs[0], "@")
}

// startServer starts a server: one that ends with this process, however that ends, or, with KEEP, one
// that stays.
func (d *demo) startServer(ctx context.Context) error {
	// Options that are meant for another server must not meet this one.
	d.environ = withoutOptions(d.environ, d.temp)
	d.server.ours = true
	servers := filepath.Join(d.temp, "servers")
	if err := d.command(ctx, "go", "build", "-o", servers, "./scripts/servers").Run(); err != nil {
		return fmt.Errorf("go build ./scripts/servers: %w", err)
	}
	start := d.startEnding
	if d.keep {
		start = d.startStaying
	}
	url, err := start(ctx, servers)
	if err != nil {
		return err
	}
	if err := d.connect(ctx, url, nil); err != nil {
		return errors.Join(err, d.server.stop())
	}
	return nil
}

func (d *demo) startStaying(ctx context.Context, servers string) (url string, err error) {
	cmd := d.command(ctx, servers, "start", serverName)
	cmd.Stdout = nil
	line, err := cmd.Output()
	if err != nil {
		return "", errors.New("the server was not started")
	}
	url, _, _ = strings.Cut(string(line), " ")
	return url, nil
}

// startEnding starts a server that lives as long as the command it is started for; that lives as long as
// its standard input, which is open as long as this process lives.
func (d *demo) startEnding(ctx context.Context, servers string) (url string, err error) {
	cmd := d.command(ctx, servers, "run", serverName, "--", "sh", "-c", `echo "$ELASTICSEARCH_URL"; exec cat`)
	cmd.Stdout = nil
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	d.server.stop = func() error {
		closed := stdin.Close()
		if err := cmd.Wait(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("stopping the server: %w", errors.Join(err, closed))
		}
		return nil
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = d.server.stop() // it has said why
		d.server.stop = func() error { return nil }
		return "", errors.New("the server was not started")
	}
	return strings.TrimSpace(line), nil
}

// withoutOptions is an environment without options of k6es; config files of the user are not found.
func withoutOptions(environ []string, configHome string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return strings.HasPrefix(entry, "K6_ELASTICSEARCH_") || strings.HasPrefix(entry, "K6ES_CONFIG=") ||
			strings.HasPrefix(entry, "XDG_CONFIG_HOME=")
	})
	return append(kept, "XDG_CONFIG_HOME="+configHome)
}
