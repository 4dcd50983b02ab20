package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
)

// place is a server, and what is to be done there.
type place struct {
	config config.Config
	client *elastic.Client
	server elastic.Server
}

// retention is what --retention says: how long samples are to stay.
type retention struct {
	text string              // empty: nothing
	want *mappings.Retention // nil: nothing, or off
}

// retentionOff is what --retention is given to take the policy away.
const retentionOff = "off"

func parseRetention(text string, cfg config.Config) (retention, error) {
	if text == "" || text == retentionOff {
		return retention{text: text}, nil
	}
	keep, err := parseAge(text)
	if err != nil {
		return retention{}, usageError("--retention: %w; or off", err)
	}
	if keep < time.Hour || keep%time.Hour != 0 {
		return retention{}, usageError("--retention is %s; it must be whole hours: 12h, 30d, 8w", text)
	}
	return retention{text, &mappings.Retention{Keep: keep, Period: indexPeriod(cfg)}}, nil
}

// indexPeriod is the longest time that one index covers.
func indexPeriod(cfg config.Config) time.Duration {
	const day = 24 * time.Hour
	if cfg.IndexPeriod == "day" {
		return day
	}
	return 31 * day
}

// retain installs or removes the policy that deletes old samples.
func (env Env) retain(ctx context.Context, at place, asked retention, options mappings.Options) error {
	if asked.text == "" {
		return nil
	}
	var change mappings.RetentionChange
	var err error
	if asked.want == nil {
		change, err = mappings.RemoveRetention(ctx, at.client, options)
	} else {
		change, err = mappings.InstallRetention(ctx, at.client, options, *asked.want)
	}
	var none *mappings.NoEngineError
	if errors.As(err, &none) {
		env.schedule(at, asked.text)
		return nil
	}
	if err == nil {
		fmt.Fprintln(env.Out, "retention", change)
	}
	return err
}

// checkRetention shows the policy if there is one, or if something is asked for.
func (env Env) checkRetention(ctx context.Context, at place, asked retention) error {
	finding, err := mappings.CheckRetention(ctx, at.client, at.config.Mappings(), asked.want)
	switch {
	case asked.text == "" && (err != nil || finding.State == mappings.Missing): // not everybody may look
		return nil
	case err != nil:
		return err
	case asked.want != nil && finding.Engine == mappings.NoEngine:
		env.schedule(at, asked.text)
		return nil
	}
	fmt.Fprintln(env.Out, "retention", finding)
	if !finding.OK() || asked.text == retentionOff && finding.State != mappings.Missing {
		wanted := asked.text
		if wanted == "" {
			wanted = "30d"
		}
		return fmt.Errorf("the retention policy needs work: run `%s setup --retention %s`", env.Name, wanted)
	}
	return nil
}

// schedule says what to do where the server deletes nothing by itself.
func (env Env) schedule(at place, keep string) {
	fmt.Fprintf(env.Out, "retention %s: %s has neither ILM nor ISM. Let cron prune old runs, daily:\n  %s\n",
		mappings.PolicyName(at.config.IndexPrefix), at.server, env.pruneLine(at, keep))
}

// pruneLine is a line for crontab. How to log in is left to the environment or the config file.
func (env Env) pruneLine(at place, keep string) string {
	line := fmt.Sprintf("17 3 * * *  %s runs prune --older-than %s --yes", env.Name, keep)
	if at.config.CloudID == "" {
		line += " --url " + strings.ReplaceAll(at.client.URL(), ", ", ",")
	}
	if at.config.IndexPrefix != mappings.DefaultPrefix {
		line += " --index-prefix " + at.config.IndexPrefix
	}
	return line
}
