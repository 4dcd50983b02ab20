package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// argumentSettings reads the argument of k6's --out: addresses, then key=value, separated by commas,
// as in "http://es:9200,run-id=42,label=team=shop". Lists and maps are given by repeating the key.
//
// A password with a comma that is not escaped falls apart into elements that make no sense; so a word
// without "=", and what follows a secret, is never quoted in an error. For the same reason, and as a
// forgotten key is seen nowhere else, a host that is a mere word needs http:// here.
func argumentSettings(from, argument string) ([]setting, error) {
	reader := argumentReader{from: from}
	for _, element := range splitCommas(argument) {
		element = strings.TrimLeft(element, " ")
		if element == "" {
			continue
		}
		if err := reader.read(element); err != nil {
			return nil, err
		}
	}
	return reader.settings, nil
}

type argumentReader struct {
	from     string
	count    int // elements seen
	settings []setting
}

func (r *argumentReader) read(element string) error {
	r.count++
	key, value, paired := strings.Cut(element, "=")
	key = strings.TrimSpace(key)
	option := byKey[key]
	switch {
	case isAddress(element):
		return r.add(byKey["url"], "url", strings.TrimSpace(element))
	case option != nil && !paired:
		return fmt.Errorf("%s: %s has no value, write %s=…", r.from, key, key)
	case !paired && r.onlyAddresses() && looksLikeAddress(key):
		return r.add(byKey["url"], "url", key)
	case !paired, option == nil && (r.afterSecret() || holdsPassword(element)):
		return fmt.Errorf("%s: element %d is neither an address like http://es:9200 nor an option like run-id=nightly "+
			`(a host name alone needs http://; a comma inside a value is written \,)`, r.from, r.count)
	}
	option, err := lookup(r.from, key, Output)
	if err != nil {
		return err
	}
	return r.add(option, key, value)
}

// add appends to what the argument already has of a list or a map.
func (r *argumentReader) add(option *Option, key, value string) error {
	given := setting{option: option, from: r.from, key: key, value: value, exposed: true}
	i := slices.IndexFunc(r.settings, func(s setting) bool { return s.option == option })
	if option.repeats() {
		values := []string{value}
		if i >= 0 {
			values = append(r.settings[i].value.([]string), value)
			r.settings = slices.Delete(r.settings, i, i+1)
		}
		given.value = values
	} else if i >= 0 {
		return fmt.Errorf("%s: %s is given twice", r.from, option.Name)
	}
	r.settings = append(r.settings, given)
	return nil
}

// afterSecret tells whether the element before this one held a secret.
func (r *argumentReader) afterSecret() bool {
	if len(r.settings) == 0 {
		return false
	}
	last := r.settings[len(r.settings)-1]
	return last.option.exposes(last.value)
}

func (r *argumentReader) onlyAddresses() bool {
	return !slices.ContainsFunc(r.settings, func(s setting) bool { return s.option != byKey["url"] })
}

func isAddress(element string) bool {
	return strings.HasPrefix(element, "http://") || strings.HasPrefix(element, "https://")
}

// looksLikeAddress tells an address from a mere word: by a scheme, a dot or colons in the host, or a port.
func looksLikeAddress(element string) bool {
	if strings.Contains(element, "://") {
		return true
	}
	address, err := url.Parse("http://" + element)
	if err != nil {
		return false
	}
	return address.Hostname() == "localhost" || address.Port() != "" || strings.ContainsAny(address.Hostname(), ".:")
}
