package mappings

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/k6es/k6es/elastic"
)

// Client is what this package needs of *elastic.Client.
type Client interface {
	// JSON sends in and decodes the answer into out; a status of 300 or more is an *elastic.Error.
	JSON(ctx context.Context, method, path string, in, out any) error
}

// State says how a template on the server compares with the one that this k6es would install.
type State string

// The states. Documents may be written with Current and Newer; Older lacks fields of this version.
const (
	Current State = "current"
	Missing State = "missing"
	Older   State = "older"
	Newer   State = "newer"
	// Altered is of this version, but somebody changed it.
	Altered State = "altered"
	// Foreign has our name but no schema version: k6es did not make it.
	Foreign State = "foreign"
	// Unlinked is of this version, but names another ILM policy than the one that is asked for.
	Unlinked State = "unlinked"
)

// Finding is what the server has for one template.
type Finding struct {
	Template string
	State    State
	// Version is the schema version of the installed template; 0 when Missing or Foreign.
	Version int
	// Difference names the first setting that an Altered template has otherwise.
	Difference string

	// replicas is the installed number_of_replicas, -1 when there is none.
	replicas int
	// lifecycle is the ILM policy that the installed template names, empty when there is none.
	lifecycle string
}

// OK tells whether there is nothing to do.
func (f Finding) OK() bool { return f.State == Current || f.State == Newer }

// String says it in one line, such as "k6-metrics: version 3 is older than this k6es (version 4)".
func (f Finding) String() string {
	switch f.State {
	case Current:
		return fmt.Sprintf("%s: current (version %d)", f.Template, f.Version)
	case Older, Newer:
		return fmt.Sprintf("%s: version %d is %s than this k6es (version %d)", f.Template, f.Version, f.State, SchemaVersion)
	case Altered:
		return fmt.Sprintf("%s: altered by hand (%s)", f.Template, f.Difference)
	case Foreign:
		return f.Template + ": a template of this name was not made by k6es"
	case Unlinked:
		return fmt.Sprintf("%s: names %s", f.Template, namedPolicy(f.lifecycle))
	default:
		return f.Template + ": missing"
	}
}

// sentence says of a template with which nothing can be written what it is.
func (f Finding) sentence() string {
	switch f.State {
	case Older:
		return fmt.Sprintf("%s is of version %d, older than this k6es (version %d)", f.Template, f.Version, SchemaVersion)
	case Foreign:
		return f.Template + " was not made by k6es"
	default:
		return f.Template + " is missing"
	}
}

func namedPolicy(name string) string {
	if name == "" {
		return "no retention policy"
	}
	return "the retention policy " + name
}

// Check compares the templates on the server with ours and changes nothing. Of opts it uses Prefix,
// Replicas and Lifecycle. Both kinds of template count; the composable one wins, as on the server.
func Check(ctx context.Context, client Client, opts Options) ([]Finding, error) {
	findings := make([]Finding, 0, len(families))
	for _, family := range families {
		finding, err := family.check(ctx, client, opts)
		if err != nil {
			return findings, err
		}
		findings = append(findings, finding)
	}
	return findings, nil
}

func (f Family) check(ctx context.Context, client Client, opts Options) (Finding, error) {
	name := f.Template(opts.Prefix, Target{}, SchemaVersion).Name
	for _, kind := range []Kind{Composable, Legacy} {
		installed, err := fetch(ctx, client, kind, name)
		if err != nil {
			return Finding{}, err
		}
		if installed != nil {
			return f.judge(name, kind, installed, opts), nil
		}
	}
	return Finding{Template: name, State: Missing, replicas: -1}, nil
}

// fetch reads a template, flattened; nil when the server has none of that name.
func fetch(ctx context.Context, client Client, kind Kind, name string) (flat, error) {
	var answer struct {
		Composable []struct {
			Template json.RawMessage `json:"index_template"`
		} `json:"index_templates"`
	}
	var legacy map[string]json.RawMessage
	var out any = &answer
	if kind == Legacy {
		out = &legacy
	}
	err := client.JSON(ctx, http.MethodGet, kind.path(name), nil, out)
	if elastic.IsStatus(err, http.StatusNotFound) {
		return nil, nil //nolint:nilnil // nothing there, and that is well
	}
	if err != nil {
		return nil, fmt.Errorf("read the template %s: %w", name, err)
	}
	body := legacy[name]
	if len(answer.Composable) > 0 {
		body = answer.Composable[0].Template
	}
	if body == nil {
		return nil, nil //nolint:nilnil // as above
	}
	return flatten(body)
}

func (f Family) judge(name string, kind Kind, installed flat, opts Options) Finding {
	finding := Finding{
		Template: name, State: Current,
		replicas: installed.number(kind.replicasPath(), -1), lifecycle: installed[kind.lifecyclePath()],
	}
	version := installed.number(kind.metaPath()+"."+versionKey, -1)
	if version < 0 {
		finding.State = Foreign
		return finding
	}
	finding.Version = version
	switch difference := f.difference(kind, installed, opts); {
	case version < SchemaVersion:
		finding.State = Older
	case version > SchemaVersion:
		finding.State = Newer
	case difference != "":
		finding.State, finding.Difference = Altered, difference
	case opts.Lifecycle != nil && f.Name == Metrics && *opts.Lifecycle != finding.lifecycle:
		finding.State = Unlinked
	}
	return finding
}

// difference compares with our template for a server like this one: with scaled_float if the installed
// template has it, as which one a server needs is only known when it refuses the other.
func (f Family) difference(kind Kind, installed flat, opts Options) string {
	target := Target{Legacy: kind == Legacy, NoScaledFloat: !installed.has(ScaledFloat), Lifecycle: installed[kind.lifecyclePath()]}
	if opts.Replicas != nil {
		target.Replicas = *opts.Replicas
	} else {
		// Any number will do, so that an administrator's choice stays.
		target.Replicas = installed.number(kind.replicasPath(), -1)
	}
	ours, err := flatten(f.Template(opts.Prefix, target, SchemaVersion).Body)
	if err != nil {
		return err.Error()
	}
	return ours.firstDifference(installed)
}

func (k Kind) metaPath() string {
	if k == Legacy {
		return "mappings._meta"
	}
	return "_meta"
}

func (k Kind) replicasPath() string { return k.settingPath("number_of_replicas") }

func (k Kind) lifecyclePath() string { return k.settingPath("lifecycle.name") }

func (k Kind) settingPath(setting string) string {
	path := "settings.index." + setting
	if k == Legacy {
		return path
	}
	return "template." + path
}
