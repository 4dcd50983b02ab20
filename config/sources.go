package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Sources is where options come from. The zero value gives the defaults.
type Sources struct {
	// Files are the config files looked for when none is named by --config, the argument or
	// K6ES_CONFIG; the first one that exists is read. See DefaultFiles. A named file must exist.
	Files []string
	// JSON is k6's collectors.<output>: an object with camelCase or kebab-case keys; may be empty.
	JSON json.RawMessage
	// Env is the whole environment. An empty variable counts as not set.
	Env map[string]string
	// Argument is what follows "elasticsearch=" in k6's --out.
	Argument string
	// Output is the name of the k6 output, for messages; empty: elasticsearch.
	Output string
	// Flags is a flag set that AddFlags has filled and that is parsed; may be nil.
	Flags *pflag.FlagSet
}

const (
	fromDefault       = "default"
	environmentPrefix = "K6_ELASTICSEARCH_"
)

// setting is an option's value as one source gave it.
type setting struct {
	option  *Option
	from    string // the source, for people: an environment variable, a flag, a file and line
	key     string // the key within the source; empty where the source itself names the option
	value   any    // string, []string or map[string]string
	exposed bool   // other users of the machine can see it
	inFile  bool   // the config file says so
	onlyK6  bool   // the k6es command, run in the same place, would not see it
}

func (s setting) place() string {
	if s.key == "" {
		return s.from
	}
	return s.from + ": " + s.key
}

// Environ turns the "NAME=value" strings of os.Environ into what Sources.Env takes.
func Environ(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}

// settings returns what all sources say, the lowest source first.
func (s Sources) settings() ([]setting, error) {
	fromJSON, jsonErr := jsonSettings("collectors."+s.output(), s.JSON)
	fromArgument, argumentErr := argumentSettings("--out "+s.output()+"=…", s.Argument)
	for _, given := range [][]setting{fromJSON, fromArgument} {
		for i := range given {
			given[i].onlyK6 = true
		}
	}
	given := slices.Concat(s.fromEnvironment(), fromArgument, flagSettings(s.Flags))
	fromFile, fileErr := s.fromFile(given)
	namedForK6 := slices.ContainsFunc(fromArgument, func(s setting) bool { return s.option == byKey["config"] })
	for i := range fromFile {
		fromFile[i].inFile, fromFile[i].onlyK6 = true, namedForK6
	}
	if err := errors.Join(fileErr, jsonErr, argumentErr); err != nil {
		return nil, err
	}
	return slices.Concat(defaults(), fromFile, fromJSON, given), nil
}

func (s Sources) output() string {
	if s.Output == "" {
		return "elasticsearch"
	}
	return s.Output
}

func defaults() []setting {
	var settings []setting
	for i := range options {
		if options[i].Default != "" {
			settings = append(settings, setting{option: &options[i], from: fromDefault, value: options[i].Default})
		}
	}
	return settings
}

func (s Sources) fromEnvironment() []setting {
	var settings []setting
	for i := range options {
		for _, name := range options[i].envNames() {
			if value := s.Env[name]; value != "" {
				settings = append(settings, setting{option: &options[i], from: name, value: value})
				break
			}
		}
	}
	return settings
}

// unknownEnvironment warns of variables that look like ours and are none: an error would be too
// much, since they may belong to another version.
func (s Sources) unknownEnvironment() []string {
	var known, warnings []string
	for i := range options {
		for _, name := range options[i].envNames() {
			known = append(known, strings.TrimPrefix(name, environmentPrefix))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		rest, ours := strings.CutPrefix(name, environmentPrefix)
		if !ours || slices.Contains(known, rest) {
			continue
		}
		warning := name + " is unknown and ignored"
		if near := Nearest(rest, known); near != "" {
			warning += "; did you mean " + environmentPrefix + near + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// lookup finds the option for a key of the given source.
func lookup(from, key string, where Where) (*Option, error) {
	option, ok := byKey[key]
	if ok && option.Where&where != 0 {
		return option, nil
	}
	if ok {
		return nil, fmt.Errorf("%s: %q is an option of the k6es command, not of the k6 output", from, key)
	}
	var names []string
	for i := range options {
		if options[i].Where&where != 0 && options[i].Ignored == "" {
			names = append(names, options[i].names()...)
		}
	}
	if near := Nearest(kebab(key), names); near != "" {
		return nil, fmt.Errorf("%s: unknown option %q; did you mean %q?", from, key, near)
	}
	return nil, fmt.Errorf("%s: unknown option %q", from, key)
}

// entry is a key and its value in a config file or the JSON config.
type entry struct {
	from, key string
	value     any   // string, []string, map[string]string, or nil for a null
	err       error // why the value cannot be one of these
}

// settingsOf finds the options of the entries; a null is no value.
func settingsOf(entries []entry) ([]setting, error) {
	var settings []setting
	var errs []error
	for _, e := range entries {
		option, err := lookup(e.from, e.key, Both)
		switch {
		case err != nil:
			errs = append(errs, err)
		case e.err != nil:
			errs = append(errs, fmt.Errorf("%s: %s: %w", e.from, e.key, e.err))
		case option.NotInFile:
			errs = append(errs, fmt.Errorf("%s: %s is no option of a config file", e.from, e.key))
		case slices.ContainsFunc(settings, func(s setting) bool { return s.option == option }):
			errs = append(errs, fmt.Errorf("%s: %s is given twice", e.from, option.Name))
		case e.value != nil:
			settings = append(settings, setting{option: option, from: e.from, key: e.key, value: e.value})
		}
	}
	return settings, errors.Join(errs...)
}
