package config

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/k6es/k6es/terminal"
)

const mask = "****"

// Setting is an option as it may be shown: secrets are masked.
type Setting struct {
	Name   string
	Value  string // as a user would write it; empty: not set
	Source string // where the value came from: "default", a variable, a flag, a file and line; empty: not set
}

// Masked returns every option with its value and where it came from, in the order of the table.
func (c Config) Masked() []Setting {
	settings := make([]Setting, 0, len(options))
	for i := range options {
		if option := &options[i]; option.Ignored == "" {
			settings = append(settings, Setting{option.Name, option.text(&c), c.sources[option.Name]})
		}
	}
	return settings
}

// OnlyK6 returns the command line words, flag and value, that tell the k6es command those of the named options
// that only k6 was given, by --out or its JSON config; none where the environment or a config file has them, or
// the default holds. Logins in addresses are left out, secrets are masked.
func (c Config) OnlyK6(names ...string) []string {
	var words []string
	for _, name := range names {
		if value := byKey[name].text(&c); c.onlyK6[name] && value != "" {
			words = append(words, "--"+name, strings.ReplaceAll(value, mask+"@", ""))
		}
	}
	return words
}

// Address is where the server is, for messages: the URLs without logins, separated by commas.
func (c Config) Address() string { return maskAddresses(c.URLs) }

// Print writes every option, its value and where it came from, one on a line.
func (c Config) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range c.Masked() {
		value, source := s.Value, s.Source
		if value == "" {
			value = "-"
		}
		if source == "" {
			source = "not set"
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, terminal.Escape(value), terminal.Escape(source)); err != nil {
			return fmt.Errorf("print options: %w", err)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print options: %w", err)
	}
	return nil
}

// String is the options that are not defaults, on one line, secrets masked.
func (c Config) String() string {
	var given []string
	for _, s := range c.Masked() {
		if s.Value != "" && s.Source != fromDefault {
			given = append(given, s.Name+"="+s.Value)
		}
	}
	return strings.Join(given, " ")
}

// Format makes every verb of fmt print String: %d and %#v would otherwise show the fields.
func (c Config) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, c.String())
}

// MarshalJSON writes an object of option names and masked values.
func (c Config) MarshalJSON() ([]byte, error) {
	values := make(map[string]string, len(options))
	for _, s := range c.Masked() {
		values[s.Name] = s.Value
	}
	return json.Marshal(values)
}

// text is the option's value as a user would write it, secrets masked; empty: not set.
func (o *Option) text(c *Config) string {
	switch field := o.field(c).(type) {
	case *[]string:
		if o.Secret {
			return strings.Join(slices.Repeat([]string{mask}, len(*field)), ",")
		}
		return maskAddresses(*field)
	case *map[string]string:
		return o.pairsText(*field)
	case *bool:
		return strconv.FormatBool(*field)
	case *int:
		return strconv.Itoa(*field)
	case *time.Duration:
		return field.String()
	case *Bytes:
		return field.String()
	case *string:
		if o.Secret && *field != "" {
			return mask
		}
		if o.Address {
			return maskAddress(*field)
		}
		return *field
	default:
		return ""
	}
}

func (o *Option) pairsText(pairs map[string]string) string {
	texts := make([]string, 0, len(pairs))
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		value := pairs[key]
		if o.Secret {
			value = mask
		}
		texts = append(texts, key+"="+value)
	}
	return strings.Join(texts, ",")
}

// exposes tells whether showing the value gives a secret away.
func (o *Option) exposes(value any) bool {
	switch value := value.(type) {
	case string:
		return (o.Secret && value != "") || (o.Address && holdsPassword(value))
	case []string:
		return o.Secret || (o.Address && holdsPassword(value...))
	default:
		return o.Secret
	}
}

func holdsPassword(addresses ...string) bool {
	return slices.ContainsFunc(addresses, func(address string) bool { return strings.Contains(address, "@") })
}

func maskAddresses(addresses []string) string {
	shown := make([]string, len(addresses))
	for i, address := range addresses {
		shown[i] = maskAddress(address)
	}
	return strings.Join(shown, ",")
}

// maskAddress hides user and password of an address, whether or not it can be parsed.
func maskAddress(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	scheme := ""
	if i := strings.Index(address, "://"); i >= 0 && i < at {
		scheme = address[:i+len("://")]
	}
	return scheme + mask + address[at:]
}
