package notify

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// receiver is who is told.
type receiver struct {
	url     *url.URL
	body    func(*Notice) ([]byte, error)
	signed  bool   // with the secret, if there is one
	label   string // for messages: the host, and nothing else of the address
	givenUp bool   // it did not take an earlier notice
}

// errNoAddress does not repeat the address, which is a secret.
var errNoAddress = errors.New("is not an address like https://hooks.slack.com/services/…, perhaps with slack+, teams+ or json+ before it")

// formats are what may stand before an address, where its host does not say what it understands.
var formats = map[string]func(*receiver){
	"slack": func(r *receiver) { r.body = slackBody },
	"teams": func(r *receiver) { r.body = teamsBody },
	"json":  func(r *receiver) { r.body, r.signed = jsonBody, true },
}

// hosts are those whose format is known; one that begins with a dot stands for all below it.
var hosts = []struct{ host, format string }{
	{"hooks.slack.com", "slack"}, {"hooks.slack-gov.com", "slack"},
	{".logic.azure.com", "teams"}, {".powerplatform.com", "teams"}, {".powerautomate.com", "teams"},
	{".webhook.office.com", "teams"},
}

// CheckURLs says which of the addresses, by its number, is none. No error repeats an address.
func CheckURLs(addresses []string) error {
	_, err := newReceivers(addresses)
	return err
}

func newReceivers(addresses []string) ([]*receiver, error) {
	var all []*receiver
	count := map[string]int{}
	for i, address := range addresses {
		r, err := newReceiver(address)
		if err != nil {
			return nil, fmt.Errorf("number %d %w", i+1, err)
		}
		if count[r.label]++; count[r.label] > 1 {
			r.label += fmt.Sprintf(" (number %d)", count[r.label])
		}
		all = append(all, r)
	}
	return all, nil
}

func newReceiver(address string) (*receiver, error) {
	address = strings.TrimSpace(address)
	scheme, _, _ := strings.Cut(address, "://")
	format, prefixed := "", false
	if format, _, prefixed = strings.Cut(scheme, "+"); prefixed {
		address = strings.TrimPrefix(address, format+"+")
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Hostname() == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return nil, errNoAddress
	}
	if !prefixed {
		format = formatOf(parsed.Hostname())
	}
	use := formats[strings.ToLower(format)]
	if use == nil {
		return nil, errNoAddress
	}
	r := &receiver{url: parsed, label: parsed.Host}
	use(r)
	return r, nil
}

// formatOf is what a host understands.
func formatOf(host string) string {
	host = strings.ToLower(host)
	for _, known := range hosts {
		if host == known.host || strings.HasPrefix(known.host, ".") && strings.HasSuffix(host, known.host) {
			return known.format
		}
	}
	return "json"
}
