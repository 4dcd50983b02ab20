package config

import (
	"cmp"
	"strings"

	"github.com/spf13/pflag"
)

// AddFlags adds a flag for each option of the given place. Load reads them and checks their values,
// so that an error looks alike whatever the source. Other names of an option work but are hidden.
func AddFlags(flags *pflag.FlagSet, where Where) {
	var group Group
	for i := range options {
		option := &options[i]
		group = cmp.Or(option.Group, group)
		if option.Where&where == 0 || option.Ignored != "" {
			continue
		}
		value := &flagValue{option: option}
		for _, name := range option.names() {
			flag := flags.VarPF(value, name, "", option.Help+repeatable(option))
			flag.Hidden = name != option.flag()
			flag.Annotations = map[string][]string{groupAnnotation: {string(group)}}
			if option.Kind() == Bool {
				flag.NoOptDefVal = "true"
			}
		}
	}
}

// groupAnnotation is what a flag carries the group of its option by.
const groupAnnotation = "k6es-group"

// GroupOf is the group of a flag that AddFlags made; empty for any other.
func GroupOf(flag *pflag.Flag) Group {
	if group := flag.Annotations[groupAnnotation]; len(group) > 0 {
		return Group(group[0])
	}
	return ""
}

func repeatable(option *Option) string {
	if option.repeats() {
		return " (repeatable)"
	}
	return ""
}

// flagValue keeps what was given, in order; all names of an option share one.
type flagValue struct {
	option *Option
	texts  []string
}

// Set implements pflag.Value.
func (v *flagValue) Set(text string) error {
	v.texts = append(v.texts, text)
	return nil
}

// String implements pflag.Value; before a flag is parsed it is the default, which the usage shows.
func (v *flagValue) String() string {
	switch {
	case len(v.texts) == 0:
		return v.option.Default
	case v.option.Secret:
		return mask
	case v.option.Address:
		return maskAddresses(v.texts)
	default:
		return strings.Join(v.texts, ",")
	}
}

// Type implements pflag.Value; it is what the usage shows for the value.
func (v *flagValue) Type() string { return v.option.format() }

func flagSettings(flags *pflag.FlagSet) []setting {
	if flags == nil {
		return nil
	}
	var settings []setting
	flags.Visit(func(flag *pflag.Flag) {
		value, ours := flag.Value.(*flagValue)
		if !ours || len(value.texts) == 0 {
			return
		}
		s := setting{option: value.option, from: "--" + flag.Name, value: value.texts[len(value.texts)-1], exposed: true}
		if value.option.repeats() {
			s.value = value.texts
		}
		settings = append(settings, s)
	})
	return settings
}
